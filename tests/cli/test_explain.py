import json

import pytest


def lines(say, *words):
    return say("explain", *words).splitlines()


def test_hit(root, computed, say):
    record = computed()
    assert lines(say, "experiment=tiny/own", "workers=4") == [f"hit runs/{record.folder.name}"]
    told = json.loads(say("explain", "tiny/own", "--json"))
    assert told == {"fingerprint": record.fingerprint, "doubts": [], "hit": True, "folder": str(record.folder)}


def test_empty_store(root, say):
    assert lines(say, "experiment=tiny/own") == ["miss; there is no record to compare with"]


def test_a_setting(root, computed, say):
    computed("seed=5", "lr=5e-3")
    record = computed()
    assert lines(say, "experiment=tiny/own", "lr=3e-4") == [
        f"miss; nearest is runs/{record.folder.name}",
        "  config: lr is 0.0003, was 0.001",
    ]
    told = json.loads(say("explain", "experiment=tiny/own", "lr=3e-4", "--json"))
    assert (told["hit"], told["nearest"]) == (False, str(record.folder))
    assert told["differences"] == [
        {
            "part": "config",
            "what": "lr",
            "change": "changed",
            "old": 0.001,
            "new": 0.0003,
            "sentence": "config: lr is 0.0003, was 0.001",
        }
    ]


def test_of_equally_near_ones_the_latest(root, computed, say):
    computed("lr=1e-2", created="2026-03-02T00:00:00Z")
    late = computed("lr=1e-1", created="2026-03-03T00:00:00Z")
    computed("lr=2e-2", created="2026-03-01T00:00:00Z")
    assert lines(say, "experiment=tiny/own")[0] == f"miss; nearest is runs/{late.folder.name}"


def test_a_record_that_was_damaged_since_is_passed_over(root, computed, say):
    far = computed("seed=5", "lr=5e-3")
    near = computed()
    assert lines(say, "experiment=tiny/own", "lr=3e-4")[0] == f"miss; nearest is runs/{near.folder.name}"
    (near.folder / "weights.npy").write_bytes(b"cut off")
    assert lines(say, "experiment=tiny/own", "lr=3e-4")[0] == f"miss; nearest is runs/{far.folder.name}"


def test_a_module(root, computed, say):
    computed()
    (root / "own.py").write_text((root / "own.py").read_text() + "\nEDITED = 1\n")
    assert lines(say, "experiment=tiny/own")[1:] == ["  code: own has changed"]


def test_a_data_file(root, computed, say):
    computed()
    path = root / "data/tiny/test.arrow"
    path.write_bytes(path.read_bytes() + b"\0")
    assert lines(say, "experiment=tiny/own")[1:] == ["  data: data.path: test.arrow has changed"]


def test_a_damaged_record(root, computed, capsys, say):
    record = computed()
    path = record.folder / "weights.npy"
    path.write_bytes(path.read_bytes()[::-1])
    assert lines(say, "experiment=tiny/own")[1:] == ["  the same run, but its record is damaged"]


def test_what_is_never_cached(root, computed, say):
    computed()
    (root / "own.py").write_text((root / "own.py").read_text() + "\nexec(open('other').read())\n")
    first, *rest = lines(say, "experiment=tiny/own")
    assert first.startswith("never a hit: own.py:")
    assert rest[-1] == "  code: own has changed"


@pytest.mark.parametrize("words", [["experiment=tiny/onw"], ["tiny/onw"]])
def test_an_unknown_experiment(words, root, refused):
    assert refused("explain", *words) == "experiment=tiny/onw: no such experiment; did you mean tiny/own?"
