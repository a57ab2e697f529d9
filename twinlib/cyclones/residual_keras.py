"""A residual network that finds the cell of a patch that holds a cyclone, in Keras."""

import math
from collections.abc import Sequence

import keras
from keras import KerasTensor, layers, ops

from twinlib.cyclones.cells import cell_centres, require_grid_points


def residual(
    input_shape: Sequence[int],
    filters: Sequence[int] = (32, 64),
    blocks: int = 2,
    target_scale: bool = False,
) -> keras.Model:
    """One score for each cell of the patch, which says both whether there is a cyclone and where.

    Each level halves the patch by a convolution 2x2 with stride 2, and has `blocks` residual blocks of two
    convolutions 3x3 (He et al. 2016, arXiv:1603.05027, without normalisation; the second begins at 0, as Zhang et
    al. 2019, arXiv:1901.09321, have it). From the last one each cell gives a score s and an offset of the centre from
    the middle of the cell. The logit of the presence is the logarithm of the mean of exp(s), the position the mean of
    the cells' positions with the weights softmax(s) (Sun et al. 2018, arXiv:1711.08229).

    The model takes (n, rows, columns, channels) and gives (n, 3): logit, row, column, the last two in grid points.

    Parameters
    ----------
    input_shape
        rows, columns, channels
    filters
        Channels of each level; with two of them a cell has 4 x 4 points.
    blocks
        Residual blocks in each level.
    target_scale
        That of the data; must be false.

    Raises
    ------
    UserError
        The patch cannot be halved so many times, or its positions are scaled.
    """
    require_grid_points(target_scale)
    centres = cell_centres(input_shape, len(filters))
    cells = centres[0].size
    patches = keras.Input(input_shape)
    x = patches
    for channels in filters:
        x = layers.Conv2D(channels, 2, strides=2)(x)
        for _ in range(blocks):
            x = _block(x, channels)
    x = layers.Reshape((cells, 3))(layers.Conv2D(3, 1)(ops.relu(x)))
    scores, offsets = x[..., :1], x[..., 1:]
    positions = ops.add(2 ** len(filters) * offsets, centres.reshape(2, cells).T)
    presence = ops.logsumexp(scores, axis=1) - math.log(cells)
    position = ops.sum(ops.softmax(scores, axis=1) * positions, axis=1)
    return keras.Model(patches, ops.concatenate([presence, position], axis=1))


def _block(x: KerasTensor, channels: int) -> KerasTensor:
    """Two convolutions 3x3, each behind ReLU, whose result is added to the input."""
    y = layers.Conv2D(channels, 3, padding="same")(ops.relu(x))
    return x + layers.Conv2D(channels, 3, padding="same", kernel_initializer="zeros")(ops.relu(y))
