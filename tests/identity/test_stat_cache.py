import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from twinlib.errors import UserError
from twinlib.identity import stat_cache
from twinlib.identity.stat_cache import StatCache, hash_file, stamp

ROOT = Path(__file__).parents[2]
OLD = {"changed": 0, "read": time.time_ns()}


def test_a_value_is_valid_for_its_stamp_only(tmp_path: Path) -> None:
    cache = StatCache(tmp_path)
    cache.put("shelf", "key", [1, 2], {"any": ["json", None]}, **OLD)
    assert cache.get("shelf", "key", [1, 2]) == {"any": ["json", None]}
    assert cache.get("shelf", "key", [1, 3]) is None
    assert cache.get("shelf", "other", [1, 2]) is None
    assert cache.get("other", "key", [1, 2]) is None


def test_values_are_kept_for_the_next_process_when_saved(tmp_path: Path) -> None:
    cache = StatCache(tmp_path / ".twin")
    cache.put("shelf", "key", [1], "value", **OLD)
    assert StatCache(tmp_path / ".twin").get("shelf", "key", [1]) is None
    cache.save()
    assert StatCache(tmp_path / ".twin").get("shelf", "key", [1]) == "value"
    assert (tmp_path / ".twin" / ".gitignore").read_text() == "*\n"


def test_other_keys_can_be_forgotten(tmp_path: Path) -> None:
    cache = StatCache(tmp_path)
    for key in "abc":
        cache.put("shelf", key, [1], key, **OLD)
    cache.save()
    cache.keep_only("shelf", {"b"})
    cache.save()
    kept = StatCache(tmp_path)
    assert [kept.get("shelf", key, [1]) for key in "abc"] == [None, "b", None]


def test_a_young_file_is_not_remembered(tmp_path: Path) -> None:
    """It may be written again within one tick of the clock: the same stat, another content."""
    path, cache = tmp_path / "file", StatCache(tmp_path)
    path.write_text("one")
    before = path.stat()
    cache.file_hash(path, "md5")
    path.write_text("two")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    shelf = f"files {tmp_path}"
    assert cache.get(shelf, "md5 file", stamp(before)) is None
    assert cache.file_hash(path, "md5") == hash_file(path, "md5")[0]


def test_an_old_file_is_remembered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, cache = tmp_path / "file", StatCache(tmp_path)
    path.write_text("one")
    later = time.time_ns() + stat_cache.SETTLED_NS + 10**9
    monkeypatch.setattr(stat_cache.time, "time_ns", lambda: later)
    digest = cache.file_hash(path, "sha256")
    monkeypatch.setattr(stat_cache, "hash_file", lambda path, algorithm: pytest.fail("read again"))
    assert cache.file_hash(path, "sha256") == digest


@pytest.mark.parametrize("change", ["size", "mtime", "ctime", "inode"])
def test_every_part_of_a_stamp_counts(change: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stat_cache, "SETTLED_NS", -(10**12))
    path, cache = tmp_path / "file", StatCache(tmp_path)
    path.write_text("one")
    first, before = cache.file_hash(path, "md5"), path.stat()
    time.sleep(0.01)
    if change == "inode":
        (tmp_path / "other").write_text("two")
        (tmp_path / "other").replace(path)
    else:
        path.write_text("longer" if change == "size" else "two")
    if change != "mtime":
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert cache.file_hash(path, "md5") != first


def flip(content: bytes, at: int) -> bytes:
    return content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :]


@pytest.mark.parametrize("at", [0, 70, -3])
def test_a_damaged_cache_is_empty(at: int, tmp_path: Path) -> None:
    cache = StatCache(tmp_path / ".twin")
    cache.put("shelf", "key", [1], "value", **OLD)
    cache.save()
    (path,) = (tmp_path / ".twin").glob("*.json")
    path.write_bytes(flip(path.read_bytes(), at % path.stat().st_size))
    assert StatCache(tmp_path / ".twin").get("shelf", "key", [1]) is None


@pytest.mark.parametrize("content", [b"", b"\n", b"[]", b"\0" * 1000])
def test_an_empty_or_foreign_cache_file_is_empty(content: bytes, tmp_path: Path) -> None:
    cache = StatCache(tmp_path / ".twin")
    cache.put("shelf", "key", [1], "value", **OLD)
    cache.save()
    (path,) = (tmp_path / ".twin").glob("*.json")
    path.write_bytes(content)
    again = StatCache(tmp_path / ".twin")
    assert again.get("shelf", "key", [1]) is None
    again.put("shelf", "key", [1], "value", **OLD)
    again.save()
    assert StatCache(tmp_path / ".twin").get("shelf", "key", [1]) == "value"


def test_a_cache_that_cannot_be_written_forgets(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    cache = StatCache(tmp_path / "file")
    cache.put("shelf", "key", [1], "value", **OLD)
    cache.save()
    assert StatCache(tmp_path / "file").get("shelf", "key", [1]) is None


def test_a_file_written_while_it_is_read_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "file"
    path.write_text("one")
    file_digest = stat_cache.hashlib.file_digest

    def slow(file: Any, make: Any) -> Any:
        path.write_text("grown")
        return file_digest(file, make)

    monkeypatch.setattr(stat_cache.hashlib, "file_digest", slow)
    with pytest.raises(UserError, match="is written while it is read"):
        StatCache(tmp_path).file_hash(path, "md5")


def test_what_is_no_file_is_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    for name in ("fifo", ".", "nothing"):
        with pytest.raises(OSError):
            StatCache(tmp_path).file_hash(tmp_path / name, "md5")


WORK = """
import sys, time
from pathlib import Path
from twinlib.identity.stat_cache import StatCache

old = {"changed": 0, "read": time.time_ns()}
for step in range(40):
    cache = StatCache(Path(sys.argv[1]))
    for key in range(50):
        found = cache.get("shelf", str(key), [key])
        assert found is None or found == "value" * key, (key, found)
        cache.put("shelf", str(key), [key], "value" * key, **old)
    cache.put("shelf", f"own {sys.argv[2]} {step}", [0], step, **old)
    cache.save()
"""


def test_many_processes_use_one_cache(tmp_path: Path) -> None:
    command = [sys.executable, "-c", WORK, str(tmp_path)]
    processes = [subprocess.Popen([*command, str(number)], cwd=ROOT) for number in range(6)]
    assert [process.wait() for process in processes] == [0] * 6
    cache = StatCache(tmp_path)
    assert [cache.get("shelf", str(key), [key]) for key in range(50)] == ["value" * key for key in range(50)]
    assert {path.name for path in tmp_path.iterdir() if path.name.startswith(".")} <= {".gitignore"}
