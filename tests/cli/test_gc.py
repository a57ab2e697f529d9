import json

import pytest

from twinlib.store import garbage
from twinlib.sweep import manifest
from twinlib.sweep.manifest import Sweep, SweepPoint


@pytest.fixture(autouse=True)
def nothing_is_young(monkeypatch):
    monkeypatch.setattr(garbage, "YOUNG", -1.0)


@pytest.fixture
def alone(root):
    """A project without experiments whose data are missing."""
    for path in (root / "experiments" / "mnist").iterdir():
        path.unlink()
    # What conf/config.yaml chooses is there.
    own = (root / "experiments" / "tiny" / "own.yaml").read_text()
    (root / "experiments" / "mnist" / "cnn_lightning.yaml").write_text(own)
    return root


def test_what_an_experiment_a_sweep_and_a_tag_refer_to_stays(alone, computed, say):
    experiment, swept, tagged, other = computed(), computed("lr=1"), computed("lr=2"), computed("lr=3")
    point = SweepPoint(0, ("lr=1",), manifest.CACHED, swept.fingerprint, swept.folder.name)
    sweep = Sweep("one", (), "2026-01-01T00:00:00Z", None, "val_loss", "minimize", (point,))
    manifest.write(sweep, alone / "runs" / manifest.FOLDER / "one")
    say("tag", "paper", tagged.folder.name)

    told = say("gc")
    assert "twin gc --yes" in told and other.folder.name in told
    assert other.folder.exists()
    rows = json.loads(say("gc", "--json"))
    assert rows["removed"] is False and [row["path"] for row in rows["rubbish"]] == [str(other.folder)]

    assert "removed: 1 in all" in say("gc", "--yes")
    assert [record.folder.exists() for record in (experiment, swept, tagged, other)] == [True, True, True, False]
    assert say("gc") == "nothing to remove\n"


def test_nothing_goes_where_it_is_not_known_what_is_needed(alone, computed, refused):
    record = computed("lr=3")
    folder = alone / "runs" / manifest.FOLDER / "one"
    folder.mkdir(parents=True)
    (folder / manifest.MANIFEST).write_text("{")
    assert "remove the folder of this sweep" in refused("gc", "--yes")
    (folder / manifest.MANIFEST).unlink()
    (alone / "experiments" / "tiny" / "broken.yaml").write_text("# @package _global_\nlrr: 1\n")
    assert "experiments/tiny/broken.yaml" in refused("gc", "--yes")
    assert record.folder.exists()


def test_a_run_is_not_for_gc(root, refused):
    assert "twin tag NAME tiny/own" in refused("gc", "tiny/own")
