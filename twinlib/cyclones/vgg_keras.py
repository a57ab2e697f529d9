"""VGG-like networks that say where in a patch a cyclone is, in Keras."""

from collections.abc import Sequence

import keras
from keras import layers as kl

from twinlib.cyclones.vgg_layers import REGULARIZATION, Pool, layers_of


def vgg(
    input_shape: Sequence[int],
    outputs: int,
    network: str = "VGG_V1",
    activation: str = "RELU",
    regularization_strength: str = "NONE",
) -> keras.Model:
    """Convolutions and pools down to one point, then dense layers; weights begin Glorot-uniform, biases at 0.

    The model takes (n, rows, columns, channels) and gives (n, outputs), of any sign.

    Parameters
    ----------
    input_shape
        rows, columns, channels
    outputs
        2 for a position; 3 for a detection.
    network
        `VGG_V1`, `VGG_V2` or `VGG_V3`, see `twinlib.cyclones.vgg_layers`.
    activation
        Of the hidden layers: `RELU`, `LINEAR`, `SIGMOID` or `TANH`. With `LINEAR`, which is the original's default,
        the pools are all that is not linear.
    regularization_strength
        `NONE`, `WEAK`, `MEDIUM`, `STRONG` or `VERY_STRONG`: the penalty l1 * sum |w| + l2 * sum w² over the kernels of
        the hidden layers.

    Raises
    ------
    UserError
        A name that there is not, or an image that is too small.
    """
    layers = layers_of(network, activation, regularization_strength, input_shape)
    l1, l2 = REGULARIZATION[regularization_strength]
    hidden = {
        "activation": activation.lower(),
        "kernel_regularizer": keras.regularizers.L1L2(l1, l2) if l1 or l2 else None,
    }
    model = [keras.Input(input_shape)]
    for layer in layers.convolutions:
        if isinstance(layer, Pool):
            model.append(kl.MaxPool2D(2))
        else:
            padding = "same" if layer.same else "valid"
            model.append(kl.Conv2D(layer.filters, layer.kernel, padding=padding, **hidden))
    model.append(kl.Flatten())
    model += [kl.Dense(width, **hidden) for width in layers.dense]
    return keras.Sequential([*model, kl.Dense(outputs)])
