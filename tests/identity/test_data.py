import os
import random
from pathlib import Path
from typing import Any

import pytest
from dvc_data.hashfile.build import build
from dvc_data.hashfile.db import HashFileDB
from dvc_objects.fs import localfs

from twinlib.errors import UserError
from twinlib.identity import data, stat_cache
from twinlib.identity.data import content_hash, file_hashes, tree_hash, walk
from twinlib.identity.stat_cache import StatCache


@pytest.fixture
def cache(tmp_path: Path) -> StatCache:
    return StatCache(tmp_path / "cache")


@pytest.fixture
def top(tmp_path: Path) -> Path:
    folder = tmp_path / "top"
    folder.mkdir()
    return folder


def by_dvc(path: Path, tmp_path: Path) -> str:
    store = HashFileDB(localfs, str(tmp_path / "odb"))
    _, _, found = build(store, str(path), localfs, "md5", dry_run=True)
    return str(found.hash_info.value)


def test_a_file_has_the_hash_that_dvc_gives_it(tmp_path: Path, cache: StatCache) -> None:
    path = tmp_path / "file"
    for content in (b"", b"text\r\nof windows\r\n", random.Random(0).randbytes(3_000_000)):
        path.write_bytes(content)
        assert content_hash(path, cache) == by_dvc(path, tmp_path)


def test_a_folder_has_the_hash_that_dvc_gives_it(top: Path, tmp_path: Path, cache: StatCache) -> None:
    assert content_hash(top, cache) == by_dvc(top, tmp_path)
    names = ["b", "a.b", "a/c", "a/b/c", "a-", "a /x", ".hidden", "é", "e\u0301", "\U0001f300", 'quote"', "new\nline"]
    for number, name in enumerate(names):
        (top / name).parent.mkdir(parents=True, exist_ok=True)
        (top / name).write_text(str(number % 3))
    (top / "link").symlink_to("b")
    (top / "no files/in/here").mkdir(parents=True)
    assert content_hash(top, cache) == by_dvc(top, tmp_path)
    assert content_hash(top / "a", cache) == by_dvc(top / "a", tmp_path)


def test_names_that_are_no_text_are_hashed(top: Path, cache: StatCache) -> None:
    Path(os.fsdecode(os.fsencode(top) + b"/\xff")).write_text("one")
    first = content_hash(top, cache)
    Path(os.fsdecode(os.fsencode(top) + b"/\xff")).rename(os.fsdecode(os.fsencode(top) + b"/\xfe"))
    assert content_hash(top, cache) != first


def test_the_hashes_of_all_files_give_the_hash_of_the_folder(top: Path, cache: StatCache) -> None:
    for name in ("x/1", "x/2", "y"):
        (top / name).parent.mkdir(exist_ok=True)
        (top / name).write_text(name)
    hashes = file_hashes(top, cache)
    assert list(hashes) == ["x/1", "x/2", "y"]
    assert tree_hash(hashes) == content_hash(top, cache)
    assert file_hashes(top / "y", cache) == {".": hashes["y"]}


def test_an_unchanged_folder_is_not_read_again(top: Path, cache: StatCache, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stat_cache, "SETTLED_NS", -(10**12))
    for number in range(5):
        (top / str(number)).write_text(str(number))
    expected, files = content_hash(top, cache), file_hashes(top, cache)
    cache.save()
    read: list[Path] = []
    monkeypatch.setattr(data, "hash_file", lambda path, algorithm: read.append(path) or ("0" * 32, []))
    other = StatCache(top.parent / "cache")
    assert (content_hash(top, other), file_hashes(top, other)) == (expected, files)
    assert read == []


def test_only_changed_files_of_a_folder_are_read(top: Path, cache: StatCache, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stat_cache, "SETTLED_NS", -(10**12))
    for number in range(5):
        (top / str(number)).write_text(str(number))
    content_hash(top, cache)
    (top / "3").write_text("other")
    read: list[str] = []
    hash_file = data.hash_file
    monkeypatch.setattr(data, "hash_file", lambda path, kind: read.append(path.name) or hash_file(path, kind))
    assert content_hash(top, cache) == content_hash(top, StatCache(top / "../none"))
    assert read == ["3", "0", "1", "2", "3", "4"]


def test_links_into_each_other_are_refused(top: Path, cache: StatCache) -> None:
    (top / "a").mkdir()
    (top / "b").mkdir()
    (top / "a" / "to_b").symlink_to("../b")
    (top / "b" / "to_a").symlink_to("../a")
    with pytest.raises(UserError, match="leads back to itself"):
        content_hash(top, cache)


def test_one_folder_linked_twice_is_no_loop(top: Path, cache: StatCache) -> None:
    (top / "real").mkdir()
    (top / "real" / "file").write_text("x")
    (top / "first").symlink_to("real")
    (top / "second").symlink_to("real")
    assert [name for name, _ in walk(top)] == ["first/file", "real/file", "second/file"]


def make_broken_link(path: Path) -> None:
    path.symlink_to("nothing")


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (make_broken_link, "odd cannot be read: No such file"),
        (os.mkfifo, "odd is neither a file nor a folder"),
        (lambda path: path.symlink_to(path), "odd cannot be read: Too many levels of symbolic links"),
    ],
    ids=["broken link", "fifo", "link to itself"],
)
def test_what_cannot_be_hashed_is_named(make: Any, said: str, top: Path, cache: StatCache) -> None:
    (top / "deep").mkdir()
    make(top / "deep" / "odd")
    with pytest.raises(UserError, match=said):
        content_hash(top, cache)
    with pytest.raises(UserError, match="odd"):
        content_hash(top / "deep" / "odd", cache)


def test_missing_data_are_named(tmp_path: Path, cache: StatCache) -> None:
    with pytest.raises(UserError, match="nowhere cannot be read: No such file"):
        content_hash(tmp_path / "nowhere", cache)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_unreadable_data_are_named(top: Path, cache: StatCache) -> None:
    (top / "secret").write_text("x")
    (top / "secret").chmod(0)
    with pytest.raises(UserError, match="secret cannot be read: Permission denied"):
        content_hash(top, cache)


def test_data_written_while_they_are_read_are_refused(
    top: Path, cache: StatCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    (top / "growing").write_text("x")
    hash_file = data.hash_file

    def slow(path: Path, algorithm: str) -> Any:
        path.write_text("more than before")
        return hash_file(path, algorithm)

    monkeypatch.setattr(data, "hash_file", slow)
    with pytest.raises(UserError, match="growing is written while it is read"):
        content_hash(top, cache)
