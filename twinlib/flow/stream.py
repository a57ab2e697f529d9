"""What a stream function in a channel with obstacles has to be at walls, on the corners of cells.

With psi on corners and, at the centre of a cell,

    u = mean over its left and right side of d(psi)/dy,   v = -mean over its lower and upper side of d(psi)/dx,

these hold for any psi, up to rounding: `twinlib.flow.divergence.box_divergence` of (u, v) is 0 at every corner, and
what crosses the four sides of a cell adds up to 0. If psi has one value on all corners of a wall, then nothing crosses
a side of a solid cell, and u = v = 0 in it. With 0 at the lower wall and the `discharge` at the upper one, the same
amount passes every cross-section. What the values on the obstacles are follows from the flow: a network has to say it.
No slip along a wall does not follow; it is learned.
"""

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from twinlib.errors import UserError

LOWER, UPPER = 0, 1  # the walls of the channel; obstacles have the numbers from 2 on


@dataclass(frozen=True)
class Walls:
    """Where walls are on the corners of n flows, float64.

    Attributes
    ----------
    on
        Shape (n, obstacles, rows + 1, columns + 1): 1 on the corners of an obstacle's cells. A flow with
        fewer obstacles than others has zeros.
    nearest
        The same shape: 1 where this obstacle is the nearest wall.
    channel
        Shape (n, rows + 1, columns + 1): where a wall of the channel is the nearest, the stream function of the
        empty channel, which on the wall is what it has to be; on and around obstacles that touch such a wall, the
        wall's value.
    share
        Shape (n, rows + 1, columns + 1): rises smoothly from 0 on walls to 1 at `width` cells from them.
    """

    on: np.ndarray
    nearest: np.ndarray
    channel: np.ndarray
    share: np.ndarray


def walls(fluid: np.ndarray, width: float) -> Walls:
    """The walls of some flows.

    Obstacles that touch, if only by a corner, are one; one that touches a wall of the channel belongs to it.

    Parameters
    ----------
    fluid
        bool, shape (n, rows, columns)
    width
        In cells.

    Raises
    ------
    UserError
        The channel is closed.
    """
    rows = fluid.shape[1]
    found = [_numbers(flow) for flow in fluid]
    obstacles = np.arange(UPPER + 1, max(int(numbers.max()) for numbers in found) + 1)[:, None, None]
    empty = poiseuille(rows)[:, None]
    on, nearest, channel, share = [], [], [], []
    for numbers in found:
        distance, where = ndimage.distance_transform_edt(numbers < 0, return_indices=True)
        near = numbers[tuple(where)]
        value = np.where(np.isin(where[0], (0, rows)), empty, np.where(near == UPPER, empty[-1], 0))
        on.append(numbers == obstacles)
        nearest.append(near == obstacles)
        channel.append(np.where(near <= UPPER, value, 0))
        s = np.minimum(distance / width, 1)
        share.append(s * s * (3 - 2 * s))
    return Walls(np.stack(on).astype(float), np.stack(nearest).astype(float), np.stack(channel), np.stack(share))


def poiseuille(rows: int) -> np.ndarray:
    """The stream function of the empty channel on corners, shape (rows + 1,): u = 4 y (rows - y) / rows^2."""
    y = np.arange(rows + 1.0)
    return (2 * y**2 / rows) - (4 * y**3 / (3 * rows**2))


def discharge(rows: int) -> float:
    """What passes each cross-section: u_max times cells."""
    return 2 * rows / 3


def _numbers(fluid: np.ndarray) -> np.ndarray:
    """For each corner the number of the wall that it lies on, -1 for none: (rows, columns) -> one more of each."""
    solid = np.pad(~fluid, ((1, 1), (0, 0)), constant_values=True)
    labels, count = ndimage.label(solid, np.ones((3, 3)))
    lower, upper = labels[0, 0], labels[-1, 0]
    if lower == upper:
        raise UserError("an obstacle reaches from wall to wall: the channel is closed")
    number = np.full(count + 1, -1)
    number[lower], number[upper] = LOWER, UPPER
    obstacles = [label for label in range(1, count + 1) if label not in (lower, upper)]
    number[obstacles] = UPPER + 1 + np.arange(len(obstacles))
    cells = np.pad(number[labels], ((0, 0), (1, 1)), mode="edge")
    return np.maximum(np.maximum(cells[1:, 1:], cells[1:, :-1]), np.maximum(cells[:-1, 1:], cells[:-1, :-1]))
