import hashlib
import json
import os
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from twinlib.errors import UserError
from twinlib.store.filter import Condition
from twinlib.store.index import Index
from twinlib.store.record import RECORD, Record


@pytest.fixture
def index(store, tmp_path):
    return Index(store.path, tmp_path / ".twin")


@pytest.fixture
def make(store):
    """Publish a run with a config, an hour old, so that its stats are trusted at once."""

    def act(number, objective=0.5, **config):
        fingerprint = hashlib.sha256(str(number).encode()).hexdigest()
        draft = store.draft("run", fingerprint)
        (draft / "identity.json").write_text(json.dumps({"config": {"lr": 0.1, "seed": number} | config}))
        return store.publish(
            draft,
            fingerprint=fingerprint,
            label="run",
            name=f"lab/{number}",
            metrics={"val_loss": objective},
            objective="val_loss",
            seconds=float(number),
        )

    return act


def names(index, *words, **options):
    return [row.name for row in index.select([Condition.parse(word) for word in words], **options)]


@pytest.fixture
def reads(monkeypatch):
    """The records that are read, not only looked up in the index."""
    seen = []
    read = Record.read

    def watched(folder):
        seen.append(folder.name)
        return read(folder)

    monkeypatch.setattr(Record, "read", watched)
    monkeypatch.setattr("twinlib.store.index.SETTLED_NS", -3600 * 10**9)  # a test does not wait for stats to settle
    return seen


def test_it_says_what_the_records_say(index, make):
    record = make(3, objective=float("nan"), model={"_target_": "a.cnn", "dense": 8})
    (row,) = index.select()
    assert (row.folder, row.name, row.fingerprint) == (record.folder, "lab/3", record.fingerprint)
    assert (row.created, row.seconds, row.host, row.objective) == (record.created, 3.0, record.host, "val_loss")
    assert str(row.metrics) == "{'val_loss': nan}"
    assert row.config == {"lr": 0.1, "seed": 3, "model": {"_target_": "a.cnn", "dense": 8}}


def test_filters_and_order(index, make):
    make(1, 0.3, lr=0.01), make(2, 0.1, lr=0.001, extra=1), make(3, 0.2, lr=0.001)
    assert names(index, "lr<=1e-3", "metric.val_loss<0.15") == ["lab/2"]
    assert names(index, sort="val_loss") == ["lab/2", "lab/3", "lab/1"]
    assert names(index, sort="metric.val_loss", reverse=True) == ["lab/1", "lab/3", "lab/2"]
    assert names(index, sort="extra", reverse=True)[0] == "lab/2"
    assert names(index, "extra!=1", sort="seed") == ["lab/1", "lab/3"]
    with pytest.raises(UserError, match="did you mean metric"):
        names(index, "metric.val_los<1")


def test_only_what_is_new_is_read(index, make, reads):
    make(1), make(2)
    del reads[:]
    assert sorted(names(index)) == ["lab/1", "lab/2"]
    assert len(reads) == 2
    names(index)
    assert len(reads) == 2
    third = make(3)
    del reads[:]
    names(index)
    assert reads == [third.folder.name]


def test_what_is_young_is_read_again(index, make):
    record = make(1)
    assert names(index) == ["lab/1"]
    stats = (record.folder / RECORD).stat()
    (record.folder / RECORD).write_text(replace(record, name="lab/9").to_json())
    os.utime(record.folder / RECORD, ns=(stats.st_atime_ns, stats.st_mtime_ns))
    assert names(index) == ["lab/9"]


def test_what_is_gone_or_damaged_goes(index, make, reads, capsys):
    first, second, third = make(1), make(2), make(3)
    assert len(names(index)) == 3
    (first.folder / "identity.json").unlink()
    (second.folder / RECORD).write_text("{}")
    third.folder.rename(third.folder.parent / "elsewhere")
    assert names(index) == []
    assert capsys.readouterr().err.count("skipped") == 2


def test_a_lost_or_damaged_or_old_index_is_built_again(index, make):
    make(1)
    assert names(index) == ["lab/1"]
    index.file.unlink()
    assert names(index) == ["lab/1"]
    index.file.write_bytes(b"SQLite format 3\0" + b"\xff" * 5000)
    assert names(index) == ["lab/1"]
    assert names(index) == ["lab/1"]
    base = sqlite3.connect(index.file)
    with base:
        base.execute("PRAGMA user_version = 99")
        base.execute("UPDATE runs SET record = '{}'")
    base.close()
    assert names(index) == ["lab/1"]


def test_a_home_that_cannot_be_written(store, make, tmp_path):
    make(1)
    (tmp_path / "file").write_text("")
    assert names(Index(store.path, tmp_path / "file")) == ["lab/1"]


def test_several_at_once(store, make, tmp_path):
    for number in range(30):
        make(number)
    with ThreadPoolExecutor(8) as pool:
        indices = [Index(store.path, tmp_path / ".twin") for _ in range(8)]
        found = list(pool.map(lambda index: sorted(names(index)), indices))
    assert found == [sorted(f"lab/{number}" for number in range(30))] * 8
    assert names(Index(store.path, tmp_path / ".twin"), "seed<3", sort="seed") == ["lab/0", "lab/1", "lab/2"]


def test_two_stores_have_two_indices(store, make, tmp_path):
    make(1)
    assert names(Index(tmp_path / "other", tmp_path / ".twin")) == []
    assert names(Index(store.path, tmp_path / ".twin")) == ["lab/1"]


def test_a_record_without_identity_is_known_by_its_config(index, store, publish):
    publish(store)
    assert [row.config for row in index.select()] == [{"lr": 0.001}]
