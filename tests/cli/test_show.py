import json

import pytest

from twinlib.store.record import Record


@pytest.fixture
def record(computed):
    computed("seed=1")
    return computed()


def shown(say, *words):
    return json.loads(say("show", "--json", *words))


def test_all_that_the_record_says(root, record, say):
    told = shown(say, record.folder.name)
    assert told["fingerprint"] == record.fingerprint
    assert set(told["identity"]) == {"config", "code", "data", "environment"}
    assert told["metrics"] == record.metrics
    assert told["config"]["data"]["name"] == "tiny"
    assert told["files"]["weights.npy"]["size"] == (record.folder / "weights.npy").stat().st_size
    text = say("show", record.folder.name)
    lines = [line.split() for line in text.splitlines()]
    assert ["environment", told["identity"]["environment"]] in lines
    for piece in (record.fingerprint, str(record.folder), "test_accuracy", "weights.npy", "val_loss", "(objective)"):
        assert piece in text


@pytest.mark.parametrize(
    "words",
    [["tiny/own"], ["tiny/own", "lr=1e-3"], ["experiment=tiny/own"], ["workers=3", "tiny/own"]],
)
def test_a_run_by_its_experiment(words, root, record, say):
    assert shown(say, *words)["fingerprint"] == record.fingerprint


def test_a_run_by_its_hash_its_path_and_the_beginning_of_its_name(root, record, say):
    name = record.folder.name
    for word in (
        record.fingerprint,
        record.fingerprint[:12],
        record.fingerprint[:6],
        f"runs/{name}",
        str(record.folder),
        name[:-5],
    ):
        assert shown(say, word)["fingerprint"] == record.fingerprint


def test_no_other_record_is_read(root, record, computed, say, monkeypatch):
    other = computed("seed=7")
    assert record.folder != other.folder
    read = []
    read_it = Record.read
    monkeypatch.setattr(Record, "read", lambda folder: read.append(folder) or read_it(folder))
    for word in (record.fingerprint, record.fingerprint[:6], record.folder.name, record.folder.name[:-5]):
        shown(say, word)
    assert set(read) == {record.folder}


def test_a_hash_that_goes_on_in_another_way(root, record, refused):
    other = record.fingerprint[:12] + ("0" if record.fingerprint[12] != "0" else "1")
    assert refused("show", other).startswith(f"{other}: no such run and no such experiment")


def test_a_damaged_record_is_found_and_said(root, record, refused):
    (record.folder / "record.json").write_text("{}")
    for word in (record.folder.name, record.fingerprint[:12], record.fingerprint):
        assert "the record is damaged" in refused("show", word)


def test_the_beginning_of_two(root, record, refused):
    line = refused("show", "tiny-linear")
    assert line.startswith("tiny-linear: 2 runs begin so: tiny-linear-torch-")
    assert line.endswith("give more of the name or the hash")


def test_an_unknown_run_names_the_nearest(root, record, refused):
    assert refused("show", "tiny/ow") == "tiny/ow: no such run and no such experiment; did you mean tiny/own?"


def test_a_run_like_no_other(root, refused):
    assert refused("show", "zzz").startswith("zzz: no such run and no such experiment; ")


def test_an_experiment_that_is_not_computed(root, record, refused):
    line = refused("show", "tiny/own", "lr=5e-4")
    assert line == "tiny/own: not computed yet; compute it with: python train.py experiment=tiny/own lr=5e-4"


def test_settings_of_a_record_make_no_sense(root, record, refused):
    assert refused("show", record.folder.name, "lr=1").startswith("lr=1: ")


def test_a_mistyped_setting(root, refused):
    assert "did you mean lr?" in refused("show", "tiny/own", "lrr=1")


@pytest.mark.parametrize("words", [[], ["a", "b"]])
def test_one_run_at_a_time(words, root, refused):
    assert "twin show takes one run" in refused("show", *words)


def test_a_damaged_record(root, record, refused):
    path = record.folder / "weights.npy"
    path.write_bytes(path.read_bytes()[::-1])
    line = refused("show", record.folder.name)
    assert "weights.npy has another content than recorded" in line
    assert line.endswith("compute the run again")
