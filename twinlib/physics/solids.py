"""Cylinders, cones and tori along one of three axes."""

from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from twinlib.physics.geometry import Array, Face, Formula, Shape, Values, columns
from twinlib.physics.rounds import on_circle


class Turned(Shape):
    """What is round about an axis: given by the distance from the axis and the place along it.

    Parameters
    ----------
    coordinates
        Three names.
    axis
        The one along which the axis lies.
    centre
        Where, by the other two.
    """

    def __init__(self, coordinates: Sequence[str], axis: str, centre: Mapping[str, Formula]) -> None:
        self.coordinates = tuple(coordinates)
        self._axis = self.coordinates.index(axis)
        self._around = [column for column in range(3) if column != self._axis]
        self._centre = [centre[self.coordinates[column]] for column in self._around]

    def distance(self, points: Values) -> Array:
        middle = columns(self._centre, points)
        away = np.column_stack([points[self.coordinates[column]] for column in self._around]) - middle
        return self._distance(np.hypot(away[:, 0], away[:, 1]), points[self.coordinates[self._axis]], points)

    def box(self, parameters: Values) -> tuple[Array, Array]:
        middle = columns(self._centre, parameters)
        radius, low, high = (np.atleast_1d(each) for each in self._extent(parameters))
        ends = ((middle - radius[:, None], low), (middle + radius[:, None], high))
        return self._joined(*ends[0]), self._joined(*ends[1])

    @abstractmethod
    def _distance(self, radius: Array, height: Array, parameters: Values) -> Array:
        """The signed distance, of points at a distance from the axis and a place along it."""

    @abstractmethod
    def _extent(self, parameters: Values) -> tuple[Array, Array, Array]:
        """The greatest distance from the axis, and where along it the shape begins and ends."""

    def _face(
        self,
        measure: Callable[[Values], Array],
        profile: Callable[[Array, Values], tuple[Array, Array, Array, Array]],
    ) -> Face:
        """A curve turned about the axis: distance from the axis and place along it, and the same of the normal."""

        def place(unit: Array, parameters: Values) -> tuple[Array, Array]:
            around = on_circle(unit[:, 0])
            radius, height, outward, upward = (
                np.broadcast_to(each, len(unit)) for each in profile(unit[:, 1], parameters)
            )
            points = columns(self._centre, parameters) + radius[:, None] * around
            return self._joined(points, height), self._joined(outward[:, None] * around, upward)

        return Face(lambda parameters: np.atleast_1d(measure(parameters)), place)

    def _disc(self, radius: Formula, height: Formula, upward: Callable[[Values], Array]) -> Face:
        def profile(unit: Array, parameters: Values) -> tuple[Array, Array, Array, Array]:
            return radius(parameters) * np.sqrt(unit), height(parameters), np.zeros(1), upward(parameters)

        return self._face(lambda parameters: np.pi * radius(parameters) ** 2, profile)

    def _joined(self, around: Array, along: Array) -> Array:
        """Columns in the order of the coordinates."""
        joined = np.empty((max(len(around), len(along)), 3))
        joined[:, self._around], joined[:, self._axis] = around, along
        return joined


class Cylinder(Turned):
    """A cylinder between two places along its axis."""

    def __init__(
        self, coordinates: Sequence[str], axis: str, centre: Mapping[str, Formula], ends: tuple[Formula, Formula],
        radius: Formula,
    ) -> None:  # fmt: skip
        super().__init__(coordinates, axis, centre)
        self.ends = ends
        self.radius = radius

    def _distance(self, radius: Array, height: Array, parameters: Values) -> Array:
        low, high = (end(parameters) for end in self.ends)
        beyond = np.stack([radius - self.radius(parameters), np.abs(height - (low + high) / 2) - (high - low) / 2])
        outside = np.sqrt(np.square(np.maximum(beyond, 0)).sum(axis=0))
        return np.asarray(-outside - np.minimum(beyond.max(axis=0), 0))

    def _extent(self, parameters: Values) -> tuple[Array, Array, Array]:
        return self.radius(parameters), self.ends[0](parameters), self.ends[1](parameters)

    def faces(self) -> Sequence[Face]:
        low, high = self.ends

        def side(unit: Array, parameters: Values) -> tuple[Array, Array, Array, Array]:
            height = low(parameters) + unit * (high(parameters) - low(parameters))
            return self.radius(parameters), height, np.ones(1), np.zeros(1)

        def area(parameters: Values) -> Array:
            return 2 * np.pi * self.radius(parameters) * (high(parameters) - low(parameters))

        return [
            self._disc(self.radius, low, lambda parameters: np.array(-1.0)),
            self._disc(self.radius, high, lambda parameters: np.array(1.0)),
            self._face(area, side),
        ]


