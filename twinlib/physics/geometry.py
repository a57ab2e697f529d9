"""Shapes that points are drawn from: inside, on the boundary, with normals and distances.

A shape may depend on the parameters of a problem: then its numbers are arrays with one entry a point. Signed distances
are positive inside. `twinlib.physics.shapes` reads shapes out of a problem.
"""

import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import sympy

from twinlib.physics.compiled import Compiled

Array = np.ndarray
Values = Mapping[str, Array]  # by name, one entry a point
_STEP = 1e-6  # of the size of a shape: how far from its boundary it is looked what lies on either side


class Formula:
    """An expression of coordinates, time and parameters, as a function of their values."""

    def __init__(self, expression: sympy.Expr) -> None:
        self.expression = expression
        self._compiled = Compiled([expression], np)

    def __call__(self, values: Values) -> Array:
        """One number a point, shape (n,), or one in all, shape ()."""
        return np.asarray(
            self._compiled({each: values[str(each)] for each in self._compiled.arguments})[0], dtype=float
        )


def _everywhere(points: Values) -> Array:
    return np.array(True)


@dataclass(frozen=True)
class Face:
    """A piece of a boundary.

    Attributes
    ----------
    measure
        Of the parameters: its length or area, shape (n or 1,); in one coordinate 1.
    place
        Of numbers of the unit cube, shape (n, coordinates - 1), and the parameters: points and outward normals, each
        of shape (n, coordinates). Uniform numbers give uniform points.
    open
        Whether it is where a channel begins or ends, and no wall.
    own
        Which points count: of two faces that lie on each other, one has none.
    """

    measure: Callable[[Values], Array]
    place: Callable[[Array, Values], tuple[Array, Array]]
    open: bool = False
    own: Callable[[Values], Array] = _everywhere


class Shape(Protocol):
    """Part of space, in one to three coordinates."""

    coordinates: tuple[str, ...]

    def box(self, parameters: Values) -> tuple[Array, Array]:
        """Least and greatest coordinates, each of shape (n or 1, coordinates)."""

    def distance(self, points: Values) -> Array:
        """Signed distance to the boundary, shape (n,), positive inside; `points` has the parameters as well.

        Inside of what is combined out of several shapes it may be too small, and is never too large.
        """

    def clearance(self, points: Values) -> Array:
        """As `distance`, of points inside, to walls alone: an open end of a channel is none."""
        return self.distance(points)

    def faces(self) -> Sequence[Face]:
        """The pieces that its boundary, or what becomes its boundary by leaving points out, consists of."""


class Line(Shape):
    """An interval of one coordinate, whose ends may be formulas of the parameters.

    Parameters
    ----------
    coordinate
        Its name.
    start, end
        Formulas of the parameters.
    """

    def __init__(self, coordinate: str, start: Formula, end: Formula) -> None:
        self.coordinates: tuple[str, ...] = (coordinate,)
        self.start = start
        self.end = end

    def box(self, parameters: Values) -> tuple[Array, Array]:
        return np.atleast_1d(self.start(parameters))[:, None], np.atleast_1d(self.end(parameters))[:, None]

    def distance(self, points: Values) -> Array:
        place = points[self.coordinates[0]]
        return np.minimum(place - self.start(points), self.end(points) - place)

    def faces(self) -> Sequence[Face]:
        return [self._end(self.start, -1.0), self._end(self.end, 1.0)]

    def _end(self, end: Formula, normal: float) -> Face:
        def place(unit: Array, parameters: Values) -> tuple[Array, Array]:
            return np.broadcast_to(end(parameters), len(unit))[:, None], np.full((len(unit), 1), normal)

        return Face(lambda parameters: np.ones(1), place)


def contains(shape: Shape, points: Values, tolerance: float = 1e-9) -> Array:
    """Which points lie inside or on the boundary, within a part `tolerance` of the size of the shape."""
    whole = size(shape, points)
    distance = shape.distance(points)
    inside = distance >= -tolerance * whole
    # Where a part that was taken away lies against a wall nothing is left, although the distance to both is 0.
    rows = np.flatnonzero(inside & (distance <= tolerance * whole))
    inside[rows] = False
    for direction in itertools.product(*[(0, 1, -1, 2, -2)] * len(shape.coordinates)):
        if not rows.size:
            break
        own = {name: np.broadcast_to(value, len(distance))[rows] for name, value in points.items()}
        beside = _named(shape, stacked(shape, own) + _STEP * whole * np.array(direction), own)
        inside[rows] = shape.distance(beside) > tolerance * whole
        rows = rows[~inside[rows]]
    return inside


def touches(shape: Shape, points: Values, tolerance: float = 1e-9) -> Array:
    """Which points lie on the boundary, within a part `tolerance` of the size of the shape."""
    return np.asarray(np.abs(shape.distance(points)) <= tolerance * size(shape, points))


def size(shape: Shape, parameters: Values) -> float:
    """The longest side of its box."""
    lower, upper = shape.box(parameters)
    return float(np.max(upper - lower))


def stacked(shape: Shape, points: Values) -> Array:
    """Coordinates as columns, shape (n, coordinates)."""
    return np.column_stack([points[name] for name in shape.coordinates])


def columns(formulas: Iterable[Formula], parameters: Values) -> Array:
    """The values of formulas of the parameters, shape (n or 1, formulas)."""
    return np.stack(np.broadcast_arrays(*(np.atleast_1d(each(parameters)) for each in formulas)), axis=1)


def boundary(shape: Shape, unit: Array, parameters: Values, open_too: bool = False) -> tuple[Array, Array, Array]:
    """Points on the faces of a shape.

    Parameters
    ----------
    unit
        Numbers of the unit cube, shape (n, coordinates). The first chooses the face, in proportion to its size; the
        others are the place on it.
    open_too
        Also on the open ends of channels.

    Returns
    -------
    Points and outward normals, each of shape (n, coordinates), and which of them lie on the boundary, shape (n,). These
    are uniform for each value of the parameters where the numbers are.
    """
    faces = [each for each in shape.faces() if open_too or not each.open]
    count = len(unit)
    sizes = np.array([np.broadcast_to(face.measure(parameters), count) for face in faces])
    borders = np.cumsum(sizes, axis=0)
    chosen = (unit[:, 0] * borders[-1] >= borders[:-1]).sum(axis=0)
    points, normals = np.empty((2, count, len(shape.coordinates)))
    kept = np.ones(count, dtype=bool)
    for number, face in enumerate(faces):
        rows = chosen == number
        if rows.any():
            own = {name: np.broadcast_to(value, count)[rows] for name, value in parameters.items()}
            points[rows], normals[rows] = face.place(unit[rows, 1:], own)
            kept[rows] = face.own(_named(shape, points[rows], own))
    step = _STEP * size(shape, parameters)
    inside = shape.distance(_named(shape, points - step * normals, parameters)) > 0
    outside = shape.distance(_named(shape, points + step * normals, parameters)) < 0
    return points, normals, kept & inside & outside


def _named(shape: Shape, points: Array, parameters: Values) -> Values:
    return {**parameters, **dict(zip(shape.coordinates, points.T, strict=True))}
