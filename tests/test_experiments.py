"""Every experiment is composed, type-checked and trained for one step."""

from pathlib import Path

import numpy as np
import pytest

from stages import mnist
from twinlib.config.build import build
from twinlib.config.compose import compose
from twinlib.config.signature import check_targets
from twinlib.training.outcome import Silent

ROOT = Path(__file__).parents[1]
EXPERIMENTS = sorted(
    str(p.relative_to(ROOT / "experiments").with_suffix("")) for p in (ROOT / "experiments").rglob("*.yaml")
)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Each dataset that an experiment names, small, made as its stage makes it."""
    import yaml

    from stages import fetch

    folder = tmp_path_factory.mktemp("data")
    params = yaml.safe_load((ROOT / "params.yaml").read_text())["mnist"]
    for name, file in params["files"].items():
        fetch.fetch(file["url"], file["sha256"], folder / "raw" / name)
    small = {**params["prepare"], "splits": {"train": 200, "val": 50, "test": 100}}
    mnist.prepare(folder / "raw", folder / "mnist", **small)
    return {"mnist": folder / "mnist"}


@pytest.mark.parametrize("experiment", EXPERIMENTS)
def test_one_step(experiment, data, tmp_path):
    config = compose([f"experiment={experiment}", "epochs=1"], ROOT)
    check_targets(config, ROOT)
    config["data"]["path"] = str(data[config["data"]["name"]])
    dataset = build(config["data"])
    outcome = build(config["trainer"])(config=config, dataset=dataset, folder=tmp_path, report=Silent(), steps=1)
    assert [row["epoch"] for row in outcome.history] == [1]
    assert all(np.isfinite(value) for value in outcome.metrics.values())
    assert np.isfinite(outcome.predictions).all()
    assert (tmp_path / outcome.weights).stat().st_size > 0
    assert outcome.metrics[config["objective"]] == outcome.history[0][config["objective"]]
