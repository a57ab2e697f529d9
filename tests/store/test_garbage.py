import hashlib
import subprocess
import sys

import pytest

from twinlib.store import garbage
from twinlib.store.garbage import rubbish
from twinlib.store.lock import lock


@pytest.fixture(autouse=True)
def nothing_is_young(monkeypatch):
    for name in ("YOUNG", "IDLE", "UNCACHED", "PARTIAL"):
        monkeypatch.setattr(garbage, name, -1.0)


def sha(word):
    return hashlib.sha256(word.encode()).hexdigest()


def paths(store, *kept):
    return {found.path.relative_to(store.path).as_posix() for found in rubbish(store.path, kept)}


def die_holding(folder, key):
    """Let a process take a lock and be killed."""
    code = """
import os, sys
from pathlib import Path
from twinlib.store.lock import lock
with lock(Path(sys.argv[1]), sys.argv[2]):
    os.kill(os.getpid(), 9)
"""
    subprocess.run([sys.executable, "-c", code, str(folder), key], timeout=60)


def test_an_empty_store(store):
    assert rubbish(store.path, ()) == []


def test_records_that_nobody_refers_to(store, publish):
    kept, other = publish(store, sha("a")), publish(store, sha("b"), label="other")
    assert paths(store, sha("a")) == {other.folder.name}
    (found,) = rubbish(store.path, [sha("a")])
    assert found.size == sum(path.stat().st_size for path in other.folder.rglob("*") if path.is_file())
    garbage.remove(found)
    garbage.remove(found)  # another gc was faster
    assert [record.folder for record in store.records()] == [kept.folder]


def test_what_was_just_made_stays(store, publish, monkeypatch):
    publish(store)
    store.draft("digits", sha("b"))
    (store.path / ".uncached" / "x").mkdir(parents=True)
    for name in ("YOUNG", "IDLE", "UNCACHED", "PARTIAL"):
        monkeypatch.setattr(garbage, name, 60.0)
    assert paths(store) == set()


def test_damaged_records_and_what_was_moved_aside(store, publish, fingerprint):
    record = publish(store)
    (record.folder / "weights.pt").unlink()
    (store.path / ".damaged" / "old").mkdir(parents=True)
    assert paths(store, fingerprint) == {record.folder.name, ".damaged/old"}


def test_other_folders_are_not_ours(store, publish, fingerprint):
    publish(store)
    (store.path / "notes").mkdir()
    (store.path / ".sweeps" / "x").mkdir(parents=True)
    assert paths(store, fingerprint) == set()


def test_a_draft_whose_owner_lives_is_not_touched(store, fingerprint):
    draft = store.draft("digits", fingerprint)
    with lock(store.path, fingerprint):
        assert paths(store) == set()
    assert paths(store) == {f".draft/{draft.name}"}


def test_checkpoints_of_runs_that_broke_off_or_are_finished(store, publish, monkeypatch):
    finished, old = publish(store).fingerprint, sha("broke off")
    for name in (finished, old):
        (store.path / ".partial" / name).mkdir(parents=True)
        (store.path / ".partial" / name / "000000001-0.npz").touch()
    with lock(store.path, old):
        assert paths(store, finished) == {f".partial/{finished}"}
    assert paths(store, finished) == {f".partial/{name}" for name in (finished, old)}
    monkeypatch.setattr(garbage, "PARTIAL", 60.0)
    assert paths(store, finished) == {f".partial/{finished}"}


def test_the_draft_and_the_lock_of_a_dead_process(store, fingerprint, monkeypatch):
    monkeypatch.setattr(garbage, "IDLE", 3600.0)
    draft = store.draft("digits", fingerprint)
    store.draft("digits", sha("of nobody, and young"))
    die_holding(store.path, fingerprint)
    assert paths(store) == {f".draft/{draft.name}", f".locks/{fingerprint}.0"}
    for found in rubbish(store.path, ()):
        garbage.remove(found)
    assert not draft.exists() and list((store.path / ".locks").iterdir()) == []


def test_the_locks_that_the_dead_left_of_a_study(store):
    studies = store.path / ".studies"
    die_holding(studies, "mnist-search")
    (studies / "mnist-search.log").write_text("{}")
    with lock(studies, "a living process"):
        assert paths(store) == {".studies/.locks/mnist-search.0"}
    for found in rubbish(store.path, ()):
        garbage.remove(found)
    assert sorted(path.name for path in studies.iterdir()) == [".locks", "mnist-search.log"]
    assert list((studies / ".locks").iterdir()) == []


def test_a_lock_that_was_taken_over_protects(store, fingerprint):
    die_holding(store.path, fingerprint)
    draft = store.draft("digits", fingerprint)
    with lock(store.path, fingerprint):
        assert paths(store) == {f".locks/{fingerprint}.0"}
        assert draft.exists()


def test_a_link_is_removed_and_not_what_it_points_to(store, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "file").write_text("")
    (store.path / ".damaged").mkdir(parents=True)
    (store.path / ".damaged" / "link").symlink_to(tmp_path / "elsewhere")
    (found,) = rubbish(store.path, ())
    garbage.remove(found)
    assert (tmp_path / "elsewhere" / "file").exists() and not (store.path / ".damaged" / "link").is_symlink()


def test_a_removal_that_is_interrupted_leaves_no_record(store, publish, monkeypatch):
    record = publish(store)
    monkeypatch.setattr("shutil.rmtree", lambda path: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        garbage.remove(rubbish(store.path, ())[0])
    assert list(store.records()) == []
    assert not (record.folder / "record.json").exists()
    assert "damaged" in rubbish(store.path, ())[0].why
