import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import yaml

from twinlib import lookup
from twinlib.cli import twin
from twinlib.data import arrow
from twinlib.data.schema import Field, Schema

ROOT = Path(__file__).parents[2]

OWN = """
import numpy as np


def train(*, framework, deterministic, compile, **_):
    raise AssertionError("a twin in use is not trained")


def predictor(config, folder):
    weights = np.load(folder / "weights.npy")

    def predict(inputs):
        scores = np.exp(inputs.reshape(len(inputs), -1) @ weights)
        return (scores / scores.sum(axis=1, keepdims=True)).astype(np.float32)

    return predict


def whole(twin, source, target, *, rows=2):
    target.write_text(f"{twin.config['name']} {source} {rows}")
    return f"{rows} rows of {source}"
"""

EXPERIMENT = """# @package _global_
defaults:
  - override /model: linear

name: tiny/own
trainer: {_target_: own.train}
data: {path: data/tiny, name: tiny, input_shape: [4, 5, 1], classes: 3}
tracking: {}
"""

FIELDS = (
    Field("image", (4, 5, 1), ("row", "column", "channel"), "uint8", "1"),
    Field("digit", (), (), "int64", "1", classes=("0", "1", "2")),
)


@pytest.fixture(scope="session")
def template(tmp_path_factory):
    """A project with a dataset, an experiment of its own and a trainer that only predicts."""
    root = tmp_path_factory.mktemp("template") / "project"
    shutil.copytree(ROOT / "conf", root / "conf", symlinks=True)
    (root / "experiments" / "tiny").mkdir(parents=True)
    (root / "experiments" / "tiny" / "own.yaml").write_text(EXPERIMENT)
    shutil.copytree(ROOT / "experiments" / "mnist", root / "experiments" / "mnist")
    (root / "own.py").write_text(OWN)
    rng = np.random.default_rng(0)
    splits = {
        split: [{"image": rng.integers(0, 256, (size, 4, 5, 1), np.uint8), "digit": rng.integers(0, 3, size)}]
        for split, size in (("train", 12), ("val", 3), ("test", 6))
    }
    arrow.write(root / "data" / "tiny", splits, Schema(FIELDS, "synthetic", "made", "CC0"))
    lookup.described(["experiment=tiny/own"], root)  # fills the cache of stats, which the copies take along
    return root


@pytest.fixture
def root(template, tmp_path, monkeypatch):
    root = tmp_path / "project"
    shutil.copytree(template, root, symlinks=True)
    monkeypatch.chdir(root)
    monkeypatch.syspath_prepend(root)
    return root


@pytest.fixture
def computed(root):
    """Publish the record of a run, as its worker would; returns it."""

    def publish(*settings, created=None, accuracy=0.75):
        run = lookup.described(["experiment=tiny/own", *settings], root)
        draft = run.store.draft(run.label, run.identity.fingerprint)
        preprocess = {"field": FIELDS[0].to_json(), "scaling": "unit"}
        (draft / "config.yaml").write_text(yaml.safe_dump(run.config, sort_keys=False))
        (draft / "identity.json").write_text(json.dumps(run.identity.to_json()))
        (draft / "preprocess.json").write_text(json.dumps(preprocess))
        np.save(draft / "weights.npy", np.random.default_rng(1).normal(size=(20, 3)))
        record = run.store.publish(
            draft,
            fingerprint=run.identity.fingerprint,
            label=run.label,
            name=run.config["name"],
            metrics={"test_loss": 0.5, "test_accuracy": accuracy, "val_loss": 0.625, "val_accuracy": 0.7},
            objective="val_loss",
            seconds=12.34,
        )
        if created is not None:
            record = replace(record, created=created)
            (record.folder / "record.json").write_text(record.to_json())
        return record

    return publish


@pytest.fixture
def say(capsys):
    """Run `twin`; returns what it prints."""

    def run(*words):
        assert twin.main(words) == 0
        return capsys.readouterr().out

    return run


@pytest.fixture
def refused(capsys):
    """Run `twin` with a mistake; returns the one line that it prints."""

    def run(*words):
        try:
            code = twin.main(words)
        except SystemExit as end:
            code = end.code
        assert code == 2
        out, err = capsys.readouterr()
        assert out == ""
        (line,) = err.splitlines()
        assert line.startswith("error: ")
        return line.removeprefix("error: ")

    return run
