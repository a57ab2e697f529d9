import hashlib
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from twinlib.errors import UserError
from twinlib.identity import stat_cache
from twinlib.identity.stat_cache import StatCache
from twinlib.store.local import Store, folder_name
from twinlib.store.record import RECORD, Damaged, Record

Publish = Any  # conftest.py


def visible(store: Store) -> list[str]:
    return sorted(path.name for path in store.path.iterdir() if not path.name.startswith("."))


def test_an_unknown_run_leaves_no_trace(store: Store, fingerprint: str) -> None:
    assert store.find(fingerprint, "digits") is None
    assert list(store.records()) == []
    assert not store.path.exists()


def test_a_published_run_is_found(store: Store, publish: Publish, fingerprint: str) -> None:
    record = publish(store)
    assert record.folder == store.path / f"digits-{fingerprint[:12]}"
    assert store.find(fingerprint, "digits") == record
    assert list(store.records()) == [record]
    assert sorted(record.files) == ["config.yaml", "shards/0.bin", "weights.pt"]
    assert (record.metrics, record.objective) == ({"val_loss": 0.25, "test_accuracy": 0.97}, "val_loss")
    assert list((store.path / ".draft").iterdir()) == []


def test_a_draft_is_not_seen(store: Store, fingerprint: str, capsys: Any) -> None:
    draft = store.draft("digits", fingerprint)
    (draft / RECORD).write_text("{}")
    assert store.find(fingerprint, "digits") is None
    assert list(store.records()) == []
    assert capsys.readouterr().err == ""


def test_the_label_is_no_part_of_the_identity(store: Store, publish: Publish, fingerprint: str) -> None:
    record = publish(store, label="digits")
    assert store.find(fingerprint, "another") == record
    assert publish(store, label="third", weights=b"new") == record
    assert visible(store) == [record.folder.name]


@pytest.mark.parametrize(
    "label", ["mnist/cnn,lr=1e-3", "..", "../../etc", ".hidden", "", "a\nb\x1b", "größe", "x" * 300]
)
def test_any_label_gives_a_plain_folder_name(store: Store, publish: Publish, fingerprint: str, label: str) -> None:
    record = publish(store, label=label)
    assert record.folder.parent == store.path
    assert visible(store) == [record.folder.name]
    assert store.find(fingerprint, label) == record


def test_64_records_with_similar_labels(store: Store, publish: Publish) -> None:
    label = "digits-cnn-lightning-" + "lr=0.001," * 20
    runs = {hashlib.sha256(bytes([i])).hexdigest(): f"{label}seed={i}" for i in range(64)}
    for number, (fingerprint, label) in enumerate(runs.items()):
        publish(store, fingerprint=fingerprint, label=label, weights=bytes([number]))
    for number, (fingerprint, label) in enumerate(runs.items()):
        record = store.find(fingerprint, label)
        assert record is not None and record.fingerprint == fingerprint
        assert (record.folder / "weights.pt").read_bytes() == bytes([number])
    assert sorted(record.fingerprint for record in store.records()) == sorted(runs)


def damage_truncate_record(folder: Path) -> None:
    text = (folder / RECORD).read_bytes()
    (folder / RECORD).write_bytes(text[: len(text) // 2])


def damage_truncate(folder: Path) -> None:
    os.truncate(folder / "weights.pt", 2)


def damage_alter_unnoticed(folder: Path) -> None:
    """Same size, and the times set back."""
    file = folder / "weights.pt"
    before = file.stat()
    file.write_bytes(file.read_bytes()[::-1])
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))


def damage_delete(folder: Path) -> None:
    (folder / "weights.pt").unlink()


def damage_delete_record(folder: Path) -> None:
    (folder / RECORD).unlink()


def damage_link(folder: Path) -> None:
    (folder / "weights.pt").rename(folder / "moved")
    (folder / "weights.pt").symlink_to("moved")


def damage_replace_by_file(folder: Path) -> None:
    folder.rename(folder.with_name(".away"))
    folder.write_text("no folder")


