"""Shapes out of shapes: union, intersection, difference."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from twinlib.physics.geometry import Array, Face, Shape, Values, touches


class Combined(Shape):
    """What some shapes cover together, or have in common, or what is left of the first without the others.

    Parameters
    ----------
    parts
        Of the same coordinates.
    """

    def __init__(self, parts: Sequence[Shape]) -> None:
        self.coordinates = parts[0].coordinates
        self.parts = list(parts)

    def faces(self) -> Sequence[Face]:
        # Where the faces of two parts lie on each other, the points are those of the first.
        return [
            self._turned(replace(face, own=_apart(face, self.parts[:number])), number)
            for number, part in enumerate(self.parts)
            for face in part.faces()
        ]

    def _turned(self, face: Face, number: int) -> Face:
        return face

    def _boxes(self, parameters: Values) -> tuple[list[Array], list[Array]]:
        found = [part.box(parameters) for part in self.parts]
        return [lower for lower, _ in found], [upper for _, upper in found]


class Union(Combined):
    def box(self, parameters: Values) -> tuple[Array, Array]:
        lower, upper = self._boxes(parameters)
        return _all(np.minimum, lower), _all(np.maximum, upper)

    def distance(self, points: Values) -> Array:
        return _all(np.maximum, [part.distance(points) for part in self.parts])

    def clearance(self, points: Values) -> Array:
        # A point may be clear of the walls of a channel and far away from it.
        parts = [(part.distance(points), part.clearance(points)) for part in self.parts]
        return _all(np.maximum, [np.where(distance >= 0, clear, distance) for distance, clear in parts])


class Intersection(Combined):
    def box(self, parameters: Values) -> tuple[Array, Array]:
        lower, upper = self._boxes(parameters)
        return _all(np.maximum, lower), _all(np.minimum, upper)

    def distance(self, points: Values) -> Array:
        return _all(np.minimum, [part.distance(points) for part in self.parts])

    def clearance(self, points: Values) -> Array:
        return _all(np.minimum, [part.clearance(points) for part in self.parts])


class Difference(Combined):
    def box(self, parameters: Values) -> tuple[Array, Array]:
        return self.parts[0].box(parameters)

    def distance(self, points: Values) -> Array:
        first, *others = self.parts
        return _all(np.minimum, [first.distance(points), *(-part.distance(points) for part in others)])

    def clearance(self, points: Values) -> Array:
        first, *others = self.parts
        return _all(np.minimum, [first.clearance(points), *(-part.distance(points) for part in others)])

    def _turned(self, face: Face, number: int) -> Face:
        if number == 0:
            return face

        def place(unit: Array, parameters: Values) -> tuple[Array, Array]:
            points, normals = face.place(unit, parameters)
            return points, -normals

        return replace(face, place=place, open=False)


def _apart(face: Face, others: Sequence[Shape]):  # type: ignore[no-untyped-def]
    def own(points: Values) -> Array:
        found = np.asarray(face.own(points))
        for other in others:
            found = found & ~touches(other, points)
        return found

    return own


def _all(rule: np.ufunc, arrays: Sequence[Array]) -> Array:
    found = arrays[0]
    for each in arrays[1:]:
        found = rule(found, each)
    return found
