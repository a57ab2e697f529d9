"""The residuals of all conditions at their points, and their Jacobian by what is trained."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil

import numpy as np
import torch
from torch import Tensor, nn

from twinlib.physics.conditions import Condition
from twinlib.physics.derivatives import Directions
from twinlib.physics.domain import Samples
from twinlib.physics.layers import taped_layers
from twinlib.physics.problem import Problem
from twinlib.physics.solution import Evaluated, Solution


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


class Residuals:
    """Residuals, each divided by its size and by the square root of the number of its points.

    The sum of their squares is the loss: for each condition the mean square of each of its residuals, times its weight
    and, in what the optimizers see, times its emphasis. A residual is an expression at a point, or a weighted sum of
    expressions over a block of points (see `Samples`).

    Parameters
    ----------
    samples
        The points of each condition, by its name.
    weights
        Of each condition, by its name; 1 where there is none.
    blocks
        Into how many the points are cut at least. The numbers are the same; less memory is needed at a time.
    """

    def __init__(
        self,
        problem: Problem,
        solution: Solution,
        samples: Mapping[str, Samples],
        weights: Mapping[str, float],
        blocks: int = 1,
    ) -> None:
        self._solution = solution
        layers = list(taped_layers(solution.network))
        self._layers = layers
        self.parameters: list[nn.Parameter] = [
            *(parameter for layer in layers for parameter in layer.own()),
            *solution.unknowns.values(),
        ]
        trained = {id(parameter) for parameter in solution.parameters()}
        assert trained == {id(parameter) for parameter in self.parameters}, "a network is made of taped layers"
        self.columns = sum(parameter.numel() for parameter in self.parameters)
        self._groups = _groups(problem, samples, weights, blocks, self.columns)
        self.size = sum(part.count for group in self._groups for parts in group.layout() for part in parts)

    def terms(self) -> dict[str, Tensor]:
        """The part that each condition has in the loss, without any emphasis."""
        found: dict[str, Tensor] = {}
        for group in self._groups:
            every = self._columns(group, self._solution.spread(group.points))
            for part, columns in zip(group.parts, every, strict=True):
                term = torch.stack([column @ column for column in columns]).sum()
                found[part.name] = found[part.name] + term if part.name in found else term
        return found

    def squares(self) -> dict[str, Tensor]:
        """For each condition what each of its points has in the loss, without any emphasis or gradient."""
        found: dict[str, list[Tensor]] = {}
        with torch.no_grad():
            for group in self._groups:
                every = self._columns(group, self._solution.spread(group.points))
                for part, columns in zip(group.parts, every, strict=True):
                    found.setdefault(part.name, []).append(torch.stack(columns).square().sum(dim=0))
        return {name: torch.cat(pieces) for name, pieces in found.items()}

    def emphasise(self, name: str, weight: Tensor | float) -> None:
        """From now on the squares of a condition count `weight` times, shape () or (points of the condition,)."""
        factor = torch.as_tensor(weight, dtype=torch.get_default_dtype()).sqrt()
        for group in self._groups:
            for part in group.parts:
                if part.name == name:
                    part.emphasis = factor[part.points] if factor.ndim else factor

    def loss(self) -> Tensor:
        """The sum of squares."""
        return torch.stack([self._loss(group) for group in self._groups]).sum()

    def backward(self) -> Tensor:
        """The sum of squares; its gradient is added to that of the parameters, one block after the other."""
        total = torch.zeros(())
        for group in self._groups:
            loss = self._loss(group)
            loss.backward()
            total = total + loss.detach()
        return total

    def vector(self) -> Tensor:
        """All residuals, shape (residuals,), without gradients, in the order of `jacobian`."""
        with torch.no_grad():
            rows = []
            for group in self._groups:
                rows += _by_component(self._emphasised(group, self._solution.spread(group.points)))
            return torch.cat(rows)

    def owners(self) -> list[tuple[str, int]]:
        """The conditions that the rows of `jacobian` belong to, and how many rows on end."""
        return [(part.name, part.count) for group in self._groups for parts in group.layout() for part in parts]

    def jacobian(self) -> tuple[Tensor, Tensor]:
        """All residuals, shape (residuals,), and their derivatives by `parameters`, shape (residuals, parameters)."""
        jacobian = torch.empty(self.size, self.columns)
        vectors, at = [], 0
        for group in self._groups:
            vectors.append(self._fill(group, jacobian[at:]))
            at += len(vectors[-1])
        return torch.cat(vectors), jacobian

    def normal(self) -> tuple[Tensor, Tensor, Tensor]:
        """All residuals r, the lower half of J'J and J'r, with no more of the Jacobian J in memory than one block."""
        matrix = torch.zeros(self.columns, self.columns)
        gradient = torch.zeros(self.columns)
        vectors = []
        most = max(sum(part.count for parts in group.layout() for part in parts) for group in self._groups)
        scratch = torch.empty(most, self.columns)
        for group in self._groups:
            vectors.append(self._fill(group, scratch))
            block = scratch[: len(vectors[-1])]
            add_lower_half(matrix, block)
            gradient.addmv_(block.T, vectors[-1])
        return torch.cat(vectors), matrix, gradient

    def pull(self, vector: Tensor) -> Tensor:
        """J' v for a number v of each residual, shape (parameters,), by a reverse pass."""
        found = torch.zeros(self.columns)
        at = 0
        for group in self._groups:
            rows = torch.cat(_by_component(self._emphasised(group, self._solution.spread(group.points))))
            total = rows @ vector[at : at + len(rows)]
            at += len(rows)
            gradients = torch.autograd.grad(total, self.parameters, allow_unused=True, materialize_grads=True)
            found += torch.cat([each.reshape(-1) for each in gradients])
        return found

    def _loss(self, group: Group) -> Tensor:
        every = self._emphasised(group, self._solution.spread(group.points))
        return torch.stack([column @ column for columns in every for column in columns]).sum()

    def _emphasised(self, group: Group, unknowns: Mapping[str, Tensor]) -> list[list[Tensor]]:
        every = self._columns(group, unknowns)
        return [
            [column * part.emphasis for column in columns] for part, columns in zip(group.parts, every, strict=True)
        ]

    def _columns(self, group: Group, unknowns: Mapping[str, Tensor]) -> list[list[Tensor]]:
        """For each part its residuals, each of shape (count,)."""
        every = self._expressions(group, unknowns)
        return [part.residuals(each) for part, each in zip(group.parts, every, strict=True)]

    def _expressions(self, group: Group, unknowns: Mapping[str, Tensor]) -> list[list[Tensor]]:
        """For each part its expressions, each of shape (points of the part,)."""
        first = group.parts[0].evaluated
        slots = first.slots(self._solution.network, group.points, group.directions)
        for name, value in unknowns.items():
            slots[name] = value
        found = []
        for part in group.parts:
            own = {key: value[part.rows] for key, value in slots.items()}
            values = part.evaluated.values(own | part.given)
            count = len(group.points[part.rows])
            found.append(
                [
                    (value if isinstance(value, Tensor) else group.points.new_full((count,), value)) * factor
                    for value, factor in zip(values, part.factors, strict=True)
                ]
            )
        return found

    def _fill(self, group: Group, jacobian: Tensor) -> Tensor:
        """The residuals of a group; their derivatives go to the first rows of `jacobian`.

        One reverse pass for the first expression of all parts, one for the second, … No two points have anything in
        common before the parameters. So in the gradient of a sum over points the row of each point can be told apart
        at the outputs of the layers.
        """
        for layer in self._layers:
            layer.taped, layer.tape = True, []
        spread = {name: value.detach().clone().requires_grad_() for name, value in
                  self._solution.spread(group.points).items()}  # fmt: skip
        every = self._expressions(group, spread)
        for layer in self._layers:
            layer.taped = False
        outputs = [layer.tape[0][1] for layer in self._layers if layer.tape]
        vector, starts = _laid_out(group, every)
        most = max(map(len, every))
        for number in range(most):
            present = [
                (part, each[number]) for part, each in zip(group.parts, every, strict=True) if number < len(each)
            ]
            # Where points are summed, emphasis is of the sums.
            total = torch.stack(
                [(value * part.emphasis if part.weights is None else value).sum() for part, value in present]
            ).sum()
            wanted = [*outputs, *spread.values()]
            gradients = [torch.zeros_like(each) for each in wanted]
            if total.requires_grad:  # a source alone does not depend on anything
                gradients = list(
                    torch.autograd.grad(
                        total, wanted, retain_graph=number + 1 < most, allow_unused=True, materialize_grads=True
                    )
                )
            for part, value in present:
                start = starts[id(part)][min(number, part.components - 1)]
                block = jacobian[start : start + part.count]
                if part.weights is None:
                    self._write(block, part.rows, list(gradients))
                else:
                    rows = jacobian.new_empty(len(value), self.columns)
                    self._write(rows, part.rows, list(gradients))
                    part.sum_rows(rows, number, block)
        for layer in self._layers:
            layer.tape = []
        return vector

    def _write(self, block: Tensor, rows: slice, gradients: list[Tensor]) -> None:
        at = 0
        for layer in self._layers:
            size = sum(parameter.numel() for parameter in layer.own())
            if layer.tape:
                gradient, given = gradients.pop(0), layer.tape[0][0].detach()
                layer.rows(given[:, rows], gradient[:, rows], block[:, at : at + size])
            else:
                block[:, at : at + size] = 0
            at += size
        for number, gradient in enumerate(gradients):
            block[:, at + number] = gradient[rows]


