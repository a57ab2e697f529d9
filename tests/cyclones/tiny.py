"""Synthetic: eight patches a split, with every field of a prepared dataset of cyclones, for tests."""

from pathlib import Path

import numpy as np

from twinlib.cyclones.dataset import KINDS
from twinlib.cyclones.variables import VARIABLES
from twinlib.data import arrow
from twinlib.data.schema import Field, Schema

BASINS = ("none", "WP", "EP", "NA")
CATEGORIES = ("none", "TD", "TS", "1", "2", "3", "4", "5")
MEAN = {"fg10": 8, "msl": 101_000, "t_500": 265, "t_300": 240, "vo_850": 0, "i10fg": 8, "sst": 298}
NOISE = {"fg10": 1, "msl": 100, "t_500": 1, "t_300": 1, "vo_850": 1e-5, "i10fg": 1, "sst": 1}
STORM = {"fg10": 30, "msl": -4000, "t_500": 4, "t_300": 8, "vo_850": 1e-3, "i10fg": 30, "sst": 0}
KIND = np.array([0, 0, 0, 1, 1, 2, 3, 4])  # of each patch: indices into KINDS
SCHEMA = Schema(
    fields=(
        Field(
            "fields",
            (40, 40, len(VARIABLES)),
            ("row", "column", "channel"),
            "float32",
            ", ".join(variable.units for variable in VARIABLES.values()),
            names=tuple(VARIABLES),
        ),
        Field("position", (2,), ("coordinate",), "float32", "grid points"),
        Field("kind", (), (), "int64", "class", classes=KINDS),
        Field("origin", (2,), ("coordinate",), "float32", "degrees"),
        Field("time", (), (), "int64", "hours since 1970-01-01"),
        Field("storm", (), (), "int64", "number"),
        Field("basin", (), (), "int64", "class", classes=BASINS),
        Field("category", (), (), "int64", "class", classes=CATEGORIES),
    ),
    kind="synthetic",
    source="tests/cyclones/tiny.py",
    license="CC0-1.0",
)


def write(folder: Path) -> None:
    """Write the splits train, val and test; the same bytes each time."""
    arrow.write(folder, {split: [samples(seed)] for seed, split in enumerate(("train", "val", "test"))}, SCHEMA)


def samples(seed: int) -> dict[str, np.ndarray]:
    """Three patches with a cyclone, and five without."""
    rng = np.random.default_rng(seed)
    there = KIND == 0
    size = len(KIND)
    position = np.where(there[:, None], rng.uniform(5, 34, (size, 2)), -1).astype(np.float32)
    distance = np.linalg.norm(np.indices((40, 40))[None] - position[:, :, None, None], axis=1)[..., None]
    pit = np.exp(-((distance / 4) ** 2)) * there[:, None, None, None]
    mean, noise, storm = (np.array([table[name] for name in VARIABLES]) for table in (MEAN, NOISE, STORM))
    fields = mean + noise * rng.normal(size=(size, 40, 40, len(VARIABLES))) + storm * pit
    return {
        "fields": fields.astype(np.float32),
        "position": position,
        "kind": KIND,
        "origin": np.tile(np.array([30.0, 150.0], np.float32), (size, 1)),
        "time": np.arange(size) * 6,
        "storm": np.where(there, seed, -1),
        "basin": np.where(there, 1, 0),
        "category": np.where(there, 3, 0),
    }
