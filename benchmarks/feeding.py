"""Shuffled batches from an Arrow dataset against a bare numpy memmap of the same samples, preprocessed alike.

Prints batches a second of both and their ratio; above 1 the Arrow dataset is faster. The samples are random numbers.
"""

import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from statistics import median

import numpy as np

from twinlib.data import arrow
from twinlib.data.dataset import Dataset
from twinlib.data.order import batches, read
from twinlib.data.schema import Field, Schema

TARGET = 0.9
BATCH_SIZE = 64
ROUNDS = 7
DIMS = ("row", "column", "channel")
CASES = {
    "uint8 28x28x1": (Field("x", (28, 28, 1), DIMS, "uint8", "grey level"), 60_000, "unit"),
    "float32 40x40x4": (Field("x", (40, 40, 4), DIMS, "float32", "1"), 20_000, "standard"),
}


def main() -> None:
    slowest = float("inf")
    for name, (field, size, scaling) in CASES.items():
        with tempfile.TemporaryDirectory() as folder:
            ratio = compare(name, field, size, scaling, Path(folder))
        slowest = min(slowest, ratio)
    print(f"slowest ratio {slowest:.2f}, target at least {TARGET}")


def compare(name: str, field: Field, size: int, scaling: str, folder: Path) -> float:
    """Print one line for each way to read; the ratio of reading in the calling thread."""
    target = Field("y", (), (), "int64", "class", classes=("a", "b"))
    schema = Schema((field, target), kind="synthetic", source="random numbers", license="none")
    arrow.write(folder / "arrow", {"train": _chunks(field, size)}, schema)
    dataset = Dataset(str(folder / "arrow"), "x", "y", scaling, field.shape, 2)

    for column in ("x", "y"):
        np.save(folder / f"{column}.npy", arrow.open(folder / "arrow").arrays["train"][column])
    x, y = (np.load(folder / f"{column}.npy", mmap_mode="r") for column in ("x", "y"))

    def bare(epoch: int) -> Iterable[object]:
        return ((dataset.preprocess(x[rows]), y[rows]) for rows in batches(size, BATCH_SIZE, 0, epoch))

    ways: dict[str, Callable[[int], Iterable[object]]] = {
        "memmap": bare,
        "arrow": lambda epoch: read(dataset, "train", BATCH_SIZE, seed=0, epoch=epoch, workers=0),
        "arrow, 1 thread ahead": lambda epoch: read(dataset, "train", BATCH_SIZE, seed=0, epoch=epoch, workers=1),
    }
    times: dict[str, list[float]] = {way: [] for way in ways}
    for epoch in range(ROUNDS):  # in turn, so that all meet the same noise of the machine
        for way, epoch_of in ways.items():
            started = time.perf_counter()
            for _ in epoch_of(epoch):
                pass
            times[way].append(time.perf_counter() - started)
    count = -(-size // BATCH_SIZE)
    for way in ways:
        rate, ratio = count / median(times[way]), median(np.divide(times["memmap"], times[way]))
        print(f"{name}  {way:22} {rate:9.0f} batches/s  ratio {ratio:.2f}")
    return float(median(np.divide(times["memmap"], times["arrow"])))


def _chunks(field: Field, size: int) -> Iterable[arrow.Arrays]:
    random = np.random.default_rng(0)
    for start in range(0, size, 1000):
        rows = min(1000, size - start)
        x = random.integers(0, 256, (rows, *field.shape)).astype(field.dtype)
        yield {"x": x, "y": random.integers(0, 2, rows)}


if __name__ == "__main__":
    main()
