"""Rectangles, boxes and channels: a product of intervals."""

from collections.abc import Mapping, Sequence

import numpy as np

from twinlib.physics.geometry import Array, Face, Formula, Shape, Values, columns, stacked


class Box(Shape):
    """A rectangle, or in three coordinates a box, along the axes.

    Parameters
    ----------
    intervals
        By coordinate, formulas of both ends.
    along
        The coordinate along which it is a channel, open at both ends; None: closed.
    """

    def __init__(self, intervals: Mapping[str, tuple[Formula, Formula]], along: str | None = None) -> None:
        self.coordinates = tuple(intervals)
        self.intervals = dict(intervals)
        self.along = along

    def box(self, parameters: Values) -> tuple[Array, Array]:
        starts, ends = zip(*self.intervals.values(), strict=True)
        return columns(starts, parameters), columns(ends, parameters)

    def distance(self, points: Values) -> Array:
        lower, upper = self.box(points)
        beyond = np.abs(stacked(self, points) - (lower + upper) / 2) - (upper - lower) / 2
        outside = np.sqrt(np.square(np.maximum(beyond, 0)).sum(axis=1))
        return np.asarray(-outside - np.minimum(beyond.max(axis=1), 0))

    def clearance(self, points: Values) -> Array:
        lower, upper = self.box(points)
        place = stacked(self, points)
        closed = [column for column, name in enumerate(self.coordinates) if name != self.along]
        return np.asarray(np.minimum(place - lower, upper - place)[:, closed].min(axis=1))

    def faces(self) -> Sequence[Face]:
        return [self._side(column, end) for column in range(len(self.coordinates)) for end in (0, 1)]

    def _side(self, column: int, end: int) -> Face:
        others = [each for each in range(len(self.coordinates)) if each != column]

        def measure(parameters: Values) -> Array:
            lower, upper = self.box(parameters)
            return np.prod((upper - lower)[:, others], axis=1)

        def place(unit: Array, parameters: Values) -> tuple[Array, Array]:
            ends = self.box(parameters)
            points, normals = np.empty((len(unit), len(self.coordinates))), np.zeros((len(unit), len(self.coordinates)))
            points[:, column] = ends[end][:, column]
            points[:, others] = ends[0][:, others] + unit * (ends[1] - ends[0])[:, others]
            normals[:, column] = 2 * end - 1
            return points, normals

        return Face(measure, place, open=self.coordinates[column] == self.along)
