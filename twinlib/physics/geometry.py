"""Shapes that points are drawn from: inside, on the boundary, with normals and distances.

A shape may depend on the parameters of a problem: then its numbers are arrays with one entry a point. Signed distances
are positive inside. A new shape has `box`, `distance` and `boundary`, and is entered in `SHAPES`.
"""

from collections.abc import Callable, Mapping
from typing import Any, Protocol

import numpy as np
import sympy

from twinlib.config.mistakes import nearest
from twinlib.errors import UserError
from twinlib.physics.compiled import Compiled

Array = np.ndarray
Values = Mapping[str, Array]  # by name, one entry a point


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


class Shape(Protocol):
    """Part of space, in one to three coordinates."""

    coordinates: tuple[str, ...]

    def box(self, parameters: Values) -> tuple[Array, Array]:
        """Least and greatest coordinates, each of shape (n or 1, coordinates)."""

    def distance(self, points: Values) -> Array:
        """Signed distance to the boundary, shape (n,), positive inside; `points` has the parameters as well."""

    def boundary(self, unit: Array, parameters: Values) -> tuple[Array, Array]:
        """Points of the boundary and outward normals, shape (n, coordinates), for numbers of the unit cube like them.

        Uniform numbers give uniform points.
        """


class Line:
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

    def boundary(self, unit: Array, parameters: Values) -> tuple[Array, Array]:
        at_end = unit >= 0.5
        lower, upper = self.box(parameters)
        return np.where(at_end, upper, lower), np.where(at_end, 1.0, -1.0)


def contains(shape: Shape, points: Values, tolerance: float = 1e-9) -> Array:
    """Which points lie inside or on the boundary, within a part `tolerance` of the size of the shape."""
    lower, upper = shape.box(points)
    return np.asarray(shape.distance(points) >= -tolerance * np.max(upper - lower))


def line(settings: Mapping[str, Any], formula: Callable[[Any], Formula], where: str) -> Line:
    """`{x: [start, end]}`."""
    if len(settings) != 1:
        raise UserError(f"{where}: a line has one coordinate: {{shape: line, x: [0, 1]}}")
    ((coordinate, ends),) = settings.items()
    if not isinstance(ends, list | tuple) or len(ends) != 2:
        raise UserError(f"{where}.{coordinate}: give the two ends, as [0, 1]")
    return Line(coordinate, formula(ends[0]), formula(ends[1]))


SHAPES: dict[str, Callable[[Mapping[str, Any], Callable[[Any], Formula], str], Shape]] = {"line": line}


def shape(settings: Mapping[str, Any], formula: Callable[[Any], Formula], where: str) -> Shape:
    """The shape that a node of a problem's geometry describes.

    Parameters
    ----------
    formula
        Makes a function of the parameters out of a text or number.
    where
        The key of the node, for messages.

    Raises
    ------
    UserError
        No such shape, or not its settings.
    """
    name = settings.get("shape")
    if name not in SHAPES:
        raise UserError(f"{where}.shape: no shape {name}{nearest(str(name), SHAPES)}")
    return SHAPES[name]({key: value for key, value in settings.items() if key != "shape"}, formula, where)
