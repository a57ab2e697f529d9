"""The sizes inside of an encoder and decoder whose convolutions do not overlap."""

from collections.abc import Sequence
from math import prod

from twinlib.errors import UserError

ENCODER = (16, 4)  # kernel = stride of its two convolutions


def padding(input_shape: Sequence[int]) -> tuple[int, int]:
    """Rows below and columns to the right that an image lacks to be divided by the encoder without a remainder."""
    whole = prod(ENCODER)
    return -input_shape[0] % whole, -input_shape[1] % whole


def decoder_strides(input_shape: Sequence[int]) -> list[tuple[int, int]]:
    """Kernel = stride of the four transposed convolutions that make the whole image from one pixel.

    Raises
    ------
    UserError
        The image cannot be divided so.
    """
    rows, columns = input_shape[:2]
    if rows % 32 or columns % 32:
        raise UserError(
            f"model.input_shape: {rows} x {columns} pixels; an encoder-decoder needs multiples of 32, a U-Net does not"
        )
    return [(8, 8), (rows // 32, columns // 32), (2, 2), (2, 2)]
