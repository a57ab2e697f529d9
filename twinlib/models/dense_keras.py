"""A fully connected network from image to image in Keras."""

from collections.abc import Sequence

import keras
from keras import layers


def dense(input_shape: Sequence[int], outputs: int, hidden: Sequence[int] = (256,)) -> keras.Model:
    """Each output pixel from all input pixels: (n, rows, columns, channels) -> (n, rows, columns, outputs).

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
    return keras.Sequential(
        [
            keras.Input(input_shape),
            layers.Permute((3, 1, 2)),  # the order in which torch lays pixels out
            layers.Flatten(),
            *(layers.Dense(width, activation="relu") for width in hidden),
            layers.Dense(outputs * rows * columns),
            layers.Reshape((outputs, rows, columns)),
            layers.Permute((2, 3, 1)),
        ]
    )
