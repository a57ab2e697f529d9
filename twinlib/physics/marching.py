"""Time marching: a solution whose time is cut into windows, each of which is trained after the one before.

The network of a window is added to what the windows before it end with,

    u(x, t) = u(x, t_k) + (t - t_k) / (t_(k+1) - t_k) N_k(x, t),

so that nothing has to be matched where two windows meet. While it is trained, the others do not change.
"""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from twinlib.physics.derivatives import split
from twinlib.physics.geometry import Array
from twinlib.physics.problem import Problem
from twinlib.physics.solution import Solution


class Marching(nn.Module):
    """A network for each window up to one, as a map of jets; the last is trained.

    Parameters
    ----------
    networks
        Maps of jets.
    column
        Which input the time is.
    borders
        Where windows begin and end, one more than there are networks.
    """

    def __init__(self, networks: Sequence[nn.Module], column: int, borders: Sequence[float]) -> None:
        super().__init__()
        self.networks = nn.ModuleList(networks)
        self._column = column
        self._borders = list(borders)
        for earlier in self.networks[:-1]:
            earlier.requires_grad_(False)

    def forward(self, jet: Tensor, order: int) -> Tensor:
        """Jet of the inputs -> jet of the fields."""
        found = None
        for network, start, end in zip(self.networks, self._borders, self._borders[1:], strict=False):
            time = jet[..., self._column : self._column + 1]
            inside = (time[:1] >= start) & (time[:1] <= end)
            # Beyond its window a network stays what it is at the end.
            own = torch.cat([time[:1].clamp(start, end), torch.where(inside, time[1:], 0.0)])
            held = torch.cat([jet[..., : self._column], own, jet[..., self._column + 1 :]], dim=-1)
            part = network(held, order)
            if found is None:
                found = part
            else:
                ramp = torch.cat([own[:1] - start, own[1:]]) / (end - start)
                found = found + _times_ramp(ramp, part, order)
        assert found is not None
        return found


def _times_ramp(ramp: Tensor, jet: Tensor, order: int) -> Tensor:
    """The product with a jet that has no coefficients above the first."""
    slope, values = split(ramp, order), split(jet, order)
    products = [slope[0] * each for each in values]
    for number in range(1, order + 1):
        products[number] = products[number] + slope[1] * values[number - 1]
    return torch.cat(products)


def marching(problem: Problem, built: Callable[[Array, Array], nn.Module]) -> nn.Module:
    """The network of a problem, of one or several windows.

    Parameters
    ----------
    built
        Makes a network of the ranges of its inputs and outputs.
    """
    inputs, outputs = problem.network_inputs, problem.outputs
    if problem.windows == 1:
        return built(inputs, outputs)
    column = [at for at in range(len(problem.inputs)) if at not in problem.periods].index(problem.time_column)
    borders = problem.borders
    networks = []
    for number in range(problem.window + 1):
        own = inputs.copy()
        own[column] = borders[number : number + 2]
        # What is added to an earlier window is about zero.
        networks.append(built(own, outputs - (outputs.mean(axis=1, keepdims=True) if number else 0)))
    return Marching(networks, column, borders[: problem.window + 2].tolist())


def go_on(solution: Solution, earlier: Solution) -> None:
    """Take over the networks of the windows before."""
    kept = earlier.state_dict()
    solution.load_state_dict({name: kept.get(name, value) for name, value in solution.state_dict().items()})
