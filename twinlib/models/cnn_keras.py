"""A small convolutional network in Keras."""

from collections.abc import Sequence

import keras
from keras import layers

from twinlib.models.pooled import pooled


def cnn(
    input_shape: Sequence[int],
    classes: int,
    filters: Sequence[int] = (32, 64),
    dense: int = 128,
    dropout: Sequence[float] = (0.25, 0.5),
) -> keras.Model:
    """3x3 convolutions without padding, max pool 2, one dense layer.

    The model takes (n, rows, columns, channels) and gives (n, classes) logits.

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
    pooled(input_shape, filters)
    return keras.Sequential(
        [
            keras.Input(input_shape),
            *(layers.Conv2D(channels, 3, activation="relu") for channels in filters),
            layers.MaxPool2D(2),
            layers.Dropout(dropout[0]),
            layers.Flatten(),
            layers.Dense(dense, activation="relu"),
            layers.Dropout(dropout[1]),
            layers.Dense(classes),
        ]
    )
