"""Every experiment is composed, type-checked and trained for one step."""

import functools
import importlib
from pathlib import Path

import numpy as np
import pytest
import yaml

from stages import fetch, mnist
from twinlib.config.build import build
from twinlib.config.compose import compose
from twinlib.config.signature import check_targets
from twinlib.training.outcome import Silent

ROOT = Path(__file__).parents[1]
EXPERIMENTS = sorted(
    str(p.relative_to(ROOT / "experiments").with_suffix("")) for p in (ROOT / "experiments").rglob("*.yaml")
)


def tiny(name):
    """The module that writes a dataset of a field by chance; `SETTINGS` are those that its size asks for."""
    return importlib.import_module(f"tests.{name}.tiny")


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """The folder of a dataset, small: of MNIST made as its stage makes it, of the others by chance."""
    folder = tmp_path_factory.mktemp("data")

    @functools.cache
    def made(name):
        if name == "mnist":
            mnist.prepare(raw(folder / "raw"), folder / name, **small)
        else:
            tiny(name).write(folder / name)
        return folder / name

    params = yaml.safe_load((ROOT / "params.yaml").read_text())["mnist"]
    small = {**params["prepare"], "splits": {"train": 200, "val": 50, "test": 100}}

    def raw(target):
        for name, file in params["files"].items():
            fetch.fetch(file["url"], file["sha256"], target / name)
        return target

    return made


@pytest.mark.parametrize("experiment", EXPERIMENTS)
def test_one_step(experiment, data, tmp_path):
    field = experiment.partition("/")[0]
    settings = getattr(tiny(field), "SETTINGS", []) if field in ("cyclones", "flow") else []
    config = compose([f"experiment={experiment}", "epochs=1", *settings], ROOT)
    check_targets(config, ROOT)
    if "path" in config["data"]:  # an equation needs none
        config["data"]["path"] = str(data(config["data"]["name"]))
    if field == "equations":
        tiny(field).write(config["data"], tmp_path)
    stages = 1
    if config["trainer"].get("continuation"):  # one easier problem before it is enough
        config["trainer"]["continuation"] = config["trainer"]["continuation"][-1:]
        stages = 2
    dataset = build(config["data"])
    outcome = build(config["trainer"])(config=config, dataset=dataset, folder=tmp_path, report=Silent(), steps=1)
    assert [row["epoch"] for row in outcome.history] == [1, 2][:stages]
    assert all(np.isfinite(value) for value in outcome.metrics.values())
    assert np.isfinite(outcome.predictions).all()
    assert (tmp_path / outcome.weights).stat().st_size > 0
    assert outcome.metrics[config["objective"]] == outcome.history[-1][config["objective"]]
