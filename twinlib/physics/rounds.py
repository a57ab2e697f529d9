"""Circles, spheres and ellipses."""

from collections.abc import Mapping, Sequence

import numpy as np

from twinlib.physics.geometry import Array, Face, Formula, Shape, Values, columns, stacked

_HALVINGS = 64  # of an interval, to the last digit


class Ball(Shape):
    """A circle, in three coordinates a sphere.

    Parameters
    ----------
    centre
        Formulas by coordinate.
    radius
        A formula.
    """

    def __init__(self, centre: Mapping[str, Formula], radius: Formula) -> None:
        self.coordinates = tuple(centre)
        self.centre = dict(centre)
        self.radius = radius

    def middle(self, parameters: Values) -> Array:
        """Shape (n or 1, coordinates)."""
        return columns(self.centre.values(), parameters)

    def box(self, parameters: Values) -> tuple[Array, Array]:
        middle, radius = self.middle(parameters), np.atleast_1d(self.radius(parameters))[:, None]
        return middle - radius, middle + radius

    def distance(self, points: Values) -> Array:
        away = stacked(self, points) - self.middle(points)
        return np.asarray(self.radius(points) - np.sqrt(np.square(away).sum(axis=1)))

    def faces(self) -> Sequence[Face]:
        flat = len(self.coordinates) == 2

        def measure(parameters: Values) -> Array:
            radius = np.atleast_1d(self.radius(parameters))
            return 2 * np.pi * radius if flat else 4 * np.pi * radius**2

        def place(unit: Array, parameters: Values) -> tuple[Array, Array]:
            normals = on_circle(unit[:, 0])
            if not flat:  # equal heights of a sphere have equal areas (Archimedes)
                height = 2 * unit[:, 1:] - 1
                normals = np.column_stack([np.sqrt(1 - height**2) * normals, height])
            return self.middle(parameters) + np.atleast_1d(self.radius(parameters))[:, None] * normals, normals

        return [Face(measure, place)]


class Ellipse(Shape):
    """An ellipse along the axes.

    Parameters
    ----------
    centre, radii
        Formulas by coordinate.
    """

    def __init__(self, centre: Mapping[str, Formula], radii: Mapping[str, Formula]) -> None:
        self.coordinates = tuple(centre)
        self.centre = dict(centre)
        self.radii = dict(radii)

    def box(self, parameters: Values) -> tuple[Array, Array]:
        middle, radii = columns(self.centre.values(), parameters), columns(self.radii.values(), parameters)
        return middle - radii, middle + radii

    def distance(self, points: Values) -> Array:
        """From the nearest point, whose equation is solved by halving (Eberly, Distance from a Point to an Ellipse)."""
        place = np.abs(stacked(self, points) - columns(self.centre.values(), points))
        radii = np.broadcast_to(columns(self.radii.values(), points), place.shape)
        # With the longer radius first.
        order = np.argsort(-radii, axis=1, kind="stable")
        (long, short), (far, near) = (np.take_along_axis(each, order, axis=1).T for each in (radii, place))
        ratio, x, y = (long / short) ** 2, far / long, np.maximum(near / short, 1e-30)
        low, high = y, np.hypot(ratio * x, y)
        for _ in range(_HALVINGS):
            middle = (low + high) / 2
            beyond = (ratio * x / (middle + ratio - 1)) ** 2 + (y / middle) ** 2 > 1
            low, high = np.where(beyond, middle, low), np.where(beyond, high, middle)
        nearest = np.minimum(ratio * x / (high + ratio - 1), 1.0)
        away = np.hypot(far - long * nearest, near - short * np.sqrt(1 - nearest**2))
        return np.where(x**2 + (near / short) ** 2 <= 1, away, -away)

    def faces(self) -> Sequence[Face]:
        from scipy.special import ellipe, ellipeinc

        def radii(parameters: Values) -> Array:
            return columns(self.radii.values(), parameters)

        def measure(parameters: Values) -> Array:
            a, b = radii(parameters).T
            return np.asarray(4 * b * ellipe(1 - (a / b) ** 2))

        def place(unit: Array, parameters: Values) -> tuple[Array, Array]:
            a, b = np.broadcast_to(radii(parameters), (len(unit), 2)).T
            bent = 1 - (a / b) ** 2
            # The arc length is an elliptic integral of the angle from the second axis, inverted by Newton's method in
            # a quarter, where it is convex or concave.
            whole = 4 * unit[:, 0]
            quarter = np.floor(whole)
            wanted = (whole - quarter) * ellipe(bent)
            angle = (whole - quarter) * np.pi / 2
            for _ in range(30):
                slope = np.sqrt(1 - bent * np.sin(angle) ** 2)
                angle = np.clip(angle - (ellipeinc(angle, bent) - wanted) / slope, 0, np.pi / 2)
            # Every second quarter runs backwards: there the ellipse is mirrored.
            turned = np.where(quarter % 2 == 0, 1, -1) * angle + np.pi * np.ceil(quarter / 2)
            points = np.column_stack([a * np.cos(turned), b * np.sin(turned)])
            normals = points / np.column_stack([a, b]) ** 2
            normals /= np.sqrt(np.square(normals).sum(axis=1, keepdims=True))
            return columns(self.centre.values(), parameters) + points, normals

        return [Face(measure, place)]


def on_circle(turns: Array) -> Array:
    """Points of the unit circle, shape (n, 2)."""
    return np.column_stack([np.cos(2 * np.pi * turns), np.sin(2 * np.pi * turns)])
