"""Triangles and other polygons."""

import itertools
from collections.abc import Mapping, Sequence

import numpy as np

from twinlib.errors import UserError
from twinlib.physics.geometry import Array, Face, Formula, Shape, Values, columns, stacked


class Polygon(Shape):
    """A polygon whose sides do not cross.

    Parameters
    ----------
    corners
        By coordinate, formulas of the corners one after the other, either way round.
    """

    def __init__(self, corners: Mapping[str, Sequence[Formula]]) -> None:
        self.coordinates = tuple(corners)
        self._x, self._y = corners.values()

    def corners(self, parameters: Values) -> Array:
        """Shape (n or 1, corners, 2)."""
        return np.stack(np.broadcast_arrays(columns(self._x, parameters), columns(self._y, parameters)), axis=2)

    def box(self, parameters: Values) -> tuple[Array, Array]:
        corners = self.corners(parameters)
        return corners.min(axis=1), corners.max(axis=1)

    def distance(self, points: Values) -> Array:
        place, corners = stacked(self, points), self.corners(points)
        nearest = np.full(len(place), np.inf)
        inside = np.zeros(len(place), dtype=bool)
        for number in range(len(self._x)):
            start, end = corners[:, number - 1], corners[:, number]
            along, away = end - start, place - start
            part = np.clip((along * away).sum(axis=1) / (along**2).sum(axis=1), 0, 1)[:, None]
            nearest = np.minimum(nearest, np.square(away - part * along).sum(axis=1))
            # A ray to the right crosses the boundary an odd number of times.
            spans = (start[:, 1] > place[:, 1]) != (end[:, 1] > place[:, 1])
            ahead = _turn(along, away) * np.where(end[:, 1] > start[:, 1], 1, -1) > 0
            inside ^= spans & ahead
        return np.where(inside, 1, -1) * np.sqrt(nearest)

    def faces(self) -> Sequence[Face]:
        return [self._side(number) for number in range(len(self._x))]

    def _side(self, number: int) -> Face:
        def measure(parameters: Values) -> Array:
            corners = self.corners(parameters)
            return np.sqrt(np.square(corners[:, number] - corners[:, number - 1]).sum(axis=1))

        def place(unit: Array, parameters: Values) -> tuple[Array, Array]:
            corners = np.broadcast_to(self.corners(parameters), (len(unit), len(self._x), 2))
            start, end = corners[:, number - 1], corners[:, number]
            along = (end - start) / np.sqrt(np.square(end - start).sum(axis=1, keepdims=True))
            outward = np.column_stack([along[:, 1], -along[:, 0]])
            return start + unit * (end - start), outward * _sense(corners)[:, None]

        return Face(measure, place)


def require_simple(corners: Array, where: str) -> None:
    """Refuse corners, shape (corners, 2), whose sides cross, or that come twice.

    Raises
    ------
    UserError
        Names the corners, which are counted from 1.
    """
    count = len(corners)
    for one, two in itertools.combinations(range(count), 2):
        if np.array_equal(corners[one], corners[two]):
            raise UserError(f"{where}: the corners {one + 1} and {two + 1} are the same; leave the second one out")
    if not _sense(corners[None])[0]:
        raise UserError(f"{where}: its corners enclose no area; give them one after the other around it")
    for one, two in itertools.combinations(range(count), 2):
        if two - one in (1, count - 1):
            continue  # these sides share a corner
        a, b, c, d = (corners[[each % count]] for each in (one, one + 1, two, two + 1))
        parts = _turn(b - a, c - a) * _turn(b - a, d - a), _turn(d - c, a - c) * _turn(d - c, b - c)
        if all(part[0] < 0 for part in parts):
            raise UserError(
                f"{where}: the sides after the corners {one + 1} and {two + 1} cross; give corners one after the other"
            )


def _turn(one: Array, other: Array) -> Array:
    return one[:, 0] * other[:, 1] - one[:, 1] * other[:, 0]


def _sense(corners: Array) -> Array:
    """1 where the corners are counted anticlockwise, -1 where clockwise, shape (n,)."""
    area = sum(_turn(corners[:, number - 1], corners[:, number]) for number in range(corners.shape[1]))
    return np.sign(area)
