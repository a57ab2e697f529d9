"""Which checkpoints of a run that broke off may be taken up."""

import json

import pytest

from twinlib import unfinished
from twinlib.config.compose import compose
from twinlib.identity.fingerprint import identify
from twinlib.unfinished import Unfinished


@pytest.fixture
def folder(lab):
    return lab.root / "runs" / ".partial" / "a"


@pytest.fixture
def begin(lab, folder):
    """Start the run, for the first time or again."""
    config = compose([], lab.root)
    identity = identify(config, lab.root)
    return lambda: Unfinished(folder, identity, config, lab.root)


def train(started, folder, *epochs):
    """What an adapter and the worker do at each epoch."""
    for epoch in epochs:
        started.epoch_begins(epoch)
        started.epoch_ends({"epoch": epoch})
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{epoch:09d}-0.npz").touch()


def kept(folder):
    return [int(path.name.partition("-")[0]) for path in sorted(folder.glob("*.npz"))]


def test_nothing_was_there_before(begin, folder):
    begin()
    assert not folder.exists()


def test_a_run_goes_on_after_the_last_epoch(begin, folder):
    train(begin(), folder, 1, 2, 3)
    again = begin()
    assert kept(folder) == [1, 2, 3]
    for epoch in (1, 2, 3):
        again.epoch_ends({"epoch": epoch})  # the rows of earlier epochs are told again
    train(again, folder, 4)
    begin()
    assert kept(folder) == [1, 2, 3, 4]
    again.remove()
    assert not folder.exists()


def test_what_was_computed_by_other_code_is_not_taken_up(lab, begin, folder):
    code = (lab.root / "lab.py").read_text()
    running = begin()
    train(running, folder, 1)
    (lab.root / "lab.py").write_text(code + "\nCHANGED = 1\n")
    train(running, folder, 2)
    (lab.root / "lab.py").write_text(code)  # a mixture of two codes stays one
    train(running, folder, 3)
    begin()
    assert kept(folder) == [1]


def test_an_epoch_that_was_not_looked_at_is_computed_again(begin, folder, monkeypatch):
    running = begin()
    train(running, folder, 1)
    running._seconds = 60.0
    train(running, folder, 2)
    begin()
    assert kept(folder) == [1]


def test_an_epoch_that_is_computed_again_has_to_be_verified_again(begin, folder):
    train(begin(), folder, 1, 2)
    again = begin()
    again.epoch_begins(2)  # its checkpoint was there and could not be read
    begin()
    assert kept(folder) == [1]


def test_checkpoints_without_a_word_on_them_are_not_trusted(begin, folder):
    train(begin(), folder, 1)
    (folder / unfinished.VERIFIED).write_text("")
    begin()
    assert kept(folder) == []


def test_a_run_that_is_done_leaves_no_checkpoints(lab):
    (lab.root / "lab.py").write_text(
        (lab.root / "lab.py").read_text() + "\n\ndef keeps(*, resume, **rest):\n"
        "    resume.mkdir(parents=True, exist_ok=True)\n"
        "    (resume / '000000001-0.npz').touch()\n"
        "    (rest['folder'] / 'resume.json').write_text(f'\"{resume}\"')\n"
        "    assert rest['config']['checkpoint_seconds'] == 0\n"
        "    return train(**rest)\n"
    )
    code, _, err = lab.train("trainer._target_=lab.keeps", "trainer.does=fail")
    assert code == 1
    (left,) = (lab.root / "runs" / ".partial").iterdir()
    code, _, err = lab.train("trainer._target_=lab.keeps")
    assert code == 0, err
    (record,) = lab.records
    resumed = json.loads((record / "resume.json").read_text())
    assert resumed.startswith(str(lab.root / "runs" / ".partial"))
    assert list((lab.root / "runs" / ".partial").iterdir()) == [left]
