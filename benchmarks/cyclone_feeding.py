"""Augmented training batches of cyclone patches from the Arrow dataset, against the same arrays in plain numpy files.

The other side is a bare loop over memory-mapped `.npy` files: the same order of the same samples, the same scaling, the
same mirroring, the same targets; it is checked that both give the same numbers. Prints batches a second of both and
their ratio; above 1 the Arrow dataset is faster. The patches are random numbers.
"""

import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from statistics import median

import numpy as np

from twinlib.cyclones.dataset import Patches
from twinlib.cyclones.patches import KINDS
from twinlib.data import arrow
from twinlib.data.order import batches, read
from twinlib.data.schema import Field, Schema

TARGET = 0.9
BATCH_SIZE = 64
ROUNDS = 25
CYCLONES = 600  # with three NEAREST and one RANDOM patch each
DRIVERS = ("fg10", "msl", "t_500", "t_300")
Batch = tuple[np.ndarray, np.ndarray]


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        arrow.write(folder / "arrow", {split: chunks() for split in ("train", "val", "test")}, schema())
        ratios = [compare(folder, aug_type) for aug_type in ("ONLY_TCS", "ALL_PATCHES")]
    print(f"slowest ratio {min(ratios):.2f}, target at least {TARGET}")


def compare(folder: Path, aug_type: str) -> float:
    """Print one line for each way to read; the ratio of reading in the calling thread."""
    dataset = Patches(
        str(folder / "arrow"),
        drivers=DRIVERS,
        target="position",
        patch_type="NEAREST",
        augment=True,
        aug_type=aug_type,
        label_no_cyclone="NONE",
        target_scale=False,
        coordinates="patch_cyclone",
        sigma=5.0,
        scaling="minmax",
        input_shape=(40, 40, 4),
    )
    stored = arrow.open(folder / "arrow").arrays["train"]
    for column in ("fields", "position", "kind"):
        np.save(folder / f"{column}.npy", stored[column])
    bare = memmap(folder, dataset, aug_type)
    ways: dict[str, Callable[[int], Iterable[Batch]]] = {
        "memmap": bare,
        "arrow": lambda epoch: read(dataset, "train", BATCH_SIZE, seed=0, epoch=epoch, workers=0),
        "arrow, 1 thread ahead": lambda epoch: read(dataset, "train", BATCH_SIZE, seed=0, epoch=epoch, workers=1),
    }
    for one, other in zip(ways["memmap"](0), ways["arrow"](0), strict=True):
        np.testing.assert_allclose(one[0], other[0], rtol=1e-4, atol=1e-5)
        np.testing.assert_array_equal(one[1], other[1])

    times: dict[str, list[float]] = {way: [] for way in ways}
    for epoch in range(1, ROUNDS + 1):  # in turn, so that all meet the same noise of the machine
        for way in sorted(ways, reverse=bool(epoch % 2)):
            began = time.perf_counter()
            for _ in ways[way](epoch):
                pass
            times[way].append(time.perf_counter() - began)
    count = -(-dataset.size("train") // BATCH_SIZE)
    for way in ways:
        rate, ratio = count / median(times[way]), median(np.divide(times["memmap"], times[way]))
        print(f"{aug_type:11} {way:22} {rate:9.0f} batches/s  ratio {ratio:.2f}")
    return float(median(np.divide(times["memmap"], times["arrow"])))


def memmap(folder: Path, dataset: Patches, aug_type: str) -> Callable[[int], Iterator[Batch]]:
    """The bare side: nothing of twinlib but the order of the samples and the statistics."""
    x, y, kind = (np.load(folder / f"{column}.npy", mmap_mode="r") for column in ("fields", "position", "kind"))
    field = dataset.schema["fields"]
    shift = np.array(field.minimum, np.float32)
    scale = np.array(1 / (np.array(field.maximum) - np.array(field.minimum)), np.float32)
    shift, scale = np.tile(shift, 40), np.tile(scale, 40)  # over a row of points: the quicker way in numpy
    four = np.ones(len(kind), bool) if aug_type == "ALL_PATCHES" else np.asarray(kind == 0)
    rows = np.repeat(np.arange(len(kind)), np.where(four, 4, 1))
    orientation = np.concatenate([np.arange(4) if times else np.zeros(1, int) for times in four])
    up_down, left_right = orientation % 2 == 1, orientation > 1
    mirrored = {1: np.s_[::-1, :], 2: np.s_[:, ::-1], 3: np.s_[::-1, ::-1]}

    def epoch(number: int) -> Iterator[Batch]:
        for batch in batches(len(rows), BATCH_SIZE, 0, number):
            inputs = x[rows[batch]].reshape(-1, 160)
            inputs = ((inputs - shift) * scale).reshape(-1, 40, 40, 4)
            targets = y[rows[batch]]
            up, left = up_down[batch], left_right[batch]
            points = inputs.view("V16")[..., 0]
            for turn, (row, column) in mirrored.items():
                some = np.flatnonzero(orientation[batch] == turn)
                points[some] = points[some, row, column]
            up, left = up_down[batch], left_right[batch]
            there = targets[:, 0] != -1
            targets[up & there, 0] = 39 - targets[up & there, 0]
            targets[left & there, 1] = 39 - targets[left & there, 1]
            yield inputs, targets

    return epoch


def schema() -> Schema:
    fields = (
        Field("fields", (40, 40, 4), ("row", "column", "channel"), "float32", "1", names=DRIVERS),
        Field("position", (2,), ("coordinate",), "float32", "grid points"),
        Field("kind", (), (), "int64", "class", classes=KINDS),
    )
    return Schema(fields, kind="synthetic", source="random numbers", license="none")


def chunks() -> Iterator[arrow.Arrays]:
    rng = np.random.default_rng(0)
    kind = np.array([KINDS.index(name) for name in ("CYCLONE", "NEAREST", "NEAREST", "NEAREST", "RANDOM")])
    for _ in range(CYCLONES):
        position = np.full((len(kind), 2), -1, np.float32)
        position[0] = rng.uniform(0, 39, 2)
        fields = rng.normal(100, 10, (len(kind), 40, 40, 4)).astype(np.float32)
        yield {"fields": fields, "position": position, "kind": kind}


if __name__ == "__main__":
    main()
