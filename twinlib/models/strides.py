"""The sizes inside of an encoder and decoder whose convolutions do not overlap."""

from collections.abc import Sequence

from twinlib.errors import UserError

ENCODER = (16, 4)  # kernel = stride of its two convolutions


def decoder_strides(input_shape: Sequence[int]) -> list[tuple[int, int]]:
    """Kernel = stride of the four transposed convolutions that make the whole image from one pixel.

    Raises
    ------
    UserError
        The image cannot be divided so.
    """
    rows, columns = input_shape[:2]
    if rows % 64 or columns % 64:
        raise UserError(
            f"model.input_shape: {rows} x {columns} pixels; an encoder-decoder needs multiples of 64, a U-Net does not"
        )
    return [(8, 8), (rows // 32, columns // 32), (2, 2), (2, 2)]