class Cone(Turned):
    """A cone from its base to its tip, which may lie on either side."""

    def __init__(
        self, coordinates: Sequence[str], axis: str, centre: Mapping[str, Formula], base: Formula, tip: Formula,
        radius: Formula,
    ) -> None:  # fmt: skip
        super().__init__(coordinates, axis, centre)
        self.base = base
        self.tip = tip
        self.radius = radius

    def _distance(self, radius: Array, height: Array, parameters: Values) -> Array:
        length, wide = self._length(parameters), self.radius(parameters)
        above = (height - self.base(parameters)) * self._sense(parameters)
        # Half a cut through the axis is a triangle, of which the axis is no boundary.
        to_base = np.hypot(np.maximum(radius - wide, 0), above)
        part = np.clip(((wide - radius) * wide + above * length) / (wide**2 + length**2), 0, 1)
        to_side = np.hypot(radius - wide * (1 - part), above - length * part)
        inside = (above >= 0) & (radius <= wide * (1 - above / length))
        return np.where(inside, 1, -1) * np.minimum(to_base, to_side)

    def _extent(self, parameters: Values) -> tuple[Array, Array, Array]:
        base, tip = self.base(parameters), self.tip(parameters)
        # One without a length has no extent either.
        radius = np.where(base == tip, 0.0, self.radius(parameters))
        return radius, np.minimum(base, tip), np.maximum(base, tip)

    def faces(self) -> Sequence[Face]:
        def slant(parameters: Values) -> Array:
            return np.hypot(self.radius(parameters), self._length(parameters))

        def side(unit: Array, parameters: Values) -> tuple[Array, Array, Array, Array]:
            part = 1 - np.sqrt(unit)  # of the way to the tip: the circles become smaller
            height = self.base(parameters) + part * (self.tip(parameters) - self.base(parameters))
            outward = self._length(parameters) / slant(parameters)
            upward = self.radius(parameters) / slant(parameters) * self._sense(parameters)
            return self.radius(parameters) * (1 - part), height, outward, upward

        def area(parameters: Values) -> Array:
            return np.pi * self.radius(parameters) * slant(parameters)

        return [self._disc(self.radius, self.base, lambda parameters: -self._sense(parameters)), self._face(area, side)]

    def _length(self, parameters: Values) -> Array:
        return np.abs(self.tip(parameters) - self.base(parameters))

    def _sense(self, parameters: Values) -> Array:
        return np.sign(self.tip(parameters) - self.base(parameters))


class Torus(Turned):
    """A ring of a tube."""

    def __init__(
        self, coordinates: Sequence[str], axis: str, centre: Mapping[str, Formula], height: Formula, radius: Formula,
        tube: Formula,
    ) -> None:  # fmt: skip
        super().__init__(coordinates, axis, centre)
        self.height = height
        self.radius = radius
        self.tube = tube

    def _distance(self, radius: Array, height: Array, parameters: Values) -> Array:
        away = np.hypot(radius - self.radius(parameters), height - self.height(parameters))
        return np.asarray(self.tube(parameters) - away)

    def _extent(self, parameters: Values) -> tuple[Array, Array, Array]:
        height, tube = self.height(parameters), self.tube(parameters)
        return self.radius(parameters) + tube, height - tube, height + tube

    def faces(self) -> Sequence[Face]:
        def skin(unit: Array, parameters: Values) -> tuple[Array, Array, Array, Array]:
            radius, tube = self.radius(parameters), self.tube(parameters)
            # Outside there is more of it: angle + tube / radius sin(angle) is uniform.
            low, high = np.zeros(len(unit)), np.full(len(unit), 2 * np.pi)
            for _ in range(60):
                angle = (low + high) / 2
                less = angle + tube / radius * np.sin(angle) < 2 * np.pi * unit
                low, high = np.where(less, angle, low), np.where(less, high, angle)
            outward, upward = np.cos(angle), np.sin(angle)
            return radius + tube * outward, self.height(parameters) + tube * upward, outward, upward

        return [
            self._face(lambda parameters: 4 * np.pi**2 * self.radius(parameters) * self.tube(parameters), skin),
        ]
