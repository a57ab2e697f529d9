"""How large an image is when it comes out of the convolutions."""

from collections.abc import Sequence

from twinlib.errors import UserError


def pooled(input_shape: Sequence[int], filters: Sequence[int]) -> tuple[int, int]:
    """Rows and columns after `len(filters)` 3x3 convolutions without padding and one max pool of 2.

    Raises
    ------
    UserError
        There is no filter, or nothing is left of the image.
    """
    if not filters:
        raise UserError("model.filters is empty: a convolutional network needs at least one")
    rows, columns = ((size - 2 * len(filters)) // 2 for size in input_shape[:2])
    if min(rows, columns) < 1:
        raise UserError(f"model.filters: {len(filters)} convolutions leave nothing of {list(input_shape[:2])} pixels")
    return rows, columns