_PANEL = 256  # columns


def add_lower_half(matrix: Tensor, block: Tensor) -> None:
    """Add block' block to a matrix, at and below the diagonal only: a little more than half of the products."""
    for start in range(0, len(matrix), _PANEL):
        end = start + _PANEL
        matrix[start:, start:end].addmm_(block[:, start:].T, block[:, start:end])


def _laid_out(group: Group, every: list[list[Tensor]]) -> tuple[Tensor, dict[int, list[int]]]:
    """All residuals, and where those of each part and component begin."""
    columns = {id(part): part.residuals(each) for part, each in zip(group.parts, every, strict=True)}
    starts: dict[int, list[int]] = {id(part): [] for part in group.parts}
    vectors, at = [], 0
    for component, parts in enumerate(group.layout()):
        for part in parts:
            vectors.append(columns[id(part)][component].detach() * part.emphasis)
            starts[id(part)].append(at)
            at += part.count
    return torch.cat(vectors), starts


def _by_component(columns: list[list[Tensor]]) -> list[Tensor]:
    """First the first residual of all parts, then the second of those that have one, …"""
    most = max(map(len, columns))
    return [each[component] for component in range(most) for each in columns if component < len(each)]


_LARGEST = 2**24  # numbers in a block of the Jacobian, 128 MiB


def _groups(
    problem: Problem, samples: Mapping[str, Samples], weights: Mapping[str, float], blocks: int, columns: int
) -> list[Group]:
    found: dict[tuple[object, ...], list[tuple[Condition, Evaluated]]] = {}
    for item in problem.conditions:
        if item.residuals:
            evaluated = Evaluated(problem, item.residuals)
            found.setdefault(tuple(evaluated.indices), []).append((item, evaluated))
    groups = []
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
                groups.append(Group(_tensor(np.concatenate(points)), Directions(list(indices)), parts))  # type: ignore[arg-type]
    return groups


def _factors(problem: Problem, item: Condition, own: Samples, weight: float, among: slice) -> list[float | Tensor]:
    """What each expression is multiplied by, so that the squares of its residuals add up to their weighted mean."""
    if own.weights is not None and own.weights.ndim == 4:  # which are of sums without a dimension
        return [float(np.sqrt(weight / np.prod(own.weights.shape[:2])))] * len(item.residuals)
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
