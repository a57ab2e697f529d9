"""Points and weights for integrals over a part of a unit cube that is known only by whether a point lies in it."""

from collections.abc import Callable
from itertools import pairwise

import numpy as np

from twinlib.physics.geometry import Array

_SCAN = 256  # steps along the last axis between which an end of the part is looked for
_HALVINGS = 45
_JUMP = 0.1  # of a length across, from one look to the next
_TOUCHED = 1e-9  # a point of a boundary is no interval


def gauss(count: int) -> tuple[Array, Array]:
    """Gauss and Legendre's points and weights on 0 … 1, shape (count,) each."""
    points, weights = np.polynomial.legendre.leggauss(count)
    return (points + 1) / 2, weights / 2


def product_gauss(count: int, axes: int) -> tuple[Array, Array]:
    """The same on a unit cube, shapes (count^axes, axes) and (count^axes,)."""
    points, weights = gauss(count)
    if axes == 0:
        return np.empty((1, 0)), np.ones(1)
    grid = np.stack(np.meshgrid(*[points] * axes, indexing="ij"), axis=-1).reshape(-1, axes)
    return grid, np.prod(np.stack(np.meshgrid(*[weights] * axes, indexing="ij"), axis=-1).reshape(-1, axes), axis=1)


def over_part(contains: Callable[[Array], Array], axes: int, count: int) -> tuple[Array, Array]:
    """Points and weights with which sums over smooth functions are integrals over the part.

    Along the last axis the ends of the part are found, and each interval has Gauss points of its own, so that a jump
    there costs no accuracy. So has, in the plane, each piece of the first axis between places where the part is
    suddenly longer or falls apart. In space there is one Gauss rule across the other axes.

    Parameters
    ----------
    contains
        Points of the cube, shape (n, axes) -> which lie in the part, shape (n,).
    count
        About how many points; at most so many for one axis.

    Returns
    -------
    Points, shape (q, axes), and weights, shape (q,), 0 where an interval was left out. q depends on `axes` and `count`.
    """
    if axes == 0:
        return np.empty((1, 0)), np.asarray(contains(np.empty((1, 0))), dtype=float).reshape(1)
    each = max(int(count ** (1 / axes)), 1)
    outer, outer_weights = _in_pieces(contains, each) if axes == 2 else product_gauss(each, axes - 1)
    inner = max(count // len(outer), 1)
    scan = np.linspace(0, 1, _SCAN + 1)

    def at(rows: Array, place: Array) -> Array:
        return np.asarray(contains(np.column_stack([outer[rows], place])), dtype=bool)

    rows = np.repeat(np.arange(len(outer)), len(scan))
    inside = at(rows, np.tile(scan, len(outer))).reshape(len(outer), len(scan))
    lines, places = np.nonzero(inside[:, 1:] != inside[:, :-1])
    low, high, begins = scan[places], scan[places + 1], ~inside[lines, places]
    for _ in range(_HALVINGS if len(lines) else 0):
        middle = (low + high) / 2
        before = at(lines, middle) != begins  # still on the side where the scan came from
        low, high = np.where(before, middle, low), np.where(before, high, middle)
    points, weights = np.tile(0.5, (len(outer), inner)), np.zeros((len(outer), inner))
    for line in range(len(outer)):
        ends = [
            *([0.0] if inside[line, 0] else []),
            *((low + high)[lines == line] / 2),
            *([1.0] if inside[line, -1] else []),
        ]
        intervals = [pair for pair in np.reshape(ends, (-1, 2)) if pair[1] - pair[0] > _TOUCHED][:inner]
        share = inner // max(len(intervals), 1)
        unit, unit_weights = gauss(share)
        for number, (start, end) in enumerate(intervals):
            own = slice(number * share, (number + 1) * share)
            points[line, own] = start + (end - start) * unit
            weights[line, own] = (end - start) * unit_weights
        if len(intervals):
            points[line, len(intervals) * share :] = points[line, 0]
    everywhere = np.column_stack([np.repeat(outer, inner, axis=0), points.reshape(-1)])
    return everywhere, (outer_weights[:, None] * weights).reshape(-1)


def _in_pieces(contains: Callable[[Array], Array], count: int) -> tuple[Array, Array]:
    """Gauss points of the first of two axes, shape (count, 1), and weights, for each piece without a jump."""
    across = np.linspace(0, 1, _SCAN + 1)

    def looked(place: Array) -> tuple[Array, Array]:
        """How often the line across at a place goes in or out, and which part of it lies inside."""
        rows = np.repeat(place, len(across))
        inside = np.asarray(contains(np.column_stack([rows, np.tile(across, len(place))])), dtype=bool)
        inside = inside.reshape(len(place), len(across))
        return (inside[:, 1:] != inside[:, :-1]).sum(axis=1), inside.mean(axis=1)

    along = np.linspace(0, 1, _SCAN // 2 + 1)
    changes, lengths = looked(along)
    (jumps,) = np.nonzero((np.diff(changes) != 0) | (np.abs(np.diff(lengths)) > _JUMP))
    low, high = along[jumps], along[jumps + 1]
    for _ in range(_HALVINGS if len(jumps) else 0):
        middle = (low + high) / 2
        change, length = looked(middle)
        nearer = np.abs(length - lengths[jumps]) <= np.abs(length - lengths[jumps + 1])
        before = np.where(changes[jumps] != changes[jumps + 1], change == changes[jumps], nearer)
        low, high = np.where(before, middle, low), np.where(before, high, middle)
    borders = np.array([0.0, *(low + high)[: max(count // 2 - 1, 0)] / 2, 1.0])
    pieces = [piece for piece in pairwise(borders) if piece[1] - piece[0] > _TOUCHED]
    share = count // len(pieces)
    unit, unit_weights = gauss(share)
    points, weights = np.full((count, 1), 0.5), np.zeros(count)
    for number, (start, end) in enumerate(pieces):
        own = slice(number * share, (number + 1) * share)
        points[own, 0], weights[own] = start + (end - start) * unit, (end - start) * unit_weights
    return points, weights
