"""The residuals of all conditions at their points, and their Jacobian by what is trained."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from twinlib.physics.domain import Samples
from twinlib.physics.groups import Group, compiled, groups
from twinlib.physics.layers import taped_layers
from twinlib.physics.problem import Problem
from twinlib.physics.solution import Solution


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
        # The network of an earlier window of time is not trained.
        layers = [each for each in taped_layers(solution.network) if all(own.requires_grad for own in each.own())]
        self._layers = layers
        self.parameters: list[nn.Parameter] = [
            *(parameter for layer in layers for parameter in layer.own()),
            *solution.unknowns.values(),
        ]
        trained = {id(parameter) for parameter in solution.parameters() if parameter.requires_grad}
        assert trained == {id(parameter) for parameter in self.parameters}, "a network is made of taped layers"
        self.columns = sum(parameter.numel() for parameter in self.parameters)
        self._problem = problem
        self._expressions_of = compiled(problem)
        self._weights = dict(weights)
        self._blocks = blocks
        self.take(samples)

    def take(self, samples: Mapping[str, Samples]) -> None:
        """Other points, without any emphasis."""
        self._groups = groups(self._problem, self._expressions_of, samples, self._weights, self._blocks, self.columns)
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
                rows.append(group.in_order(self._emphasised(group, self._solution.spread(group.points))))
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

    def kernel_traces(self) -> list[tuple[str, float]]:
        """The squares of `jacobian`, summed over the rows of each of `owners`."""
        found = []
        for group in self._groups:
            parts = [part for component in group.layout() for part in component]
            scratch = torch.empty(sum(part.count for part in parts), self.columns)
            self._fill(group, scratch)
            each = scratch.square().sum(dim=1).split([part.count for part in parts])
            found += [(part.name, float(squares.sum())) for part, squares in zip(parts, each, strict=True)]
        return found

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
            rows = group.in_order(self._emphasised(group, self._solution.spread(group.points)))
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
        vector = group.in_order(
            [
                [column.detach() * part.emphasis for column in part.residuals(each)]
                for part, each in zip(group.parts, every, strict=True)
            ]
        )
        starts = group.starts()
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
