import hashlib
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import fsspec
import pytest
from fsspec.implementations.memory import MemoryFileSystem

from twinlib.errors import UserError
from twinlib.store.local import Store
from twinlib.store.record import RECORD, FileEntry, Record
from twinlib.store.remote import Remote, Unreachable

Publish = Any  # conftest.py
ROOT = "/shared/runs"


class Disturbed(MemoryFileSystem):
    """The files of memory://, with something that happens before some call that changes them.

    `before` is called with the number of the call, from 1. What it raises breaks the call off; a file that was being
    written is then left half-written, as a connection that breaks would leave it.
    """

    protocol = "disturbed"
    cachable = False
    calls = 0
    before: Callable[[int], None] = staticmethod(lambda call: None)

    @classmethod
    def _strip_protocol(cls, path: Any) -> str:
        return super()._strip_protocol(str(path).replace("disturbed://", "memory://"))

    def put_file(self, lpath: str, rpath: str, **_: Any) -> None:
        self._write(rpath, Path(lpath).read_bytes())

    def pipe_file(self, path: str, value: bytes, mode: str = "overwrite", **_: Any) -> None:
        self._write(path, value)

    def _write(self, path: str, content: bytes) -> None:
        Disturbed.calls += 1
        try:
            Disturbed.before(Disturbed.calls)
        except Exception:
            super().pipe_file(path, content[: len(content) // 2])
            raise
        super().pipe_file(path, content)


fsspec.register_implementation("disturbed", Disturbed, clobber=True)


@pytest.fixture(autouse=True)
def clean(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(MemoryFileSystem, "store", {})
    monkeypatch.setattr(MemoryFileSystem, "pseudo_dirs", [""])
    monkeypatch.setattr(Disturbed, "calls", 0)
    monkeypatch.setattr(Disturbed, "before", staticmethod(lambda call: None))
    yield


@pytest.fixture(params=["memory", "file", "plain path"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return {
        "memory": "memory://" + ROOT,
        "file": f"file://{tmp_path / 'shared' / 'runs'}",
        "plain path": str(tmp_path / "shared" / "runs"),
    }[request.param]


def content(record: Record) -> dict[str, bytes]:
    return {name: (record.folder / name).read_bytes() for name in [*record.files, RECORD]}


def nothing_local(store: Store) -> bool:
    """No record, no draft, nothing moved aside."""
    return not [path for path in store.path.rglob("*") if path.name != ".draft"]


def test_a_run_published_here_is_found_there(tmp_path: Path, url: str, publish: Publish, fingerprint: str) -> None:
    here, there = Store(tmp_path / "here", url), Store(tmp_path / "there", url)
    assert here.find(fingerprint, "digits") is None
    published = publish(here)
    found = there.find(fingerprint, "digits")
    assert found is not None and found.folder == there.path / published.folder.name
    assert replace(found, folder=published.folder) == published
    assert content(found) == content(published)
    assert list((there.path / ".draft").iterdir()) == []
    assert Store(there.path).find(fingerprint, "digits") == found  # now it is here, too


def test_the_layout_is_that_of_a_local_store(tmp_path: Path, publish: Publish, fingerprint: str) -> None:
    published = publish(Store(tmp_path / "here", f"file://{tmp_path}/shared"))
    found = Store(tmp_path / "shared").find(fingerprint, "digits")
    assert found is not None and content(found) == content(published)


def test_another_label_there_does_not_hide_the_run(
    tmp_path: Path, url: str, publish: Publish, fingerprint: str
) -> None:
    publish(Store(tmp_path / "here", url), label="their words")
    assert Store(tmp_path / "there", url).find(fingerprint, "our words") is not None


def test_push_and_pull_by_hand(tmp_path: Path, url: str, publish: Publish, fingerprint: str) -> None:
    record = publish(Store(tmp_path / "here"))
    here, there = Store(tmp_path / "here", url), Store(tmp_path / "there", url)
    assert there.pull(fingerprint) is None and there.remote_names() == []
    here.push(record)
    assert there.remote_names() == [record.folder.name]
    pulled = there.pull(fingerprint[:12])
    assert pulled is not None and content(pulled) == content(record)
    assert there.pull(fingerprint) == pulled


def test_without_a_remote_store_push_and_pull_say_so(store: Store, publish: Publish, fingerprint: str) -> None:
    record = publish(store)
    with pytest.raises(UserError, match=r"store\.remote is not set"):
        store.push(record)
    with pytest.raises(UserError, match=r"store\.remote is not set"):
        store.pull(fingerprint)


def test_a_damaged_record_is_not_pushed(tmp_path: Path, url: str, publish: Publish) -> None:
    record = publish(Store(tmp_path / "here"))
    (record.folder / "weights.pt").write_bytes(b"4321")
    here = Store(tmp_path / "here", url)
    with pytest.raises(UserError, match=r"is damaged, run it again: weights\.pt has another content"):
        here.push(record)
    assert here.remote_names() == []


def test_pushing_again_writes_nothing(tmp_path: Path, publish: Publish) -> None:
    here = Store(tmp_path / "here", "disturbed://" + ROOT)
    record = publish(here)
    calls = Disturbed.calls
    here.push(record)
    assert Disturbed.calls == calls > 0


def test_the_first_record_of_a_run_stays(tmp_path: Path, url: str, publish: Publish, fingerprint: str) -> None:
    publish(Store(tmp_path / "one", url), weights=b"1st!")
    second = publish(Store(tmp_path / "two"), weights=b"2nd!")
    Store(tmp_path / "two", url).push(second)
    found = Store(tmp_path / "there", url).find(fingerprint, "digits")
    assert found is not None and (found.folder / "weights.pt").read_bytes() == b"1st!"


def test_a_push_that_breaks_shows_nothing_and_can_be_repeated(
    tmp_path: Path, publish: Publish, fingerprint: str, capsys: Any
) -> None:
    here = Store(tmp_path / "here", "disturbed://" + ROOT)
    record = publish(Store(here.path))
    there = Store(tmp_path / "there", "memory://" + ROOT)

    def break_off(call: int) -> None:
        if call == broken_at:
            raise ConnectionResetError("connection reset by peer")

    Disturbed.before = staticmethod(break_off)
    broken_at = broken = 0
    while broken_at <= len(record.files):
        broken_at += 1
        Disturbed.calls = 0
        MemoryFileSystem.store.clear()
        with pytest.raises(Unreachable, match="connection reset by peer"):
            here.push(record)
        broken += 1
        assert MemoryFileSystem.store
        assert there.find(fingerprint, "digits") is None
        assert nothing_local(there)
    broken_at = 0
    here.push(record)
    found = there.find(fingerprint, "digits")
    assert broken == 4 and found is not None and content(found) == content(record)


def test_a_process_killed_in_a_push_shows_nothing(tmp_path: Path, publish: Publish, fingerprint: str) -> None:
    record = publish(Store(tmp_path / "here"))
    program = f"""
import os, signal, shutil
from pathlib import Path
from fsspec.implementations.local import LocalFileSystem
from twinlib.store.local import Store

def half(self, lpath, rpath, **_):
    content = Path(lpath).read_bytes()
    Path(rpath).write_bytes(content[: len(content) // 2])
    if rpath.endswith("weights.pt"):
        os.kill(os.getpid(), signal.SIGKILL)

LocalFileSystem.put_file = half
store = Store(Path({str(tmp_path / "here")!r}), {"file://" + str(tmp_path / "shared")!r})
store.push(next(store.records()))
"""
    assert subprocess.run([sys.executable, "-c", program]).returncode == -9
    url = f"file://{tmp_path}/shared"
    there = Store(tmp_path / "there", url)
    assert there.remote_names() == [record.folder.name]
    assert there.find(fingerprint, "digits") is None
    assert nothing_local(there)
    Store(tmp_path / "here", url).push(record)
    found = there.find(fingerprint, "digits")
    assert found is not None and content(found) == content(record)


@pytest.mark.parametrize("name", ["weights.pt", "config.yaml", "shards/0.bin", RECORD])
@pytest.mark.parametrize("how", ["altered", "cut off", "longer", "deleted"])
def test_a_remote_record_that_is_not_as_it_was_written_is_refused_and_replaced(
    tmp_path: Path, publish: Publish, fingerprint: str, capsys: Any, name: str, how: str
) -> None:
    url, files = "memory://" + ROOT, MemoryFileSystem()
    draft_of_first = publish(Store(tmp_path / "first", url), weights=b"old!")
    path = f"{ROOT}/{draft_of_first.folder.name}/{name}"
    old = files.cat_file(path)
    if how == "deleted":
        files.rm_file(path)
    else:
        files.pipe_file(path, {"altered": old[:-1] + b"?", "cut off": old[:-2], "longer": old + b"?"}[how])

    there = Store(tmp_path / "there", url)
    assert there.find(fingerprint, "digits") is None
    assert nothing_local(there)
    # Without its record.json it is one that somebody is still writing.
    assert ("damaged record, not used" in capsys.readouterr().err) == ((name, how) != (RECORD, "deleted"))

    again = publish(there, weights=b"new!")  # is written back in its place
    found = Store(tmp_path / "third", url).find(fingerprint, "digits")
    assert found is not None and content(found) == content(again)
    kept = [path for path in files.find(ROOT) if "/.damaged/" in path]
    assert bool(kept) == ((name, how) != (RECORD, "deleted"))


def test_a_file_without_end_is_cut_off_at_its_recorded_size(
    tmp_path: Path, publish: Publish, fingerprint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = publish(Store(tmp_path / "here", "memory://" + ROOT))
    taken = 0

    class Endless:
        def __enter__(self) -> "Endless":
            return self

        def __exit__(self, *_: object) -> None: ...

        def read(self, size: int) -> bytes:
            nonlocal taken
            taken += size
            return b"\0" * size

    opened = MemoryFileSystem.open

    def endless(self: Any, path: str, *arguments: Any, **options: Any) -> Any:
        return Endless() if path.endswith("weights.pt") else opened(self, path, *arguments, **options)

    monkeypatch.setattr(MemoryFileSystem, "open", endless)
    there = Store(tmp_path / "there", "memory://" + ROOT)
    assert there.find(fingerprint, "digits") is None
    assert 0 < taken <= record.files["weights.pt"].size + 2**20
    assert nothing_local(there)


@pytest.mark.parametrize("name", ["../stolen", "../../stolen", "/tmp/stolen", "a/../../stolen", "x" * 300, "a\x1b[2J"])
def test_a_record_that_reaches_out_of_its_folder_writes_nothing(
    tmp_path: Path, publish: Publish, fingerprint: str, name: str
) -> None:
    honest = publish(Store(tmp_path / "here", "memory://" + ROOT))
    entry = FileEntry(4, hashlib.sha256(b"evil").hexdigest())
    evil = replace(honest, files={**honest.files, name: entry})
    files = MemoryFileSystem()
    folder = f"{ROOT}/{honest.folder.name}"
    files.pipe_file(f"{folder}/{RECORD}", evil.to_json().encode())
    files.store[f"{folder}/{name}"] = files.store[f"{folder}/weights.pt"]
    there = Store(tmp_path / "deep" / "there", "memory://" + ROOT)
    assert there.find(fingerprint, "digits") is None
    assert nothing_local(there)
    assert not list(tmp_path.rglob("*stolen*")) and not Path("/tmp/stolen").exists()


def test_a_remote_record_of_another_run_is_refused(tmp_path: Path, publish: Publish, fingerprint: str) -> None:
    other = publish(Store(tmp_path / "here", f"file://{tmp_path}/shared"), fingerprint="1" * 64)
    (tmp_path / "shared" / other.folder.name).rename(tmp_path / "shared" / f"digits-{fingerprint[:12]}")
    there = Store(tmp_path / "there", f"file://{tmp_path}/shared")
    assert there.find(fingerprint, "digits") is None
    assert nothing_local(there)


def test_a_good_remote_record_replaces_a_damaged_local_one(
    tmp_path: Path, url: str, publish: Publish, fingerprint: str
) -> None:
    here = Store(tmp_path / "here", url)
    record = publish(here)
    before = content(record)
    (record.folder / "weights.pt").write_bytes(b"!!!!")
    found = here.find(fingerprint, "digits")
    assert found is not None and content(found) == before
    assert len(list((here.path / ".damaged").iterdir())) == 1


@pytest.mark.parametrize("moment", range(1, 5))
def test_another_pushes_the_same_run_meanwhile(tmp_path: Path, publish: Publish, fingerprint: str, moment: int) -> None:
    """The other is quicker: it pushes its whole record just before one of our files, or our record.json, is written."""
    ours = publish(Store(tmp_path / "ours"), weights=b"ours")
    them = Store(tmp_path / "them", "memory://" + ROOT)
    theirs = publish(Store(them.path), weights=b"them")

    def between(call: int) -> None:
        if call == moment:
            them.push(theirs)

    Disturbed.before = staticmethod(between)
    Store(tmp_path / "ours", "disturbed://" + ROOT).push(ours)
    found = Store(tmp_path / "there", "memory://" + ROOT).find(fingerprint, "digits")
    assert found is not None and content(found) in (content(ours), content(theirs))


@pytest.mark.parametrize("moment", range(1, 5))
def test_another_that_had_begun_writes_one_file_into_ours(
    tmp_path: Path, publish: Publish, fingerprint: str, moment: int
) -> None:
    ours = publish(Store(tmp_path / "ours"), weights=b"ours")
    theirs = publish(Store(tmp_path / "them"), weights=b"them")

    def between(call: int) -> None:
        if call == moment:
            path = f"{ROOT}/{ours.folder.name}/weights.pt"
            MemoryFileSystem().pipe_file(path, (theirs.folder / "weights.pt").read_bytes())

    Disturbed.before = staticmethod(between)
    Store(tmp_path / "ours", "disturbed://" + ROOT).push(ours)
    found = Store(tmp_path / "there", "memory://" + ROOT).find(fingerprint, "digits")
    assert found is not None and content(found) == content(ours)


@pytest.mark.parametrize("before", ["nothing", "damaged"])
def test_two_that_push_the_same_run_at_once_leave_a_good_record(
    tmp_path: Path, publish: Publish, fingerprint: str, before: str
) -> None:
    records = [publish(Store(tmp_path / str(n)), weights=bytes([n]) * 4) for n in range(3)]
    for attempt in range(30):
        url = f"file://{tmp_path}/shared{attempt}"
        if before == "damaged":
            Remote(url).push(records[2])
            (tmp_path / f"shared{attempt}" / records[2].folder.name / "config.yaml").write_bytes(b"")
        start = threading.Barrier(2)

        def push(record: Record, url: str = url, start: threading.Barrier = start) -> None:
            start.wait()
            # A push may give up when the folder is moved aside under its hands; the other's record is good then.
            with suppress(Unreachable):
                Remote(url).push(record)

        threads = [threading.Thread(target=push, args=(record,)) for record in records[:2]]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        found = Store(tmp_path / f"there{attempt}", url).find(fingerprint, "digits")
        assert found is not None and content(found) in [content(record) for record in records[:2]]


def test_a_remote_store_that_does_not_answer_stops_nothing(
    tmp_path: Path, publish: Publish, fingerprint: str, capsys: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any, **__: Any) -> Any:
        raise TimeoutError("no route to ftp://me:secret@host/runs\nand more")

    monkeypatch.setattr(MemoryFileSystem, "ls", refuse)
    monkeypatch.setattr(MemoryFileSystem, "open", refuse)
    here = Store(tmp_path / "here", "memory://" + ROOT)
    assert here.find(fingerprint, "digits") is None
    record = publish(here)
    assert here.find(fingerprint, "digits") == record
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 2 and all(line.startswith("store.remote: memory://") for line in lines)
    assert lines[0].endswith("going on without it") and "`twin push`" in lines[1]
    with pytest.raises(Unreachable):
        here.push(record)
    with pytest.raises(Unreachable):
        here.pull(fingerprint)


@pytest.mark.parametrize("url", ["nowhere://x/y", "abfs-not-there://c/y"])
def test_a_url_that_nobody_knows_is_the_users_mistake(tmp_path: Path, fingerprint: str, url: str) -> None:
    with pytest.raises(UserError, match=rf"store\.remote: {url}: ") as caught:
        Store(tmp_path / "here", url).find(fingerprint, "digits")
    assert not isinstance(caught.value, Unreachable)


def test_a_password_in_the_url_is_not_shown(tmp_path: Path, fingerprint: str, capsys: Any) -> None:
    with pytest.raises(UserError) as caught:
        Store(tmp_path / "here", "nowhere://me:secret@host/runs").find(fingerprint, "digits")
    assert "secret" not in str(caught.value)


def test_a_full_local_disk_is_not_blamed_on_the_remote(
    tmp_path: Path, small_disk: Path, publish: Publish, fingerprint: str
) -> None:
    publish(Store(tmp_path / "here", f"file://{tmp_path}/shared"), weights=os.urandom(2**20))
    there = Store(small_disk / "runs", f"file://{tmp_path}/shared")
    with pytest.raises(UserError, match="no space left on device; free some space") as caught:
        there.find(fingerprint, "digits")
    assert not isinstance(caught.value, Unreachable)
    assert nothing_local(there)
