"""The signed distance to the walls that a mask means to the solver: the faces between fluid and solid cells."""

import numpy as np
from numba import njit


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
    squared = _squared_distance(solid)[1:-1]
    return np.where(fluid, 1, -1).astype(np.float32) * np.sqrt(squared).astype(np.float32)


@njit(cache=True, nogil=True)
def _squared_distance(kind: np.ndarray) -> np.ndarray:
    """Of each cell's centre to the nearest of the unit squares that the cells of the other kind are; inf without any.

    A square that is n cells away along an axis begins n - 1/2 away from the centre. First along the rows, then of
    these along each column, outwards and no further than what is found already.
    """
    rows, columns = kind.shape
    along = np.empty((2, rows, columns))  # gap to the nearest cell that is False, True in this row, squared
    for row in range(rows):
        for wanted in range(2):
            away = np.inf
            for column in range(columns):
                away = 0.0 if kind[row, column] == wanted else away + 1.0
                along[wanted, row, column] = away
            away = np.inf
            for column in range(columns - 1, -1, -1):
                away = 0.0 if kind[row, column] == wanted else away + 1.0
                gap = max(min(away, along[wanted, row, column]) - 0.5, 0.0)
                along[wanted, row, column] = gap * gap
    found = np.empty((rows, columns))
    for row in range(rows):
        for column in range(columns):
            other = 1 - kind[row, column]
            best = along[other, row, column]
            for step in range(1, rows):
                across = (step - 0.5) ** 2
                if across >= best or (step > row and row + step >= rows):
                    break
                if step <= row:
                    best = min(best, across + along[other, row - step, column])
                if row + step < rows:
                    best = min(best, across + along[other, row + step, column])
            found[row, column] = best
    return found
