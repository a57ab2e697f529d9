"""The residuals of all conditions at their points, and their Jacobian by what is trained."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from twinlib.physics.derivatives import Directions
from twinlib.physics.domain import Samples
from twinlib.physics.networks import Affine, affine_layers
from twinlib.physics.problem import Problem
from twinlib.physics.solution import Evaluated, Solution


@dataclass
class Part:
    """The rows of a group that belong to one condition."""

    name: str
    rows: slice
    evaluated: Evaluated
    given: dict[object, Tensor]
    factors: list[float]  # of each residual


@dataclass
class Group:
    """Conditions that need the same derivatives: the network sees their points together."""

    points: Tensor
    directions: Directions
    parts: list[Part]


class Residuals:
    """Residuals, each divided by its size and by the square root of the number of its points.

    The sum of their squares is the loss: for each condition the mean square of each of its residuals, times its weight.

    Parameters
    ----------
    samples
        The points of each condition, by its name.
    weights
        Of each condition, by its name; 1 where there is none.
    """

    def __init__(
        self, problem: Problem, solution: Solution, samples: Mapping[str, Samples], weights: Mapping[str, float]
    ) -> None:
        self._solution = solution
        self._groups = _groups(problem, samples, weights)
        layers = list(affine_layers(solution.network))
        self._layers = layers
        self.parameters: list[nn.Parameter] = [
            *(parameter for layer in layers for parameter in (layer.weight, layer.bias)),
            *solution.unknowns.values(),
        ]
        trained = {id(parameter) for parameter in solution.parameters()}
        assert trained == {id(parameter) for parameter in self.parameters}, "a network is made of Affine layers"

    def terms(self) -> dict[str, Tensor]:
        """The part that each condition has in the loss."""
        found = {}
        for group in self._groups:
            every = self._columns(group, self._solution.spread(group.points))
            for part, columns in zip(group.parts, every, strict=True):
                found[part.name] = torch.stack([column @ column for column in columns]).sum()
        return found

    def loss(self) -> Tensor:
        """The sum of squares."""
        return torch.stack(list(self.terms().values())).sum()

    def vector(self) -> Tensor:
        """All residuals, shape (residuals,), without gradients, in the order of `jacobian`."""
        with torch.no_grad():
            rows = []
            for group in self._groups:
                rows += _by_component(self._columns(group, self._solution.spread(group.points)))
            return torch.cat(rows)

    def jacobian(self) -> tuple[Tensor, Tensor]:
        """All residuals, shape (residuals,), and their derivatives by `parameters`, shape (residuals, parameters)."""
        vectors, blocks = [], []
        for group in self._groups:
            for layer in self._layers:
                layer.taped, layer.tape = True, []
            spread = {name: value.detach().clone().requires_grad_() for name, value in
                      self._solution.spread(group.points).items()}  # fmt: skip
            columns = self._columns(group, spread)
            for layer in self._layers:
                layer.taped = False
            vectors += [rows.detach() for rows in _by_component(columns)]
            blocks += self._blocks(group, columns, list(spread.values()))
        return torch.cat(vectors), torch.cat(blocks)

    def _columns(self, group: Group, unknowns: Mapping[str, Tensor]) -> list[list[Tensor]]:
        """For each part its residuals, each of shape (points of the part,)."""
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

    def _blocks(self, group: Group, columns: list[list[Tensor]], spread: list[Tensor]) -> list[Tensor]:
        """Rows of the Jacobian, one reverse pass for the first residual of all parts, one for the second, …

        No two points have anything in common before the parameters. So in the gradient of a sum over points the row of
        each point can be told apart at the outputs of the layers.
        """
        inputs = [layer.tape[0][0].detach() if layer.tape else None for layer in self._layers]
        outputs = [layer.tape[0][1] for layer in self._layers if layer.tape]
        blocks = []
        for component in range(max(map(len, columns))):
            present = [component < len(each) for each in columns]
            total = sum(each[component].sum() for each in columns if component < len(each))
            gradients = list(
                torch.autograd.grad(
                    total, [*outputs, *spread], retain_graph=True, allow_unused=True, materialize_grads=True
                )
            )
            block = self._rows(group, inputs, gradients)
            blocks += [block[part.rows] for part, there in zip(group.parts, present, strict=True) if there]
        return blocks

    def _rows(self, group: Group, inputs: list[Tensor | None], gradients: list[Tensor]) -> Tensor:
        count = len(group.points)
        block = group.points.new_zeros(count, sum(parameter.numel() for parameter in self.parameters))
        at = 0
        for layer, given in zip(self._layers, inputs, strict=True):
            size = layer.weight.numel()
            if given is not None:
                gradient = gradients.pop(0)
                torch.bmm(gradient.permute(1, 2, 0), given.permute(1, 0, 2), out=block_view(block, at, layer))
                block[:, at + size : at + size + len(layer.bias)] = gradient[0]
            at += size + len(layer.bias)
        for number, gradient in enumerate(gradients):
            block[:, at + number] = gradient
        return block


def block_view(block: Tensor, at: int, layer: Affine) -> Tensor:
    """Where the derivatives by a layer's weights stand, shape (points, outputs, inputs)."""
    outputs, inputs = layer.weight.shape
    return block.as_strided((len(block), outputs, inputs), (block.shape[1], inputs, 1), at)


def _by_component(columns: list[list[Tensor]]) -> list[Tensor]:
    """First the first residual of all parts, then the second of those that have one, …"""
    most = max(map(len, columns))
    return [each[component] for component in range(most) for each in columns if component < len(each)]


def _groups(problem: Problem, samples: Mapping[str, Samples], weights: Mapping[str, float]) -> list[Group]:
    found: dict[tuple[object, ...], list[tuple[Samples, Part]]] = {}
    for item in problem.conditions:
        if not item.residuals:
            continue
        own = samples[item.name]
        evaluated = Evaluated(problem, item.residuals)
        given: dict[object, Tensor] = {str(symbol): _tensor(own.measured[name]) for name, symbol in item.given.items()}
        if own.normals is not None:
            names = problem.words.normals.values()
            given |= {str(symbol): _tensor(column) for symbol, column in zip(names, own.normals.T, strict=True)}
        weight = weights.get(item.name, 1.0) / len(own.inputs)
        factors = [float(np.sqrt(weight) / problem.magnitude(item, each)) for each in item.residuals]
        siblings = found.setdefault(tuple(evaluated.indices), [])
        start = sum(len(other.inputs) for other, _ in siblings)
        rows = slice(start, start + len(own.inputs))
        siblings.append((own, Part(item.name, rows, evaluated, given, factors)))
    return [
        Group(
            _tensor(np.concatenate([own.inputs for own, _ in siblings])),
            Directions(list(indices)),  # type: ignore[arg-type]
            [part for _, part in siblings],
        )
        for indices, siblings in found.items()
    ]


def _tensor(array: np.ndarray) -> Tensor:
    return torch.as_tensor(array, dtype=torch.get_default_dtype())
