"""One dense layer in torch."""

from collections.abc import Sequence
from math import prod

from torch import nn

from twinlib.models.glorot import glorot


def linear(input_shape: Sequence[int], classes: int) -> nn.Module:
    """Multinomial logistic regression: (n, channels, rows, columns) -> (n, classes) logits."""
    return glorot(nn.Sequential(nn.Flatten(), nn.Linear(prod(input_shape), classes)))
