"""A network and the unknown numbers of a problem: what is trained and what is kept."""

from collections.abc import Sequence

import sympy
import torch
from torch import Tensor, nn

from twinlib.physics.compiled import Compiled
from twinlib.physics.derivatives import Directions, Index
from twinlib.physics.periodic_inputs import PeriodicInputs
from twinlib.physics.problem import Problem


class Solution(nn.Module):
    """The fields and unknown numbers of a problem.

    Parameters
    ----------
    network
        A map of jets of the problem's `network_inputs` to jets of the fields, as in `twinlib.physics.networks`.
    """

    def __init__(self, problem: Problem, network: nn.Module) -> None:
        super().__init__()
        periods = problem.periods
        self.network = PeriodicInputs(network, len(problem.inputs), periods) if periods else network
        self.unknowns = nn.ParameterDict(
            {name: nn.Parameter(torch.tensor(guess)) for name, guess in problem.words.unknowns.items()}
        )
        self._fields = Evaluated(problem, list(problem.words.fields.values()))

    def forward(self, points: Tensor) -> Tensor:
        """Points, shape (n, inputs) -> fields, shape (n, fields)."""
        slots = self._fields.slots(self.network, points)
        values = self._fields.values(slots | self.spread(points))
        return torch.stack([torch.as_tensor(value).expand(len(points)) for value in values], dim=1)

    def spread(self, points: Tensor) -> dict[str, Tensor]:
        """Each unknown number once for each point, so that the gradient of each point by it can be told."""
        return {name: value.expand(len(points)) for name, value in self.unknowns.items()}


class Evaluated:
    """Expressions of fields, at points.

    Parameters
    ----------
    expressions
        Of fields and their derivatives, inputs, unknown numbers and further symbols.
    """

    def __init__(self, problem: Problem, expressions: Sequence[sympy.Expr]) -> None:
        self._compiled = Compiled([problem.formed(each) for each in expressions], torch)
        self._networks = {function: column for column, function in enumerate(problem.networks)}
        self._inputs = {symbol: column for column, symbol in enumerate(problem.words.symbols)}
        self.indices = sorted({self._index(each) for each in self._compiled.arguments if self._of(each) is not None})
        self._directions = Directions(self.indices)

    def slots(self, network: nn.Module, points: Tensor, directions: Directions | None = None) -> dict[object, Tensor]:
        """Everything that comes from the points: inputs, and what the network gives, derivatives too.

        Parameters
        ----------
        directions
            For several expressions at once; its derivatives have to include those of this one.
        """
        found: dict[object, Tensor] = {symbol: points[:, column] for symbol, column in self._inputs.items()}
        return found | self.network_slots(network, points, directions or self._directions)

    def network_slots(self, network: nn.Module, points: Tensor, directions: Directions) -> dict[object, Tensor]:
        """By function and order of derivation."""
        if not directions.indices:
            return {}
        derivatives = directions.derivatives(network(directions.seed(points), directions.order))
        return {
            (function, index): values[:, column]
            for index, values in zip(directions.indices, derivatives, strict=True)
            for function, column in self._networks.items()
        }

    def values(self, slots: dict[object, Tensor]) -> list[Tensor | float]:
        """Each expression, shape (n,), or a number. `slots` has unknown numbers and further symbols by their names."""
        return self._compiled({each: slots[self._key(each)] for each in self._compiled.arguments})

    def _key(self, argument: sympy.Basic) -> object:
        function = self._of(argument)
        if function is not None:
            return function, self._index(argument)
        return argument if argument in self._inputs else str(argument)

    def _of(self, argument: sympy.Basic) -> sympy.Expr | None:
        """The network's function that an argument is, or is a derivative of."""
        function = argument.expr if isinstance(argument, sympy.Derivative) else argument
        return function if function in self._networks else None

    def _index(self, argument: sympy.Basic) -> Index:
        times = dict(argument.variable_count) if isinstance(argument, sympy.Derivative) else {}
        return tuple(int(times.get(symbol, 0)) for symbol in self._inputs)
