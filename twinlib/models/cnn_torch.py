"""A small convolutional network in torch."""

from collections.abc import Sequence

from torch import nn

from twinlib.models.glorot import glorot
from twinlib.models.pooled import pooled


def cnn(
    input_shape: Sequence[int],
    classes: int,
    filters: Sequence[int] = (32, 64),
    dense: int = 128,
    dropout: Sequence[float] = (0.25, 0.5),
) -> nn.Module:
    """3x3 convolutions without padding, max pool 2, one dense layer.

    The model takes (n, channels, rows, columns) and gives (n, classes) logits.

    Parameters
    ----------
    input_shape
        rows, columns, channels
    filters
        Channels of each convolution.
    dense
        Width of the dense layer.
    dropout
        After the pool and after the dense layer.
    """
    rows, columns = pooled(input_shape, filters)
    layers: list[nn.Module] = []
    for before, after in zip([input_shape[-1], *filters], filters, strict=False):
        layers += [nn.Conv2d(before, after, 3), nn.ReLU()]
    layers += [nn.MaxPool2d(2), nn.Dropout(dropout[0]), nn.Flatten()]
    layers += [nn.Linear(rows * columns * filters[-1], dense), nn.ReLU(), nn.Dropout(dropout[1])]
    return glorot(nn.Sequential(*layers, nn.Linear(dense, classes)))
