"""A tiny dataset with every field and split of the flow data, for smoke tests: circles in a channel, not solved."""

from pathlib import Path

import numpy as np

from twinlib.data import arrow
from twinlib.data.schema import Schema
from twinlib.flow.fields import FAMILIES, SPLITS, fields

ROWS, COLUMNS, SAMPLES = 32, 64, 8
SETTINGS = [f"data.input_shape=[{ROWS},{COLUMNS},2]"]


def write(folder: Path) -> None:
    """Eight samples a split, 64 x 32 cells; the velocity is the undisturbed parabola, slowed down near walls."""
    rng = np.random.default_rng(0)
    splits = {split: [samples(rng, FAMILIES[3:] if split == "test_unseen" else FAMILIES[:3])] for split in SPLITS}
    about = "circles drawn for tests; not solved"
    arrow.write(folder, splits, Schema(fields(ROWS, COLUMNS), kind="synthetic", source=about, license="CC0-1.0"))


def samples(rng: np.random.Generator, families: tuple[str, ...]) -> dict[str, np.ndarray]:
    y, x = np.mgrid[:ROWS, :COLUMNS].astype(float)
    walls = np.minimum(y + 0.5, ROWS - 0.5 - y)
    radius = rng.uniform(3, 7, (SAMPLES, 1, 1))
    row, column = rng.uniform(11, 21, (SAMPLES, 1, 1)), rng.uniform(14, 40, (SAMPLES, 1, 1))
    sdf = np.minimum(walls, np.hypot(y - row, x - column) - radius)
    near = 1 - np.exp(-np.maximum(sdf, 0) / 4)
    along = near * 4 * (y + 0.5) * (ROWS - 0.5 - y) / ROWS**2
    across = near * (y - row) / ROWS * np.exp(-((x - column) ** 2) / 100)
    fluid = sdf > 0
    columns = {
        "fluid": fluid[..., None],
        "sdf": sdf[..., None],
        "velocity": np.stack([along, across], axis=-1),
        "pressure": (fluid * (COLUMNS - x) / COLUMNS)[..., None],
        "reynolds": np.full((SAMPLES, 1), 100.0),
        "drag": 2 * radius[:, 0] / ROWS,
    }
    numbers = rng.choice([FAMILIES.index(family) for family in families], SAMPLES)
    return {name: values.astype(np.float32) for name, values in columns.items()} | {"family": numbers.astype(np.int64)}
