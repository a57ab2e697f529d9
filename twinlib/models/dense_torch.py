"""A fully connected network from image to image in torch."""

from collections.abc import Sequence
from itertools import pairwise
from math import prod

from torch import nn

from twinlib.models.glorot import glorot


def dense(input_shape: Sequence[int], outputs: int, hidden: Sequence[int] = (256,)) -> nn.Module:
    """Each output pixel from all input pixels: (n, channels, rows, columns) -> (n, outputs, rows, columns).

    Parameters
    ----------
    input_shape
        rows, columns, channels
    outputs
        Channels of the output; they are values of any sign.
    hidden
        Widths of the hidden layers, each followed by ReLU.
    """
    rows, columns, _ = input_shape
    layers: list[nn.Module] = [nn.Flatten()]
    for before, after in pairwise([prod(input_shape), *hidden]):
        layers += [nn.Linear(before, after), nn.ReLU()]
    last = hidden[-1] if hidden else prod(input_shape)
    layers += [nn.Linear(last, outputs * rows * columns), nn.Unflatten(1, (outputs, rows, columns))]
    return glorot(nn.Sequential(*layers))
