"""The nearest record by pieces is that of comparing every record as a whole."""

import json
import random
from dataclasses import replace

import pytest

from twinlib.identity.explain import differences_in
from twinlib.identity.fingerprint import PARTS, Identity
from twinlib.store.index import Index
from twinlib.store.record import RECORD

SINGLE = [0, 1, 1.0, True, None, "1", "a", "!float:nan", "\ud83d", "\U0001f600", "\0"]
KEYS = ["lr", "seed", "model", "data", "strategy", "a.b", "a"]


def value(rng, depth=2):
    kind = rng.random()
    if depth and kind < 0.25:
        return {key: value(rng, depth - 1) for key in rng.sample(KEYS, rng.randrange(4))}
    if depth and kind < 0.4:
        return [value(rng, depth - 1) for _ in range(rng.randrange(3))]
    return rng.choice(SINGLE)


def hashes(rng, names, kinds=3):
    return {name: str(rng.randrange(kinds)) for name in rng.sample(names, rng.randrange(len(names) + 1))}


def identity(rng):
    return Identity(
        {key: value(rng) for key in rng.sample(KEYS, rng.randrange(1, len(KEYS)))},
        hashes(rng, ["net", "own", "train"]),
        hashes(rng, ["data.path", "inputs.mesh"]),
        hashes(rng, ["python", "numpy"]),
    )


def far(new, old):
    """How many differences there are between two identities, each part as a whole."""
    return sum(len(differences_in(part, getattr(new, part), getattr(old, part))) for part in PARTS)


@pytest.fixture
def publish(store):
    def act(identity, created):
        fingerprint = identity.fingerprint
        draft = store.draft("run", fingerprint)
        (draft / "identity.json").write_text(json.dumps(identity.to_json()))
        record = store.publish(
            draft,
            fingerprint=fingerprint,
            label="run",
            name=None,
            metrics={"val_loss": 0.5},
            objective="val_loss",
            seconds=1.0,
        )
        record = replace(record, created=created)
        (record.folder / RECORD).write_text(record.to_json())
        return record

    return act


@pytest.mark.parametrize("seed", range(3))
def test_the_order_is_that_of_comparing_every_record(store, publish, tmp_path, seed):
    rng = random.Random(seed)
    known = {}
    for _ in range(60):
        old = identity(rng)
        known[old.fingerprint] = old
    records = [(publish(old, f"2026-03-{rng.randrange(1, 4):02}T00:00:00Z"), old) for old in known.values()]
    index = Index(store.path, tmp_path / ".twin")
    near = next(iter(known.values()))
    for new in [*(identity(rng) for _ in range(20)), replace(near, config=near.config | {"lr": 0.3}), near]:
        latest = sorted(records, key=lambda pair: pair[0].folder.name)
        latest.sort(key=lambda pair: pair[0].created, reverse=True)
        wanted = sorted(latest, key=lambda pair: far(new, pair[1]))
        assert list(index.nearest(new)) == [record.folder for record, _ in wanted]
    assert next(iter(index.nearest(near))).name.endswith(near.fingerprint[:12])


def test_what_has_no_identity_is_near_to_nothing(store, publish, tmp_path):
    index = Index(store.path, tmp_path / ".twin")
    new = identity(random.Random(0))
    assert list(index.nearest(new)) == []
    record = publish(new, "2026-03-01T00:00:00Z")
    (record.folder / "identity.json").write_text("{" + " " * (record.files["identity.json"].size - 1))
    assert list(index.nearest(new)) == []


def test_the_index_of_an_earlier_version_is_built_again(store, publish, tmp_path):
    import sqlite3

    index = Index(store.path, tmp_path / ".twin")
    new = identity(random.Random(0))
    record = publish(new, "2026-03-01T00:00:00Z")
    index.file.parent.mkdir()
    with sqlite3.connect(index.file) as base:
        base.execute(
            "CREATE TABLE runs (id INTEGER PRIMARY KEY, folder TEXT UNIQUE, stamp TEXT, record, metrics, config)"
        )
        base.execute("PRAGMA user_version = 2")
    base.close()
    assert list(index.nearest(new)) == [record.folder]
