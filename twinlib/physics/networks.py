"""Networks from points to fields, as maps of jets (see `derivatives`): layer after layer."""

from itertools import pairwise

import numpy as np
import torch
from torch import Tensor, nn

from twinlib.physics.derivatives import product_of, sine
from twinlib.physics.layers import Affine, Scale
from twinlib.physics.normalised import Normalised, activation_named, require_sizes


class FullyConnected(Normalised):
    """A perceptron.

    Parameters
    ----------
    inputs, outputs, frequency, features, sigma
        See `Normalised`. With `sine`, `frequency` is about the number of half waves over the box that it begins with.
    width, depth
        Hidden units in a layer, and hidden layers.
    activation
        tanh, sine or swish.
    adaptive
        Whether each hidden layer has a trained factor on what its activation is given, 1 at first (Jagtap, Kawaguchi &
        Karniadakis 2020).

    Raises
    ------
    UserError
        No such activation, or no units or layers.
    """

    def __init__(
        self,
        inputs: np.ndarray,
        outputs: np.ndarray,
        width: int = 32,
        depth: int = 3,
        activation: str = "tanh",
        frequency: float = 1.0,
        features: int = 0,
        sigma: float = 1.0,
        adaptive: bool = False,
    ) -> None:
        require_sizes(width=width, depth=depth)
        super().__init__(inputs, outputs, frequency, features, sigma)
        self._activate = activation_named(activation)
        sizes = [self.first, *[width] * depth]
        self.hidden = nn.ModuleList(Affine(a, b) for a, b in pairwise(sizes))
        self.slopes = nn.ModuleList(Scale(torch.ones(1)) if adaptive else nn.Identity() for _ in self.hidden)
        self.last = Affine(sizes[-1], self.fields)

    def between(self, jet: Tensor, order: int) -> Tensor:
        for layer, slope in zip(self.hidden, self.slopes, strict=True):
            jet = self._activate(slope(layer(jet)), order)
        return self.last(jet)  # type: ignore[no-any-return]


class Siren(Normalised):
    """A perceptron of sines, drawn so that all layers have the same distribution (Sitzmann et al. 2020).

    Parameters
    ----------
    inputs, outputs
        See `Normalised`.
    width, depth
        Hidden units in a layer, and hidden layers.
    first, hidden
        The factors of the sines' arguments in the first layer and in the others.
    """

    def __init__(
        self,
        inputs: np.ndarray,
        outputs: np.ndarray,
        width: int = 32,
        depth: int = 3,
        first: float = 10.0,
        hidden: float = 10.0,
    ) -> None:
        require_sizes(width=width, depth=depth)
        super().__init__(inputs, outputs)
        sizes = [self.first, *[width] * depth]
        self._factors = [first, *[hidden] * (depth - 1)]
        bounds = [1 / self.first, *[(6 / width) ** 0.5 / hidden] * (depth - 1)]
        # Constants take part in the arguments' size; behind the first layer they are as small as the weights.
        phases = [self.first**-0.5, *[width**-0.5 / hidden] * (depth - 1)]
        self.hidden = nn.ModuleList(
            Affine(*size, bound, phase, phases=True)
            for size, bound, phase in zip(pairwise(sizes), bounds, phases, strict=True)
        )
        self.last = Affine(width, self.fields, (6 / width) ** 0.5 / hidden)

    def between(self, jet: Tensor, order: int) -> Tensor:
        for layer, factor in zip(self.hidden, self._factors, strict=True):
            jet = sine(layer(jet) * factor, order)
        return self.last(jet)  # type: ignore[no-any-return]


class MultiplicativeFilter(Normalised):
    """Products of sines of the inputs, mixed in between: z <- (W z + b) sin(w x + p) (Fathony et al. 2021).

    Parameters
    ----------
    inputs, outputs
        See `Normalised`.
    width, depth
        Units in a layer, and layers.
    scale
        The sines' frequencies w are drawn evenly up to it, over the square root of their number.
    """

    def __init__(
        self, inputs: np.ndarray, outputs: np.ndarray, width: int = 32, depth: int = 3, scale: float = 8.0
    ) -> None:
        require_sizes(width=width, depth=depth)
        super().__init__(inputs, outputs)
        self.filters = nn.ModuleList(
            Affine(self.first, width, scale / (depth + 1) ** 0.5, torch.pi, phases=True) for _ in range(depth + 1)
        )
        bound = (1 / width) ** 0.5
        self.mixed = nn.ModuleList(Affine(width, width, bound, bound, phases=True) for _ in range(depth))
        self.last = Affine(width, self.fields)

    def between(self, jet: Tensor, order: int) -> Tensor:
        first, *others = self.filters
        state = sine(first(jet), order)
        for layer, each in zip(self.mixed, others, strict=True):
            state = product_of(layer(state), sine(each(jet), order), order)
        return self.last(state)  # type: ignore[no-any-return]


def fully_connected(inputs: np.ndarray, outputs: np.ndarray, **settings: float | str) -> nn.Module:
    """See `FullyConnected`."""
    return FullyConnected(inputs, outputs, **settings)  # type: ignore[arg-type]
