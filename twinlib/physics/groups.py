"""Points of conditions, put together for the network: those that need the same derivatives."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil

import numpy as np
import torch
from torch import Tensor

from twinlib.physics.condition import Condition
from twinlib.physics.derivatives import Directions
from twinlib.physics.domain import Samples
from twinlib.physics.problem import Problem
from twinlib.physics.solution import Evaluated


@dataclass
class Part:
    """The rows of a group that belong to one condition."""

    name: str
    rows: slice
    points: slice  # which of the condition's; of its sums, where there are such
    evaluated: Evaluated
    given: dict[object, Tensor]
    factors: list[float | Tensor]  # of each expression, or of each of its points
    emphasis: Tensor  # a further factor, shape () or (points of the part,), while it is trained
    weights: Tensor | None = None  # of points that are summed, see `Samples`

    @property
    def components(self) -> int:
        """Residuals that a point, or a block of points, has."""
        return 1 if self.weights is not None and self.weights.ndim == 4 else len(self.factors)

    @property
    def count(self) -> int:
        """Residuals of one component."""
        if self.weights is None:
            return self.rows.stop - self.rows.start
        return int(np.prod(self.weights.shape[: self.weights.ndim // 2]))

    def residuals(self, expressions: list[Tensor]) -> list[Tensor]:
        """Each component, shape (count,), out of the expressions at the points."""
        if self.weights is None:
            return expressions
        if self.weights.ndim == 2:
            return [(self.weights * each.view(self.weights.shape)).sum(dim=1) for each in expressions]
        blocks, _, _, points = self.weights.shape
        values = torch.stack([each.view(blocks, points) for each in expressions])
        return [torch.einsum("brkq,kbq->br", self.weights, values).reshape(-1)]

    def sum_rows(self, rows: Tensor, number: int, block: Tensor) -> None:
        """Out of the derivatives of an expression at the points, those of the residuals: into `block`."""
        assert self.weights is not None
        if self.weights.ndim == 2:
            weights = self.weights * self.emphasis.reshape(-1, 1)
            torch.bmm(weights[:, None], rows.view(*weights.shape, -1), out=block[:, None])
            return
        blocks, tests, _, points = self.weights.shape
        weights = self.weights[:, :, number] * self.emphasis.expand(self.count).view(blocks, tests, 1)
        sums = block.view(blocks, tests, -1)
        # One test function has what all expressions have for it.
        torch.baddbmm(sums, weights, rows.view(blocks, points, -1), beta=float(number > 0), out=sums)


@dataclass
class Group:
    """Conditions that need the same derivatives: the network sees their points together."""

    points: Tensor
    directions: Directions
    parts: list[Part]

    def layout(self) -> list[list[Part]]:
        """For each component the parts that have it: the order of the residuals in a vector."""
        most = max(part.components for part in self.parts)
        return [[part for part in self.parts if component < part.components] for component in range(most)]

    def in_order(self, columns: list[list[Tensor]]) -> Tensor:
        """The components of each part, each of shape (count,), as a vector."""
        own = {id(part): each for part, each in zip(self.parts, columns, strict=True)}
        return torch.cat([own[id(part)][component] for component, parts in enumerate(self.layout()) for part in parts])

    def starts(self) -> dict[int, list[int]]:
        """Where in the vector the residuals of each part and component begin, by the id of the part."""
        found: dict[int, list[int]] = {id(part): [] for part in self.parts}
        at = 0
        for parts in self.layout():
            for part in parts:
                found[id(part)].append(at)
                at += part.count
        return found


_LARGEST = 2**24  # numbers in a block of the Jacobian, 128 MiB


def compiled(problem: Problem) -> dict[str, Evaluated]:
    """The expressions of each condition that has some."""
    return {item.name: Evaluated(problem, item.residuals) for item in problem.conditions if item.residuals}


def groups(
    problem: Problem,
    expressions: Mapping[str, Evaluated],
    samples: Mapping[str, Samples],
    weights: Mapping[str, float],
    blocks: int,
    columns: int,
) -> list[Group]:
    """The conditions, those with the same derivatives together, cut into as many blocks as memory asks for.

    Parameters
    ----------
    expressions
        As from `compiled`.
    blocks, columns
        Blocks at least, and the parameters of the solution.
    """
    found: dict[tuple[object, ...], list[tuple[Condition, Evaluated]]] = {}
    for item in problem.conditions:
        if item.name in expressions:
            evaluated = expressions[item.name]
            found.setdefault(tuple(evaluated.indices), []).append((item, evaluated))
    made = []
    for indices, siblings in found.items():
        rows = sum(len(samples[item.name].inputs) * len(item.residuals) for item, _ in siblings)
        cuts = max(blocks, ceil(rows * columns / _LARGEST))
        for cut in range(cuts):
            parts, points, start = [], [], 0
            for item, evaluated in siblings:
                own = samples[item.name]
                # A block of points that are summed is not cut.
                total = len(own.inputs if own.weights is None else own.weights)
                units = slice(total * cut // cuts, total * (cut + 1) // cuts)
                if units.start == units.stop:
                    continue
                summed = None if own.weights is None else _tensor(own.weights[units])
                among, of_sums = units, units
                if summed is not None:
                    length, tests = summed.shape[-1], summed.shape[1] if summed.ndim == 4 else 1
                    among = slice(units.start * length, units.stop * length)
                    of_sums = slice(units.start * tests, units.stop * tests)
                factors = _factors(problem, item, own, weights.get(item.name, 1.0), among)
                given = _given(problem, item, own, among)
                rows_of_part = slice(start, start + among.stop - among.start)
                one = torch.ones(())
                parts.append(Part(item.name, rows_of_part, of_sums, evaluated, given, factors, one, summed))
                points.append(own.inputs[among])
                start = rows_of_part.stop
            if parts:
                made.append(Group(_tensor(np.concatenate(points)), Directions(list(indices)), parts))  # type: ignore[arg-type]
    return made


def _factors(problem: Problem, item: Condition, own: Samples, weight: float, among: slice) -> list[float | Tensor]:
    """What each expression is multiplied by, so that the squares of its residuals add up to their weighted mean."""
    if own.weights is not None and own.weights.ndim == 4:  # which are of sums without a dimension
        sums = np.prod(own.weights.shape[:2]) / len(item.equations)  # of each equation
        return [float(np.sqrt(weight / sums))] * len(item.residuals)
    count = len(own.inputs if own.weights is None else own.weights)
    plain = [float(np.sqrt(weight / count) / problem.magnitude(item, each)) for each in item.residuals]
    if item.weight is None:
        return list(plain)
    at_points = _tensor(np.sqrt(item.weight(own.inputs[among])))
    return [factor * at_points for factor in plain]


def _given(problem: Problem, item: Condition, own: Samples, among: slice) -> dict[object, Tensor]:
    """What is known at the points beside the inputs: measured values, normals."""
    given: dict[object, Tensor] = {
        str(symbol): _tensor(own.measured[name][among]) for name, symbol in item.given.items()
    }
    if own.normals is not None:
        names = problem.words.normals.values()
        given |= {str(symbol): _tensor(column[among]) for symbol, column in zip(names, own.normals.T, strict=True)}
    given |= {name: _tensor(values[among]) for name, values in own.extra.items()}
    return given


def _tensor(array: np.ndarray) -> Tensor:
    return torch.as_tensor(array, dtype=torch.get_default_dtype())
