"""Networks with gates: what a layer gives is mixed with something that came earlier."""

from itertools import pairwise

import numpy as np
import torch
from torch import Tensor, nn

from twinlib.physics.derivatives import mixed, product_of, sigmoid
from twinlib.physics.layers import Affine, Factorised, Scale
from twinlib.physics.normalised import Normalised, activation_named, require_sizes


class _Encoded(Normalised):
    """A network whose layers mix two encodings u, v of the inputs.

    `width` is that of the encodings and of all hidden layers; None: as wide as the inputs are with their features.
    """

    def __init__(
        self,
        inputs: np.ndarray,
        outputs: np.ndarray,
        width: int | None,
        activation: str,
        frequency: float,
        features: int,
        sigma: float,
        factorised: bool,
    ) -> None:
        super().__init__(inputs, outputs, frequency, features, sigma)
        self._activate = activation_named(activation)
        self.layer = Factorised if factorised else Affine
        self.width = self.first if width is None else width
        self.u, self.v = self.layer(self.first, self.width), self.layer(self.first, self.width)

    def encodings(self, jet: Tensor, order: int) -> tuple[Tensor, Tensor]:
        return self._activate(self.u(jet), order), self._activate(self.v(jet), order)


class Modified(_Encoded):
    """The modified perceptron of Wang, Teng & Perdikaris (2021): each layer mixes two encodings u, v of the inputs.

    h <- f(W h + b) u + (1 - f(W h + b)) v. With `features` it is the modified Fourier network.

    Parameters
    ----------
    inputs, outputs, frequency, features, sigma
        See `Normalised`.
    width, depth
        Hidden units in a layer, and hidden layers.
    activation
        tanh, sine or swish.
    factorised
        Whether the layers have a factorised weight (see `Factorised`).
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
        factorised: bool = False,
    ) -> None:
        require_sizes(width=width, depth=depth)
        super().__init__(inputs, outputs, width, activation, frequency, features, sigma, factorised)
        self.hidden = nn.ModuleList(self.layer(a, b) for a, b in pairwise([self.first, *[width] * depth]))
        self.last = self.layer(width, self.fields)

    def between(self, jet: Tensor, order: int) -> Tensor:
        u, v = self.encodings(jet, order)
        for layer in self.hidden:
            jet = mixed(self._activate(layer(jet), order), u, v, order)
        return self.last(jet)  # type: ignore[no-any-return]


class Highway(Normalised):
    """Each layer decides what it changes: h <- g f(W h + b) + (1 - g) h, g logistic (Srivastava et al. 2015).

    Parameters
    ----------
    inputs, outputs, frequency, features, sigma
        See `Normalised`.
    width, depth
        Hidden units in a layer, and hidden layers.
    activation
        tanh, sine or swish.
    carry
        The gates' constants begin with minus this: the greater, the more is left as it is.
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
        carry: float = 1.0,
    ) -> None:
        require_sizes(width=width, depth=depth)
        super().__init__(inputs, outputs, frequency, features, sigma)
        self._activate = activation_named(activation)
        self.enter = Affine(self.first, width)
        self.hidden = nn.ModuleList(Affine(width, width) for _ in range(depth))
        self.gates = nn.ModuleList(Affine(width, width, bias=-carry) for _ in range(depth))
        self.last = Affine(width, self.fields)

    def between(self, jet: Tensor, order: int) -> Tensor:
        jet = self._activate(self.enter(jet), order)
        for layer, gate in zip(self.hidden, self.gates, strict=True):
            jet = mixed(sigmoid(gate(jet), order), self._activate(layer(jet), order), jet, order)
        return self.last(jet)  # type: ignore[no-any-return]


class DeepGalerkin(Normalised):
    """The network of the deep Galerkin method, whose layers are like those of an LSTM (Sirignano & Spiliopoulos 2018).

    With z, g, r = f(U x + W s + b) each, h = f(U x + W (s r) + b), a layer is s <- (1 - g) h + z s.

    Parameters
    ----------
    inputs, outputs, frequency, features, sigma
        See `Normalised`.
    width, depth
        Units in a layer, and layers.
    activation
        tanh, sine or swish.
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
    ) -> None:
        require_sizes(width=width, depth=depth)
        super().__init__(inputs, outputs, frequency, features, sigma)
        self._activate = activation_named(activation)
        self.enter = Affine(self.first, width)
        # z, g and r side by side, of inputs and state side by side
        self.gates = nn.ModuleList(Affine(self.first + width, 3 * width) for _ in range(depth))
        self.hidden = nn.ModuleList(Affine(self.first + width, width) for _ in range(depth))
        self.last = Affine(width, self.fields)

    def between(self, jet: Tensor, order: int) -> Tensor:
        state = self._activate(self.enter(jet), order)
        for gates, layer in zip(self.gates, self.hidden, strict=True):
            every = self._activate(gates(torch.cat([jet, state], dim=-1)), order)
            z, g, r = every.chunk(3, dim=-1)
            reset = product_of(state, r, order)
            h = self._activate(layer(torch.cat([jet, reset], dim=-1)), order)
            state = h - product_of(g, h, order) + product_of(z, state, order)
        return self.last(state)  # type: ignore[no-any-return]


class Pirate(_Encoded):
    """PirateNet: gated blocks that begin as if they were not there (Wang, Li, Chen & Perdikaris 2024).

    A block is x <- a h + (1 - a) x with a trained number a, 0 at first, and h three layers, the first two of them mixed
    with the encodings u and v as in `Modified`.

    Parameters
    ----------
    inputs, outputs, frequency, features, sigma
        See `Normalised`; the blocks are as wide as the features, 2 * features.
    blocks
        Of three layers each.
    activation
        tanh, sine or swish.
    factorised
        Whether the layers have a factorised weight (see `Factorised`).
    """

    def __init__(
        self,
        inputs: np.ndarray,
        outputs: np.ndarray,
        blocks: int = 2,
        activation: str = "tanh",
        frequency: float = 1.0,
        features: int = 16,
        sigma: float = 1.0,
        factorised: bool = False,
    ) -> None:
        require_sizes(blocks=blocks)
        super().__init__(inputs, outputs, None, activation, frequency, max(features, 1), sigma, factorised)
        layer, width = self.layer, self.width
        self.blocks = nn.ModuleList(nn.ModuleList(layer(width, width) for _ in range(3)) for _ in range(blocks))
        self.shares = nn.ModuleList(Scale(torch.zeros(1)) for _ in range(blocks))
        self.last = layer(width, self.fields)

    def between(self, jet: Tensor, order: int) -> Tensor:
        u, v = self.encodings(jet, order)
        for block, share in zip(self.blocks, self.shares, strict=True):
            first, second, third = block  # type: ignore[misc]
            inner = mixed(self._activate(first(jet), order), u, v, order)
            inner = mixed(self._activate(second(inner), order), u, v, order)
            inner = self._activate(third(inner), order)
            jet = jet + share(inner - jet)
        return self.last(jet)  # type: ignore[no-any-return]
