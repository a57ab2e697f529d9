"""A small dataset of two-channel fields, written as Arrow files."""

import numpy as np
import pytest

from twinlib.data import arrow
from twinlib.data.schema import Field, Schema

FIELDS = (
    Field("weather", (4, 5, 2), ("row", "column", "channel"), "float32", "hPa"),
    Field("storm", (), (), "int64", "class", classes=("none", "weak", "strong")),
    Field("centre", (2,), ("axis",), "float64", "degree"),
    Field("picture", (3, 3, 1), ("row", "column", "channel"), "uint8", "grey level"),
)


@pytest.fixture
def schema():
    return Schema(FIELDS, kind="synthetic", source="random numbers", license="none")


@pytest.fixture
def samples():
    """Samples of each split, by field; the weather is like a pressure: far from zero, with a small spread."""
    random = np.random.default_rng(0)

    def draw(size):
        return {
            "weather": (1013.0 + random.normal(0, [1, 5], (size, 4, 5, 2))).astype(np.float32),
            "storm": random.integers(0, 3, size),
            "centre": random.uniform(-90, 90, (size, 2)),
            "picture": random.integers(0, 256, (size, 3, 3, 1), dtype=np.uint8),
        }

    return {"train": draw(50), "val": draw(7), "test": draw(1)}


@pytest.fixture
def folder(tmp_path, samples, schema):
    arrow.write(tmp_path / "data", {split: [arrays] for split, arrays in samples.items()}, schema)
    return tmp_path / "data"
