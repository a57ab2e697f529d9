"""One dense layer in Keras."""

from collections.abc import Sequence

import keras
from keras import layers


def linear(input_shape: Sequence[int], classes: int) -> keras.Model:
    """Multinomial logistic regression: (n, rows, columns, channels) -> (n, classes) logits."""
    return keras.Sequential([keras.Input(input_shape), layers.Flatten(), layers.Dense(classes)])
