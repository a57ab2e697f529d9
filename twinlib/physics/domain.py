"""Where an equation holds: a shape, an interval of time, the ranges of the parameters."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np

from twinlib.errors import UserError
from twinlib.physics.geometry import Array, Shape, Values, boundary, contains
from twinlib.physics.importance import chosen
from twinlib.physics.parts import Pick
from twinlib.physics.sampling import Draw

_ROUNDS = 200  # in which points are drawn and those outside left out
_AT_ENDS = 0.03  # about the part of the points that has a parameter at one end of its range
_CANDIDATES = 16  # out of which one point is chosen by a density
_LOOKS = 512  # points among which one has to lie inside of a shape


@dataclass(frozen=True)
class Samples:
    """Points with all inputs of the networks, shape (n, inputs); on a boundary normals, shape (n, coordinates); where
    something was measured, the values by field, shape (n,).

    Attributes
    ----------
    weights
        Of points whose residuals count only in sums. Shape (m, q): the points come in m blocks of q, and each block
        gives one residual, the weighted sum over it. Shape (m, r, k, q): each block gives r residuals, to which the k
        expressions of the condition add up, each with its own weights.
    extra
        Further values that stand in the residuals, by the name of their symbol, shape (n,).
    """

    inputs: Array
    normals: Array | None = None
    measured: Mapping[str, Array] = field(default_factory=dict)
    weights: Array | None = None
    extra: Mapping[str, Array] = field(default_factory=dict)


@dataclass(frozen=True)
class Domain:
    """A part of space and time for all values of the parameters.

    The inputs are in this order: coordinates of the shape, time, parameters.

    Attributes
    ----------
    name
        Its key in `data.geometry`; `time` where there is no space.
    shape
        None where there is no space.
    time
        Name, start and end; None for what does not change.
    parameters
        Least and greatest value of each.
    """

    name: str
    shape: Shape | None
    time: tuple[str, float, float] | None
    parameters: dict[str, tuple[float, float]]

    @property
    def coordinates(self) -> tuple[str, ...]:
        """Of space."""
        return self.shape.coordinates if self.shape else ()

    @property
    def inputs(self) -> tuple[str, ...]:
        return (*self.coordinates, *([self.time[0]] if self.time else []), *self.parameters)

    def named(self, inputs: Array) -> dict[str, Array]:
        """Columns of points by name."""
        return {name: inputs[:, column] for column, name in enumerate(self.inputs)}

    def contains(self, inputs: Array) -> Array:
        """Which points lie in the shape, at whatever time."""
        return contains(self.shape, self.named(inputs)) if self.shape else np.ones(len(inputs), dtype=bool)

    def interior(
        self,
        count: int,
        draw: Draw,
        pick: Pick | None = None,
        density: Callable[[Array], Array] | None = None,
        where: str | None = None,
    ) -> Samples:
        """Points in the domain; in a part of it with `pick`.

        With `density`, points of shape (n, inputs) -> numbers of shape (n,), they lie in proportion to these.
        `where` is the key of the part, for messages.
        """

        def attempt(unit: Array) -> Samples:
            inputs = self._in_box(self._with_ends(unit))
            inside = self.contains(inputs)
            return _kept(Samples(inputs), inside & pick(self.named(inputs)) if pick else inside)

        missing = f"{where}: no part of {self.name} is there" if pick else f"data.geometry.{self.name}: is empty"
        if density is None:
            return _collected(attempt, count, draw, missing)
        many = _collected(attempt, count * _CANDIDATES, draw, missing)
        dense = density(many.inputs)
        if not (dense > 0).any():
            raise UserError(f"{where}: the density is 0 everywhere")
        return _kept(many, chosen(many.inputs, dense, count))

    def boundary(self, count: int, draw: Draw, where: str, pick: Pick | None = None) -> Samples:
        """Different points of the boundary of the shape, at most `count`; of a part of it with `pick`."""
        shape = self.shape
        if shape is None:
            raise UserError(f"{where}: {self.name} has no boundary; at the beginning of time there is the type initial")

        def attempt(unit: Array) -> Samples:
            outer = self._outer(self._with_ends(unit))
            # Whoever names a part may mean the open end of a channel.
            place, normals, there = boundary(
                shape, unit[:, : len(self.coordinates)], self._parameters(outer), bool(pick)
            )
            inputs = np.column_stack([place, outer])
            return _kept(Samples(inputs, normals), there & pick(self.named(inputs)) if pick else there)

        missing = f"{where}: no part of the boundary of {self.name} is there"
        return _different(_collected(attempt, max(count, 2), draw, missing))

    def start(self, count: int, draw: Draw, where: str) -> Samples:
        """Different points at the beginning of time, at most `count`."""
        if self.time is None:
            raise UserError(f"{where}: nothing has a beginning without data.time")
        inputs = self.interior(count, draw).inputs.copy()
        inputs[:, len(self.coordinates)] = self.time[1]
        return _different(Samples(inputs))

    def grid(self, count: int) -> Samples:
        """About `count` points on a regular grid over the box of each value of the parameters, ends included."""
        sizes = self._grid_sizes(count)
        unit = np.stack(np.meshgrid(*(np.linspace(0, 1, size) for size in sizes), indexing="ij"), axis=-1)
        inputs = self._in_box(unit.reshape(-1, len(sizes)))
        return _kept(Samples(inputs), self.contains(inputs))

    def box(self) -> Array:
        """Least and greatest value of each input, shape (inputs, 2)."""
        rows = []
        if self.shape is not None:
            lower, upper = self.shape.box(self._some_parameters())
            rows += list(np.column_stack([lower.min(axis=0), upper.max(axis=0)]))
        if self.time is not None:
            rows.append(np.array(self.time[1:]))
        return np.array([*rows, *(np.array(limits) for limits in self.parameters.values())])

    def is_empty(self) -> bool:
        """Whether for some values of the parameters nothing is left of the shape."""
        if self.shape is None:
            return False
        lower, upper = self.shape.box(self._some_parameters())
        if not bool((lower < upper).all()):
            return True
        # Of what is combined, a box says little: some points have to lie inside for each extreme of the parameters.
        unit = np.random.default_rng(0).random((_LOOKS, len(self.inputs)))
        for corner in np.ndindex(*(2,) * len(self.parameters)):
            unit[:, len(self.inputs) - len(corner) :] = corner
            if not self.contains(self._in_box(unit)).any():
                return True
        return False

    def _in_box(self, unit: Array) -> Array:
        """Points in the box of the shape for their parameters, out of numbers of the unit cube, shape (n, inputs)."""
        outer = self._outer(unit)
        if self.shape is None:
            return outer
        lower, upper = self.shape.box(self._parameters(outer))
        return np.column_stack([lower + unit[:, : len(self.coordinates)] * (upper - lower), outer])

    def _some_parameters(self) -> Values:
        # An end of a shape may be extreme between the ends of a parameter's range.
        some = [np.linspace(low, high, 9) for low, high in self.parameters.values()]
        return dict(zip(self.parameters, (each.ravel() for each in np.meshgrid(*some, indexing="ij")), strict=True))

    def _with_ends(self, unit: Array) -> Array:
        """Some points at the very ends of the parameters' ranges: beyond its points a solution is a guess."""
        first = unit.shape[1] - len(self.parameters)
        stretched = np.clip((unit[:, first:] - 0.5) * (1 + 2 * _AT_ENDS) + 0.5, 0, 1)
        return np.column_stack([unit[:, :first], stretched]) if self.parameters else unit

    def _outer(self, unit: Array) -> Array:
        """Time and parameters from the columns behind those of space, shape (n, …)."""
        limits = [*([self.time[1:]] if self.time else []), *self.parameters.values()]
        first = len(self.coordinates)
        columns = [low + unit[:, first + number] * (high - low) for number, (low, high) in enumerate(limits)]
        return np.column_stack(columns) if columns else np.empty((len(unit), 0))

    def _parameters(self, outer: Array) -> Values:
        first = 1 if self.time else 0
        return {name: outer[:, first + number] for number, name in enumerate(self.parameters)}

    def _grid_sizes(self, count: int) -> list[int]:
        # A parameter is looked at in a few values only, in the fewer the more there is of space.
        few = [11 if len(self.coordinates) < 2 else 5] * len(self.parameters)
        dense = len(self.inputs) - len(few)
        each = (count / np.prod(few, dtype=float)) ** (1 / dense)
        # In space the steps are equally long.
        sides = np.ptp(self.box()[: len(self.coordinates)], axis=1)
        sides = sides / np.prod(sides) ** (1 / max(len(sides), 1))
        return [max(round(each * side), 3) for side in [*sides, *[1.0] * (dense - len(sides))]] + few


def _collected(attempt: Callable[[Array], Samples], count: int, draw: Draw, missing: str) -> Samples:
    found: list[Samples] = []
    total = 0
    for _ in range(_ROUNDS):
        found.append(attempt(draw(max(count, 16) if found else count)))
        total += len(found[-1].inputs)
        if total >= count:
            break
    if total == 0:
        raise UserError(missing)
    inputs = np.concatenate([each.inputs for each in found])[:count]
    if found[0].normals is None:
        return Samples(inputs)
    return Samples(inputs, np.concatenate([each.normals for each in found if each.normals is not None])[:count])


def _kept(samples: Samples, keep: Array) -> Samples:
    return Samples(samples.inputs[keep], None if samples.normals is None else samples.normals[keep])


def _different(samples: Samples) -> Samples:
    _, rows = np.unique(samples.inputs, axis=0, return_index=True)
    return _kept(samples, np.sort(rows))
