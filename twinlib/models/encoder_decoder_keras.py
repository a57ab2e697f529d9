"""A convolutional encoder and one decoder for each output, in Keras."""

from collections.abc import Sequence

import keras
from keras import layers

from twinlib.models.strides import ENCODER, decoder_strides, padding


def encoder_decoder(
    input_shape: Sequence[int],
    outputs: int,
    filters: Sequence[int] = (128, 512),
    dense: int = 1024,
    decoder: Sequence[int] = (512, 256, 32),
) -> keras.Model:
    """The network of Guo, Li & Iorio (2016, doi:10.1145/2939672.2939738), with outputs of any sign.

    Convolutions 16x16 and 4x4, a dense layer, and for each output four transposed convolutions; strides equal
    kernels, ReLU in between. The model takes (n, rows, columns, channels) and gives (n, rows, columns, outputs).

    Parameters
    ----------
    input_shape
        rows, columns, channels; rows and columns multiples of 32.
    outputs
        Channels of the output.
    filters
        Channels of the two convolutions.
    dense
        Width of the dense layer, which is all that the decoders know of the image.
    decoder
        Channels of the first three transposed convolutions.

    Raises
    ------
    UserError
        The image has another size.
    """
    strides = decoder_strides(input_shape)
    images = keras.Input(input_shape)
    below, right = padding(input_shape)
    x = layers.ZeroPadding2D(((0, below), (0, right)))(images)
    for channels, stride in zip(filters, ENCODER, strict=True):
        x = layers.Conv2D(channels, stride, strides=stride, activation="relu")(x)
    x = layers.Dense(dense, activation="relu")(layers.Flatten()(layers.Permute((3, 1, 2))(x)))  # in torch's order
    code = layers.Reshape((1, 1, dense))(x)
    decoded = [_decoder(dense, decoder, strides)(code) for _ in range(outputs)]
    return keras.Model(images, layers.Concatenate()(decoded) if outputs > 1 else decoded[0])


def _decoder(dense: int, channels: Sequence[int], strides: Sequence[tuple[int, int]]) -> keras.Model:
    hidden = zip(channels, strides, strict=False)
    return keras.Sequential(
        [
            keras.Input((1, 1, dense)),
            *(layers.Conv2DTranspose(width, stride, strides=stride, activation="relu") for width, stride in hidden),
            layers.Conv2DTranspose(1, strides[-1], strides=strides[-1]),
        ]
    )
