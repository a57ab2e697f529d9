import json

import pytest


@pytest.fixture
def remote(tmp_path):
    return f"store.remote=file://{tmp_path}/remote"


def names(tmp_path):
    return sorted(path.name for path in (tmp_path / "remote").iterdir())


def test_all_records_go_and_come(root, computed, remote, say, tmp_path):
    first, second = computed(), computed("lr=3e-4")
    assert say("push", remote) == "2 records in the remote store\n"
    assert names(tmp_path) == sorted([first.folder.name, second.folder.name])
    assert say("pull", remote, "store.path=other").startswith("2 records fetched, 0 were here already")
    rows = json.loads(say("runs", "--json", "store.path=other"))
    assert {row["fingerprint"] for row in rows} == {first.fingerprint, second.fingerprint}
    assert say("pull", remote, "store.path=other").startswith("0 records fetched, 2 were here already")


def test_one_record_goes(root, computed, remote, say, tmp_path):
    first = computed()
    second = computed("lr=3e-4")
    say("push", remote, "tiny/own", "lr=3e-4")
    assert names(tmp_path) == [second.folder.name]
    say("push", remote, first.fingerprint[:8])
    assert len(names(tmp_path)) == 2


@pytest.mark.parametrize("how", ["hash", "name", "beginning", "experiment", "settings"])
def test_one_record_comes(how, root, computed, remote, say):
    computed("lr=3e-4")
    record = computed("lr=5e-4")
    say("push", remote)
    words = {
        "hash": [record.fingerprint],
        "name": [record.folder.name],
        "beginning": ["tiny-linear-torch-lr=0.0005"],
        "experiment": ["tiny/own", "lr=5e-4"],
        "settings": ["experiment=tiny/own", "lr=5e-4"],
    }[how]
    assert say("pull", *words, remote, "store.path=other").startswith("1 record fetched")
    (row,) = json.loads(say("runs", "--json", "store.path=other"))
    assert row["fingerprint"] == record.fingerprint


def test_no_remote_store(root, computed, refused):
    computed()
    for command in ("push", "pull"):
        assert refused(command).startswith("store.remote is not set; name a second store")


def test_a_remote_without_the_record(root, computed, remote, refused, say):
    computed()
    say("push", remote)
    assert "the remote store has no such record" in refused("pull", remote, "ffff00000000")
    assert "the remote store has no good record" in refused("pull", remote, "tiny/own", "lr=9e-9", "store.path=other")


def test_a_damaged_remote_record_is_not_taken(root, computed, remote, say, tmp_path, capsys):
    record = computed()
    say("push", remote)
    (tmp_path / "remote" / record.folder.name / "weights.npy").write_bytes(b"x")
    assert say("pull", remote, "store.path=other").startswith("0 records fetched")
    assert json.loads(say("runs", "--json", "store.path=other")) == []


def test_the_address_is_not_shown_with_its_password(root, computed, say, remote):
    computed()
    assert "remote/" not in say("push", remote)
