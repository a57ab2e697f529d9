"""Points that lie the denser the more they matter: chosen out of many, and still evenly spread."""

import numpy as np

from twinlib.physics.geometry import Array

_BITS = 60  # of a place along a curve through all cells of space


def chosen(points: Array, density: Array, count: int) -> Array:
    """Rows of at most `count` different points, in proportion to a density as far as there are enough.

    Every so much density one is taken along a curve that leaves no part of space before it has been all over it
    (spatially balanced samples: Stevens & Olsen 2004).

    Parameters
    ----------
    points
        Shape (n, dimensions).
    density
        0 or more, shape (n,); where it is 0 none is taken.
    """
    count = min(count, int((density > 0).sum()))
    order = np.argsort(_along_curve(points), kind="stable")
    steps = np.cumsum(_shares(density[order], count))
    return np.sort(order[np.minimum(np.searchsorted(steps, np.arange(count) + 0.5), len(order) - 1)])


def _shares(density: Array, count: int) -> Array:
    """How likely each is taken: at most 1, in sum `count`."""
    low, high = 0.0, count / max(density[density > 0].min(initial=np.inf), 1e-300)
    for _ in range(200):
        factor = (low + high) / 2
        low, high = (factor, high) if np.minimum(factor * density, 1).sum() < count else (low, factor)
    return np.minimum(high * density, 1)


def _along_curve(points: Array) -> Array:
    """The place of each point on Morton's curve: the bits of all its coordinates, in turns."""
    lower, upper = points.min(axis=0), points.max(axis=0)
    scaled = (points - lower) / np.where(upper > lower, upper - lower, 1)
    each = _BITS // points.shape[1]
    cells = np.minimum((scaled * 2**each).astype(np.int64), 2**each - 1)
    place = np.zeros(len(points), dtype=np.int64)
    for bit in range(each - 1, -1, -1):
        for column in cells.T:
            place = place << 1 | (column >> bit & 1)
    return place
