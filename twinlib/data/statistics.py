"""Minimum, maximum, mean and standard deviation of each channel of a field."""

from collections.abc import Iterator
from dataclasses import replace
from math import fsum, sqrt

import numpy as np

from twinlib.data.schema import Field

BLOCK = 2**21  # values in memory at a time


def with_statistics(field: Field, samples: np.ndarray) -> Field:
    """The field with its statistics over `samples`.

    Two passes in float64: the mean first, then the squares of the distances to it, so that a field whose mean
    is far larger than its spread (a pressure) keeps its digits. Samples are added row by row and elements of a
    row with `fsum`, so the numbers depend neither on how the samples arrived nor on the width of a processor.

    Parameters
    ----------
    samples
        shape (n, *field.shape), any number of them: at most `BLOCK` values are in memory at a time.
    """
    row = samples[0].size
    minimum, maximum, sums, squares = np.full(row, np.inf), np.full(row, -np.inf), np.zeros(row), np.zeros(row)
    for block in _blocks(samples):
        np.minimum(minimum, block.min(axis=0), out=minimum)
        np.maximum(maximum, block.max(axis=0), out=maximum)
        sums += block.sum(axis=0, dtype=np.float64)
    count = samples.size // field.channels
    mean = [fsum(column) / count for column in _by_channel(sums, field)]

    centre = np.tile(mean, row // field.channels)
    for block in _blocks(samples):
        distance = block - centre
        squares += np.multiply(distance, distance, out=distance).sum(axis=0)
    return replace(
        field,
        minimum=tuple(float(column.min()) for column in _by_channel(minimum, field)),
        maximum=tuple(float(column.max()) for column in _by_channel(maximum, field)),
        mean=tuple(mean),
        std=tuple(sqrt(fsum(column) / count) for column in _by_channel(squares, field)),
    )


def _blocks(samples: np.ndarray) -> Iterator[np.ndarray]:
    flat = samples.reshape(len(samples), -1)
    rows = max(1, BLOCK // flat.shape[1])
    for start in range(0, len(flat), rows):
        yield flat[start : start + rows]


def _by_channel(row: np.ndarray, field: Field) -> np.ndarray:
    return row.reshape(-1, field.channels).T
