"""What all networks have around them: inputs and outputs without a dimension, and Fourier features."""

from collections.abc import Callable
from math import pi

import numpy as np
import torch
from torch import Tensor, nn

from twinlib.errors import UserError
from twinlib.physics.derivatives import ACTIVATIONS, sine


class Normalised(nn.Module):
    """A network between a normalised input and a normalised output.

    The inputs are mapped to -1 … 1 over the box of the geometry and the ranges of the parameters, the outputs from
    there to the ranges of the fields. What is between is a subclass's `between`.

    Parameters
    ----------
    inputs
        Least and greatest value of each coordinate and parameter, shape (inputs, 2).
    outputs
        The same of each field, shape (outputs, 2).
    frequency
        Factor on the normalised inputs.
    features
        Number of random Fourier features sin(2 pi B x), cos(2 pi B x) that come first (Tancik et al. 2020); 0: none.
    sigma
        Standard deviation of B, in periods over half the box.

    Raises
    ------
    UserError
        A number of features below 0, or a frequency or sigma that is not above it.
    """

    def __init__(
        self, inputs: np.ndarray, outputs: np.ndarray, frequency: float = 1.0, features: int = 0, sigma: float = 1.0
    ) -> None:
        super().__init__()
        if features < 0:
            raise UserError(f"model.features={features}: give a whole number, 0 or more")
        for key, value in (("frequency", frequency), ("sigma", sigma)):
            if not value > 0:
                raise UserError(f"model.{key}={value}: give a number greater than 0")
        self._map("shift", inputs.mean(axis=1))
        self._map("stretch", 2 * frequency / np.diff(inputs, axis=1)[:, 0])
        self._map("middle", outputs.mean(axis=1))
        self._map("radius", np.diff(outputs, axis=1)[:, 0] / 2)
        self.first = len(inputs)  # features that `between` is given
        self.fields = len(outputs)
        if features:
            self._map("waves", 2 * pi * sigma * torch.randn(features, self.first).numpy())
            self.first = 2 * features
        self._features = features

    def forward(self, jet: Tensor, order: int) -> Tensor:
        """Jet of the inputs -> jet of the fields, shape (1 + order * directions, n, outputs)."""
        jet = torch.cat([jet[:1] - self.shift, jet[1:]]) * self.stretch
        if self._features:
            angles = jet @ self.waves.T
            quarter = torch.cat([angles[:1] + pi / 2, angles[1:]])
            jet = sine(torch.cat([angles, quarter], dim=-1), order)
        jet = self.between(jet, order) * self.radius
        return torch.cat([jet[:1] + self.middle, jet[1:]])

    def between(self, jet: Tensor, order: int) -> Tensor:
        """Jet of normalised inputs or features -> jet of normalised fields."""
        raise NotImplementedError

    def _map(self, name: str, values: np.ndarray) -> None:
        self.register_buffer(name, torch.as_tensor(values, dtype=torch.get_default_dtype()))


def require_sizes(**sizes: int) -> None:
    """Refuse a number of units, layers or blocks below 1.

    Raises
    ------
    UserError
        Names the key of the model.
    """
    for key, size in sizes.items():
        if size < 1:
            raise UserError(f"model.{key}={size}: give a whole number, 1 or more")


def activation_named(name: str) -> Callable[[Tensor, int], Tensor]:
    """A map of jets.

    Raises
    ------
    UserError
        No such activation.
    """
    if name not in ACTIVATIONS:
        raise UserError(f"model.activation={name}: choose one of {', '.join(ACTIVATIONS)}")
    return ACTIVATIONS[name]
