"""A shape at another place, turned or of another size."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from twinlib.physics.geometry import Array, Face, Formula, Shape, Values, columns, stacked


class Moved(Shape):
    """A shape that is scaled and turned about a point, then shifted.

    Parameters
    ----------
    scale
        A positive factor.
    angle
        In radians; in the plane from the first to the second coordinate, in space about `axis` by the right hand.
    axis
        A coordinate; None in the plane.
    shift
        By coordinate; nothing where there is none.
    about
        The point; None: the middle of the shape's box.
    """

    def __init__(
        self, shape: Shape, scale: Formula | None, angle: Formula | None, axis: str | None,
        shift: Mapping[str, Formula], about: Sequence[Formula] | None,
    ) -> None:  # fmt: skip
        self.coordinates = shape.coordinates
        self._shape = shape
        self._scale = scale
        self._angle = angle
        self._shift = dict(shift)
        self._about = about
        first = self.coordinates.index(axis) + 1 if axis else 0
        self._plane = (first % len(self.coordinates), (first + 1) % len(self.coordinates))

    def box(self, parameters: Values) -> tuple[Array, Array]:
        ends = self._shape.box(parameters)
        corners = [
            self._there(
                np.stack(np.broadcast_arrays(*(ends[side][:, at] for at, side in enumerate(sides))), 1), parameters
            )
            for sides in np.ndindex(*(2,) * len(self.coordinates))
        ]
        return np.min(corners, axis=0), np.max(corners, axis=0)

    def distance(self, points: Values) -> Array:
        return self._shape.distance(self._back(points)) * self._factor(points)

    def clearance(self, points: Values) -> Array:
        return self._shape.clearance(self._back(points)) * self._factor(points)

    def faces(self) -> Sequence[Face]:
        return [self._face(face) for face in self._shape.faces()]

    def _face(self, face: Face) -> Face:
        def measure(parameters: Values) -> Array:
            return face.measure(parameters) * self._factor(parameters) ** (len(self.coordinates) - 1)

        def place(unit: Array, parameters: Values) -> tuple[Array, Array]:
            points, normals = face.place(unit, parameters)
            return self._there(points, parameters), self._turned(normals, parameters, 1)

        return replace(face, measure=measure, place=place, own=lambda points: face.own(self._back(points)))

    def _there(self, points: Array, parameters: Values) -> Array:
        about = self._middle(parameters)
        moved = self._turned(points - about, parameters, 1) * self._factor(parameters)[:, None]
        return about + moved + self._shifts(parameters)

    def _back(self, points: Values) -> Values:
        about = self._middle(points)
        away = stacked(self, points) - about - self._shifts(points)
        place = about + self._turned(away, points, -1) / self._factor(points)[:, None]
        return {**points, **dict(zip(self.coordinates, place.T, strict=True))}

    def _turned(self, vectors: Array, parameters: Values, sense: int) -> Array:
        if self._angle is None:
            return vectors
        angle = sense * np.atleast_1d(self._angle(parameters))
        rows = np.broadcast_shapes((len(vectors),), angle.shape)  # there may be no point at all
        turned = np.array(np.broadcast_to(vectors, (*rows, vectors.shape[1])))
        first, second = self._plane
        turned[:, first] = np.cos(angle) * vectors[:, first] - np.sin(angle) * vectors[:, second]
        turned[:, second] = np.sin(angle) * vectors[:, first] + np.cos(angle) * vectors[:, second]
        return turned

    def _factor(self, parameters: Values) -> Array:
        """Shape (n or 1,)."""
        return np.ones(1) if self._scale is None else np.atleast_1d(self._scale(parameters))

    def _shifts(self, parameters: Values) -> Array:
        shifts = [np.atleast_1d(self._shift[name](parameters)) if name in self._shift else np.zeros(1)
                  for name in self.coordinates]  # fmt: skip
        return np.stack(np.broadcast_arrays(*shifts), axis=1)

    def _middle(self, parameters: Values) -> Array:
        if self._about is not None:
            return columns(self._about, parameters)
        lower, upper = self._shape.box(parameters)
        return (lower + upper) / 2
