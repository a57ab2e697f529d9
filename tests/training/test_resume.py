"""Trainings that are killed and begun again end as if nothing had happened."""

import errno
import os
import random
import signal
import time

import pytest
import torch

from tests.training import together
from twinlib.training import lightning

OVERRIDES = ["epochs=6", "optimizer=adam", "lr=0.01", "accumulate=2", "model.dropout=[0.3,0.3]"]
OVERRIDES += ["objective=val_accuracy", "direction=maximize", "strategy.precision='32'"]


def run(job, folder):
    """-> seconds that it takes."""
    began = time.monotonic()
    together.finish([together.start([job], folder / "run.log")], folder)
    return time.monotonic() - began


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("undisturbed")
    job = {"config": together.configured(*OVERRIDES), "folder": folder, "resume": folder / "kept"}
    run(job, folder)
    seconds = run({**job, "resume": folder / "again"}, folder)  # the first has waited for the imports
    return job["config"], together.outcome(folder), seconds


def test_killed_at_any_moment(undisturbed, tmp_path):
    config, whole, seconds = undisturbed
    rng = random.Random(0)
    kills = finished = went_on = 0
    while kills < 20 or not finished:
        folder = tmp_path / f"{finished}"
        folder.mkdir(exist_ok=True)
        went_on += (folder / "kept").is_dir()
        process = together.start([{"config": config, "folder": folder, "resume": folder / "kept"}], folder / "run.log")
        process.join(rng.uniform(0, 1.2 * seconds) if kills < 20 else 120)
        process.kill()
        process.join()
        if process.exitcode == -signal.SIGKILL:
            kills += 1
            continue
        assert process.exitcode == 0, (folder / "run.log").read_text()
        together.require_same(together.outcome(folder), whole)
        finished += 1
    assert went_on > 5


def test_one_of_two_is_killed(tmp_path):
    """The other one ends by itself."""
    config = together.of_two(together.configured(*OVERRIDES), "data_parallel")
    job = {"config": config, "folder": tmp_path / "whole" / "{rank}", "resume": tmp_path / "all"}
    together.finish(together.start_two([job], tmp_path), tmp_path)
    rng = random.Random(1)
    kept = tmp_path / "kept"
    job = {"config": config, "folder": tmp_path / "killed" / "{rank}", "resume": kept}
    for victim in (1, 0, 1, 0):
        known = set(kept.glob("*.npz"))
        both = together.start_two([job], tmp_path)
        # Both have met once an epoch is over. Who waits for one that never comes is ended by the worker.
        while set(kept.glob("*.npz")) == known and both[0].exitcode is None:
            time.sleep(0.01)
        time.sleep(rng.uniform(0, 0.1))
        both[victim].kill()
        both[1 - victim].join(30)
        assert both[1 - victim].exitcode is not None
    assert kept.is_dir()
    together.finish(together.start_two([job], tmp_path), tmp_path)
    together.require_same(*(together.outcome(tmp_path / name / "0") for name in ("killed", "whole")))


@pytest.fixture
def train(digits, tmp_path):
    """Train in this process with checkpoints -> history without seconds, epochs that were trained, metrics."""

    def trained(*overrides, ends_in=None):
        heard = together.Heard(ends_in)
        begun = []
        heard.epoch_begins = lambda epoch, steps: (begun.append(epoch), setattr(heard, "epoch", epoch))
        config = together.configured(*overrides)
        del config["metrics"]["farthest"]
        done = lightning.train(
            config=config, dataset=digits, folder=tmp_path, report=heard, resume=tmp_path / "kept", steps=3
        )
        assert heard.rows == done.history
        return [{**row, "seconds": 0} for row in done.history], begun, done.metrics

    return trained


def test_killed_after_the_last_epoch(train):
    first = train()
    again = train()
    assert (again[0], again[2]) == (first[0], first[2])
    assert (first[1], again[1]) == ([1, 2, 3], [])


def test_a_broken_checkpoint_costs_one_epoch(train, tmp_path, capsys):
    first = train()
    newest = max((tmp_path / "kept").iterdir())
    newest.write_bytes(newest.read_bytes()[:-100])
    again = train()
    assert (again[0], again[2]) == (first[0], first[2])
    assert again[1] == [3]
    assert capsys.readouterr().err.count("\n") == 1


def test_a_full_disk_does_not_end_a_training(train, tmp_path, capsys, monkeypatch):
    first = train()

    def full(descriptor):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    for path in (tmp_path / "kept").iterdir():
        path.unlink()
    monkeypatch.setattr(os, "fsync", full)
    again = train()
    assert again == first
    lines = capsys.readouterr().err.splitlines()
    assert [f"epoch {number}: No space left on device" in line for number, line in enumerate(lines, 1)] == [True] * 3
    assert not list((tmp_path / "kept").iterdir())


def test_short_epochs_are_not_written(train, tmp_path):
    train("checkpoint_seconds=100")
    assert not (tmp_path / "kept").exists()


def test_early_stopping_goes_on_where_it_was(train):
    patience = ["early_stopping.patience=2", "early_stopping.min_delta=100", "epochs=9"]
    with pytest.raises(together.BreaksOff):
        train(*patience, ends_in=2)
    _, begun, metrics = train(*patience)
    assert begun == [2, 3] and metrics["epochs"] == 3


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("precision", ["32", "16-mixed"])
def test_goes_on_on_a_gpu(train, tmp_path, precision):
    """The factor by which 16-mixed scales the loss included."""
    overrides = ["strategy.accelerator=gpu", f"strategy.precision='{precision}'", "model.dropout=[0.3,0.3]"]
    whole = train(*overrides)
    for path in (tmp_path / "kept").iterdir():
        path.unlink()
    with pytest.raises(together.BreaksOff):
        train(*overrides, ends_in=2)
    history, begun, metrics = train(*overrides)
    assert begun == [2, 3]
    assert (history, metrics) == (whole[0], whole[2])
