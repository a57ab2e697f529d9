"""Trainings that are killed and begun again end as if nothing had happened."""

import random
import signal
import time

import pytest

from tests.training import together

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
