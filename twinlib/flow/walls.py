"""Where fluid cells meet walls: what each is to pull back from there."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

E = np.array([[0, 0], [1, 0], [0, 1], [-1, 0], [0, -1], [1, 1], [-1, 1], [-1, -1], [1, -1]])  # x along, y across
OPPOSITE = np.array([0, 3, 4, 1, 2, 7, 8, 5, 6])
Surface = Callable[[np.ndarray, np.ndarray], np.ndarray]  # distance of points (x, y) to the obstacles, negative inside


@dataclass(frozen=True)
class Links:
    """Every way from a fluid cell into a solid one, the interpolated ones first.

    `target`, `near` and `far` are indices into the flat populations: before a step f[target] = a f[near] + b f[far]
    for as many as there are `a`, and f[target] = f[near], which is the half-way wall, for all others.
    """

    target: np.ndarray  # int32 (n,)
    near: np.ndarray  # int32 (n,)
    far: np.ndarray  # int32 (interpolated,)
    a: np.ndarray  # float64 (interpolated,)
    b: np.ndarray  # float64 (interpolated,)
    out: np.ndarray  # int (n, 2), from the fluid cell to the solid one, along and across
    on_obstacle: np.ndarray  # bool (n,), the others are on the walls of the channel


def links(fluid: np.ndarray, stride: int, surface: Surface | None = None) -> Links:
    """All links of a channel.

    Parameters
    ----------
    fluid
        bool, shape (rows + 2, columns + 2), with a ring of ghosts that are False. Ghosts beside the inlet and the
        outlet have no links; those in the corners are walls.
    stride
        From one population to the next in the flat array.
    surface
        For walls of obstacles that are interpolated; x and y count cells from the corner of the channel.
    """
    rows, columns, width = fluid.shape[0] - 2, fluid.shape[1] - 2, fluid.shape[1]
    y, x = np.nonzero(fluid)
    cells, ways = [], []
    for way in range(1, 9):
        from_y, from_x = y - E[way, 1], x - E[way, 0]  # where the cell pulls it from
        open_end = ((from_x == 0) | (from_x == columns + 1)) & (from_y > 0) & (from_y <= rows)
        wall = ~fluid[from_y, from_x] & ~open_end
        cells.append(np.stack([x[wall], y[wall]], axis=1))
        ways.append(np.full(wall.sum(), way))
    cell, q = np.concatenate(cells), np.concatenate(ways)
    out = -E[q]
    there = cell + out
    on_obstacle = ((there > 0) & (there <= [columns, rows])).all(axis=1)
    behind = cell - out
    smooth = on_obstacle & fluid[behind[:, 1], behind[:, 0]] & (surface is not None)
    order = np.argsort(~smooth, kind="stable")
    cell, q, out, there, behind, on_obstacle = (part[order] for part in (cell, q, out, there, behind, on_obstacle))

    def index(q: np.ndarray, cell: np.ndarray) -> np.ndarray:
        return (q * stride + cell[:, 1] * width + cell[:, 0]).astype(np.int32)

    first = slice(0, int(smooth.sum()))
    part = np.zeros(0) if surface is None else _part_in_fluid(cell[first], out[first], surface)
    close = part < 0.5
    # Bouzidi, Firdaouss and Lallemand (2001), linear; a cell that has no fluid behind it keeps the half-way wall.
    return Links(
        target=index(q, there),
        near=index(OPPOSITE[q], cell),
        far=np.where(close, index(OPPOSITE[q[first]], behind[first]), index(q[first], cell[first])),
        a=np.where(close, 2 * part, 1 / (2 * part)),
        b=np.where(close, 1 - 2 * part, 1 - 1 / (2 * part)),
        out=out,
        on_obstacle=on_obstacle,
    )


def _part_in_fluid(cell: np.ndarray, out: np.ndarray, surface: Surface) -> np.ndarray:
    """How far along each link its wall is, 0 at the fluid cell and 1 at the solid one, by bisection."""
    low, high = np.zeros(len(cell)), np.ones(len(cell))
    for _ in range(40):
        middle = (low + high) / 2
        outside = surface(*(cell - 0.5 + middle[:, None] * out).T) > 0
        low, high = np.where(outside, middle, low), np.where(outside, high, middle)
    return (low + high) / 2