def damage_replace_by_dead_link(folder: Path) -> None:
    folder.rename(folder.with_name(".away"))
    folder.symlink_to("nowhere")


@pytest.mark.parametrize(
    "damage",
    [
        damage_truncate_record,
        damage_truncate,
        damage_alter_unnoticed,
        damage_delete,
        damage_delete_record,
        damage_link,
        damage_replace_by_file,
        damage_replace_by_dead_link,
    ],
)
def test_a_damaged_record_is_no_hit_and_is_replaced(
    store: Store, publish: Publish, fingerprint: str, capsys: Any, damage: Any
) -> None:
    folder = publish(store, weights=b"old!").folder
    damage(folder)
    assert store.find(fingerprint, "digits") is None
    assert f"damaged record, not used: {folder}: " in capsys.readouterr().err

    record = publish(store, weights=b"new!")
    assert store.find(fingerprint, "digits") == record
    assert (record.folder / "weights.pt").read_bytes() == b"new!"
    (aside,) = (store.path / ".damaged").iterdir()
    assert aside.name.startswith(folder.name) and os.path.lexists(aside)


def test_the_first_record_of_a_run_stays(store: Store, publish: Publish, fingerprint: str) -> None:
    first = publish(store, weights=b"old!")
    assert publish(store, weights=b"new!") == first
    assert (first.folder / "weights.pt").read_bytes() == b"old!"
    assert list((store.path / ".draft").iterdir()) == []


def test_an_empty_folder_is_in_nobodys_way(store: Store, publish: Publish, fingerprint: str) -> None:
    (store.path / f"digits-{fingerprint[:12]}").mkdir(parents=True)
    assert store.find(fingerprint, "digits") is None
    assert store.find(fingerprint, "digits") is None and publish(store) == store.find(fingerprint, "digits")


def test_a_record_under_the_name_of_another_run_is_no_hit(store: Store, publish: Publish, fingerprint: str) -> None:
    other = hashlib.sha256(b"another run").hexdigest()
    publish(store, fingerprint=other).folder.rename(store.path / folder_name("digits", fingerprint))
    assert store.find(fingerprint, "digits") is None
    publish(store)
    found = store.find(fingerprint, "digits")
    assert found is not None and found.fingerprint == fingerprint


def test_one_damaged_record_does_not_hide_the_others(store: Store, publish: Publish, capsys: Any) -> None:
    kept = publish(store, fingerprint="1" * 64)
    damage_truncate_record(publish(store, fingerprint="2" * 64).folder)
    (store.path / "notes").mkdir()
    assert list(store.records()) == [kept]
    assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.parametrize("link", ["last.pt", "shards/last.pt", "folder"])
def test_a_draft_with_a_link_stays_a_draft(store: Store, fingerprint: str, link: str) -> None:
    draft = store.draft("digits", fingerprint)
    (draft / "shards").mkdir()
    (draft / link).symlink_to("/" if link == "folder" else "/etc/hostname")
    with pytest.raises(UserError, match=f"{draft} cannot become a record: {link} is a link"):
        store.publish(
            draft, fingerprint=fingerprint, label="digits", name=None, metrics={"x": 1.0}, objective="x", seconds=1.0
        )
    assert draft.is_dir() and visible(store) == []


def test_a_draft_without_its_objective_stays_a_draft(store: Store, fingerprint: str) -> None:
    draft = store.draft("digits", fingerprint)
    with pytest.raises(UserError, match="the objective 'y' is none of its metrics"):
        store.publish(
            draft, fingerprint=fingerprint, label="digits", name=None, metrics={"x": 1.0}, objective="y", seconds=1.0
        )
    assert draft.is_dir() and visible(store) == []


