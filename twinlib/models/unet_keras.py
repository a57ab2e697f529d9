"""A residual U-Net in Keras: images in, images of the same size out."""

from collections.abc import Sequence

import keras
from keras import KerasTensor, layers, ops

from twinlib.models.halved import missing, require_unet


def unet(
    input_shape: Sequence[int],
    outputs: int,
    filters: Sequence[int] = (8, 16, 32, 64, 128),
    gated: bool = True,
    dropout: float = 0.3,
    final: str = "tanh",
) -> keras.Model:
    """Residual blocks of 3x3 convolutions, halved and doubled in size, with skips (Hennigh 2017, arXiv:1710.10352).

    The model takes (n, rows, columns, channels) and gives (n, rows, columns, outputs). Any size will do: one that
    cannot be halved evenly is padded inside by zeros below and to the right.

    Parameters
    ----------
    input_shape
        rows, columns, channels; the weights depend on the channels only.
    outputs
        Channels of the output.
    filters
        Channels at full size, half, a quarter, …
    gated
        A block's second convolution gives twice the channels, a and b, and the block adds a * sigmoid(b)
        (van den Oord et al. 2016, arXiv:1606.05328).
    dropout
        In front of the second convolution of each block.
    final
        What follows the last convolution: `tanh` keeps the output within ±1, `linear` does not.

    Raises
    ------
    UserError
        The options do not fit each other.
    """
    require_unet(input_shape, filters, final)
    below, right = missing(input_shape[0], input_shape[1], filters)
    images = keras.Input(input_shape)
    x = layers.ZeroPadding2D(((0, below), (0, right)))(images) if below or right else images
    x = _block(x, filters[0], gated, dropout, activated=False)
    skips = []
    for channels in filters[1:]:
        skips.append(x)
        x = _block(x, channels, gated, dropout, stride=2)
        x = _block(x, channels, gated, dropout)
    for channels in filters[-2::-1]:
        # Without padding and cropped afterwards: the pixels lie where torch has them.
        x = layers.Cropping2D(((1, 0), (1, 0)))(layers.Conv2DTranspose(channels, 3, strides=2)(x))
        x = _block(x, channels, gated, dropout, passed=skips.pop())
    x = layers.Conv2D(outputs, 3, padding="same", activation=final)(x)
    if below or right:
        x = layers.Cropping2D(((0, below), (0, right)))(x)
    return keras.Model(images, x)


def concat_elu(x: KerasTensor) -> KerasTensor:
    """ELU of x and of -x: twice the channels (as Shang et al. 2016, arXiv:1603.05201, with ReLU)."""
    return ops.elu(ops.concatenate([x, -x], axis=-1))


def _block(
    x: KerasTensor,
    channels: int,
    gated: bool,
    dropout: float,
    stride: int = 1,
    activated: bool = True,
    passed: KerasTensor | None = None,
) -> KerasTensor:
    """Two convolutions 3x3 whose result is added to the input; the first may halve the image."""
    y = concat_elu(x) if activated else x
    y = layers.Conv2D(channels, 3, strides=stride)(layers.ZeroPadding2D(1)(y))
    if passed is not None:
        y = y + layers.Conv2D(channels, 1)(concat_elu(passed))
    y = layers.Dropout(dropout)(concat_elu(y))
    y = layers.Conv2D(2 * channels if gated else channels, 3, padding="same")(y)
    if gated:
        y = keras.activations.glu(y, axis=-1)
    if stride > 1:
        x = layers.AveragePooling2D(stride)(x)
    if more := channels - x.shape[-1]:
        x = ops.pad(x, ((0, 0), (0, 0), (0, 0), (more, 0)))
    return x + y
