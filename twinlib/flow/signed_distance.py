"""The signed distance to the walls that a mask means to the solver: the faces between fluid and solid cells."""

import numpy as np
from scipy import ndimage


def signed_distance(fluid: np.ndarray) -> np.ndarray:
    """Distance of each cell's centre to the nearest wall, exact.

    Parameters
    ----------
    fluid
        bool, shape (rows, columns), True in the fluid. The walls of the channel lie half a cell outside of the first
        and the last row; inlet and outlet are none.

    Returns
    -------
    float32, shape (rows, columns), in cells: positive in the fluid, negative in solids, never 0.
    """
    solid = np.pad(~fluid, ((1, 1), (0, 0)), constant_values=True)
    distance = np.where(solid, -_to_squares(~solid), _to_squares(solid))
    return distance[1:-1].astype(np.float32)


def _to_squares(cells: np.ndarray) -> np.ndarray:
    """Distance of every cell's centre to the nearest of the unit squares that `cells` are; 0 in these.

    On a grid of half the spacing, on which centres are the odd points, a square with its edges is three by three
    points, and the point of it that is nearest to a centre is always one of these: so the transform is exact.
    """
    finer = np.zeros([2 * size + 1 for size in cells.shape], dtype=bool)
    finer[1::2, 1::2] = cells
    finer = ndimage.binary_dilation(finer, np.ones((3, 3)))
    if not finer.any():
        return np.full(cells.shape, np.inf)
    distance: np.ndarray = ndimage.distance_transform_edt(~finer)
    return distance[1::2, 1::2] / 2