def test_a_good_record_that_another_process_puts_there_meanwhile_is_not_moved_away(
    store: Store, publish: Publish, fingerprint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both have seen the damaged record; the other has replaced it just before we move it aside."""
    damage_truncate(publish(store).folder)
    rename = Path.rename
    raced = []

    def first_the_other(self: Path, target: Path) -> Path:
        if ".damaged" in Path(target).parts and not raced:
            raced.append(True)
            publish(store, weights=b"them")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", first_the_other)
    record = publish(store, weights=b"ours")
    assert raced
    assert store.find(fingerprint, "digits") == record
    assert (record.folder / "weights.pt").read_bytes() == b"them"
    assert len(list((store.path / ".damaged").iterdir())) == 1


PUBLISHER = """
import sys
from pathlib import Path
from twinlib.store.local import Store

store, number, fingerprint = Store(Path(sys.argv[1])), sys.argv[2], sys.argv[3]
draft = store.draft("digits", fingerprint)
(draft / "weights.pt").write_text(number)
(draft / "copy.pt").write_text(number)
print("ready", flush=True)
sys.stdin.readline()
record = store.publish(draft, fingerprint=fingerprint, label="digits", name=None, metrics={"x": 1.0}, objective="x",
                       seconds=1.0)
record.verify()
print((record.folder / "weights.pt").read_text())
"""


def test_of_several_that_publish_at_once_the_first_wins(tmp_path: Path, fingerprint: str) -> None:
    for attempt in range(5):
        path = tmp_path / str(attempt)
        processes = [
            subprocess.Popen(
                [sys.executable, "-c", PUBLISHER, path, str(number), fingerprint],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            for number in range(4)
        ]
        for process in processes:
            assert process.stdout is not None and process.stdout.readline() == "ready\n"
        for process in processes:
            assert process.stdin is not None
            process.stdin.write("\n")
            process.stdin.flush()
        won = {process.communicate()[0] for process in processes}
        record = Store(path).find(fingerprint, "digits")
        assert record is not None and won == {(record.folder / "weights.pt").read_text() + "\n"}
        assert (record.folder / "copy.pt").read_text() == (record.folder / "weights.pt").read_text()
        assert [folder.name for folder in path.iterdir() if folder.name[0] != "."] == [record.folder.name]
        assert list((path / ".draft").iterdir()) == []


def test_a_hit_imports_little(store: Store, publish: Publish, fingerprint: str) -> None:
    publish(store)
    program = f"""
import sys
from pathlib import Path
before = set(sys.modules)
from twinlib.store.local import Store
assert Store(Path({str(store.path)!r}), "memory://second").find({fingerprint!r}, "digits") is not None
print(*sorted(name.partition(".")[0] for name in set(sys.modules) - before))
"""
    modules = set(
        subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.split()
    )
    assert modules.isdisjoint({"fsspec", "pyarrow", "yaml", "numpy", "torch", "tensorflow", "tempfile", "asyncio"})


def test_read_says_damaged_also_for_what_verify_finds(store: Store, publish: Publish) -> None:
    record = publish(store)
    damage_alter_unnoticed(record.folder)
    with pytest.raises(Damaged, match=r"weights\.pt has another content"):
        Record.read(record.folder).verify()


def test_with_a_cache_a_hit_reads_no_file_twice_and_still_sees_every_change(
    tmp_path: Path, publish: Publish, fingerprint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stat_cache, "SETTLED_NS", -(10**18))  # what has just been written counts as settled
    folder = publish(Store(tmp_path / "runs")).folder
    read = []
    hash_file = stat_cache.hash_file

    def counted(path: Path, algorithm: str) -> tuple[str, list[int]]:
        read.append(path.name)
        return hash_file(path, algorithm)

    monkeypatch.setattr(stat_cache, "hash_file", counted)

    def find() -> Record | None:
        return Store(tmp_path / "runs", cache=StatCache(tmp_path / ".twin")).find(fingerprint, "digits")

    assert find() == find() is not None
    assert sorted(read) == ["0.bin", "config.yaml", "weights.pt"]
    damage_alter_unnoticed(folder)
    assert find() is None
