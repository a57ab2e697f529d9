"""Networks from points to fields, as maps of jets (see `derivatives`)."""

from itertools import pairwise
from math import pi

import numpy as np
import torch
from torch import Tensor, nn

from twinlib.errors import UserError
from twinlib.physics.derivatives import ACTIVATIONS, sine
from twinlib.physics.layers import Affine


class FullyConnected(nn.Module):
    """A perceptron between a normalised input and a normalised output.

    The inputs are mapped to -1 … 1 over the box of the geometry and the ranges of the parameters, the outputs from
    there to the ranges of the fields.

    Parameters
    ----------
    inputs
        Least and greatest value of each coordinate and parameter, shape (inputs, 2).
    outputs
        The same of each field, shape (outputs, 2).
    width, depth
        Hidden units in a layer, and hidden layers.
    activation
        tanh, sine or swish.
    frequency
        Factor on the normalised inputs: with `sine`, about the number of half waves over the box that it begins with.
    features
        Number of random Fourier features sin(2 pi B x), cos(2 pi B x) that come first (Tancik et al. 2020); 0: none.
    sigma
        Standard deviation of B, in periods over half the box.

    Raises
    ------
    UserError
        No such activation.
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
        super().__init__()
        if activation not in ACTIVATIONS:
            raise UserError(f"model.activation={activation}: choose one of {', '.join(ACTIVATIONS)}")
        self._activate = ACTIVATIONS[activation]
        self._map("shift", inputs.mean(axis=1))
        self._map("stretch", 2 * frequency / np.diff(inputs, axis=1)[:, 0])
        self._map("middle", outputs.mean(axis=1))
        self._map("radius", np.diff(outputs, axis=1)[:, 0] / 2)
        first = len(inputs)
        if features:
            self._map("waves", 2 * pi * sigma * torch.randn(features, first).numpy())
            first = 2 * features
        self._features = features
        sizes = [first, *[width] * depth]
        self.hidden = nn.ModuleList(Affine(a, b) for a, b in pairwise(sizes))
        self.last = Affine(sizes[-1], len(outputs))

    def forward(self, jet: Tensor, order: int) -> Tensor:
        """Jet of the inputs -> jet of the fields, shape (1 + order * directions, n, outputs)."""
        jet = torch.cat([jet[:1] - self.shift, jet[1:]]) * self.stretch
        if self._features:
            angles = jet @ self.waves.T
            quarter = torch.cat([angles[:1] + pi / 2, angles[1:]])
            jet = sine(torch.cat([angles, quarter], dim=-1), order)
        for layer in self.hidden:
            jet = self._activate(layer(jet), order)
        jet = self.last(jet) * self.radius
        return torch.cat([jet[:1] + self.middle, jet[1:]])

    def _map(self, name: str, values: np.ndarray) -> None:
        self.register_buffer(name, torch.as_tensor(values, dtype=torch.get_default_dtype()))


def fully_connected(inputs: np.ndarray, outputs: np.ndarray, **settings: float | str) -> nn.Module:
    """See `FullyConnected`."""
    return FullyConnected(inputs, outputs, **settings)  # type: ignore[arg-type]
