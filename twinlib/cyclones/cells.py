"""A patch as a raster of square cells, each of which may hold the centre of the cyclone."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from twinlib.errors import UserError


def cell_centres(input_shape: Sequence[int], levels: int) -> npt.NDArray[np.float32]:
    """Rows and columns of the middle of each cell, shape (2, rows of cells, columns of cells), in grid points.

    Parameters
    ----------
    input_shape
        rows, columns, channels
    levels
        How many times the patch is halved; a cell has 2**levels points along each side.

    Raises
    ------
    UserError
        The patch cannot be halved so.
    """
    size = 2**levels
    rows, columns = input_shape[:2]
    if not levels or rows % size or columns % size:
        raise UserError(
            f"model.filters: {levels} levels make cells of {size} x {size} points, which do not fill "
            f"{rows} x {columns}; name at least one level and no more than the patch can be halved"
        )
    middles = [np.arange(count // size) * size + (size - 1) / 2 for count in (rows, columns)]
    return np.stack(np.meshgrid(*middles, indexing="ij")).astype(np.float32)


def require_grid_points(target_scale: bool) -> None:
    """A network that adds up rows and columns of cells learns them in grid points. Raises UserError."""
    if target_scale:
        raise UserError("data.target_scale is true; this model gives rows and columns in grid points, set it to false")
