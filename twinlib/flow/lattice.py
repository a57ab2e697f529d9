"""A lattice Boltzmann channel in two dimensions: D2Q9, two relaxation times, walls half-way between cells.

The collision is that of Ginzburg, Verhaeghe and d'Humieres (2008), Commun. Comput. Phys. 3, 427; the equilibrium
that of He and Luo (1997), J. Stat. Phys. 88, 927, whose steady momentum has no divergence. stored as
deviations from those at rest, which saves float32 three digits (Skordos 1993).

Lengths are in cells, times in steps, the density at rest is 1. The grid has a ring of ghost cells. Before each step
the ghosts and the solid cells next to fluid get what a fluid cell is to pull from them, which is all that boundaries
are; so one loop without a branch goes over the whole grid, and the compiler makes vector instructions of it.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numba import get_num_threads, njit, prange

E = np.array([[0, 0], [1, 0], [0, 1], [-1, 0], [0, -1], [1, 1], [-1, 1], [-1, -1], [1, -1]])  # x along, y across
W = np.array([4 / 9] + [1 / 9] * 4 + [1 / 36] * 4)
OPPOSITE = np.array([0, 3, 4, 1, 2, 7, 8, 5, 6])
MAGIC = 3 / 16  # puts the wall of a plane Poiseuille flow exactly half-way (Ginzburg and d'Humieres 2003)

# Sums may not be reordered: a population is a small deviation, and the same flow has to give the same bytes.
FAST = {"contract", "nsz", "arcp"}


class Lattice:
    """The state of one channel; the flow comes in at column 0 and leaves behind the last one.

    Parameters
    ----------
    fluid
        bool, shape (rows, columns); the walls of the channel lie half a cell outside of the first and last row.
    viscosity
        Kinematic, in cells squared a step.
    u_max
        Largest velocity of the parabola at the inlet, in cells a step.
    surface
        The distance of points (x, y) to the obstacles, negative inside, where it is known better than by the mask:
        walls are then interpolated (Bouzidi, Firdaouss and Lallemand 2001). x and y count cells from the corner of the
        channel, so that the first cell's centre is (0.5, 0.5).
    magic
        (1/omega_plus - 1/2)(1/omega_minus - 1/2); (3 viscosity)^2 is the plain BGK model.
    precision
        np.float32 or np.float64.
    """

    def __init__(
        self,
        fluid: np.ndarray,
        viscosity: float,
        u_max: float,
        *,
        surface: Callable[[np.ndarray, np.ndarray], np.ndarray] | None = None,
        magic: float = MAGIC,
        precision: type = np.float32,
    ) -> None:
        self.rows, self.columns = fluid.shape
        self.width = self.columns + 2
        self.size = (self.rows + 2) * self.width
        padded = np.pad(fluid, 1)
        self._fluid: np.ndarray = padded.ravel().astype(precision)
        self._omega = precision(1 / (3 * viscosity + 0.5)), precision(1 / (magic / (3 * viscosity) + 0.5))
        self._links(padded, surface)

        inlet = parabola(np.arange(self.rows) + 0.5, self.rows, u_max)
        self._inlet: tuple[np.ndarray, Any] = inlet.astype(precision), precision(24 * viscosity * u_max / self.rows**2)
        start = np.zeros((self.rows + 2, self.width))
        start[1:-1, 1:-1] = np.where(fluid, inlet[:, None], 0)
        self._f: np.ndarray = equilibrium(start.ravel()).astype(precision).ravel()
        self._g: np.ndarray = np.zeros_like(self._f)

    def advance(self, steps: int, *, parallel: bool = False) -> None:
        """Go `steps` steps on, in this thread or, if `parallel`, in all that numba has."""
        parts = self._fluid, self.width, steps, *self._omega, *self._targets, *self._weights, *self._inlet
        if parallel:
            _advance_parallel(self._f, self._g, min(get_num_threads(), self.rows), *parts)
        else:
            _advance(self._f, self._g, *parts)
        if steps % 2:
            self._f, self._g = self._g, self._f

    @property
    def velocity(self) -> np.ndarray:
        """Shape (rows, columns, 2), along and across, in cells a step, float64; 0 in solids."""
        momentum = np.tensordot(self._f.reshape(9, -1).astype(float), E, (0, 0)) * self._fluid[:, None]
        return momentum.reshape(self.rows + 2, self.width, 2)[1:-1, 1:-1]

    @property
    def pressure(self) -> np.ndarray:
        """Shape (rows, columns), over that at the outlet, in units of the density, float64; 0 in solids."""
        density = self._f.reshape(9, -1).sum(axis=0, dtype=float) * self._fluid
        return density.reshape(self.rows + 2, self.width)[1:-1, 1:-1] / 3

    @property
    def force(self) -> np.ndarray:
        """On all obstacles together, along and across, shape (2,): the momentum exchanged at walls (Ladd 1994)."""
        target, near, far = self._targets
        a, b = self._weights
        there = self._f.astype(float)
        reflected = a * there[near] + b * there[far]
        out = E[OPPOSITE[target // self.size]]
        return ((there[near] + reflected)[:, None] * out)[self._on_obstacle].sum(axis=0)

    @property
    def flux(self) -> np.ndarray:
        """Shape (columns - 1,): the mass that passes from each column to the next in one step; constant when steady."""
        grid = self._f.reshape(9, self.rows + 2, self.width).astype(float) * self._fluid.reshape(1, -1, self.width)
        fluid = self._fluid.reshape(-1, self.width)
        passed = np.zeros(self.columns - 1)
        for q in np.flatnonzero(E[:, 0]):
            arrives = grid[q] * np.roll(fluid, -E[q], axis=(1, 0))
            passed += E[q, 0] * arrives.sum(axis=0)[1:-2] if E[q, 0] > 0 else -arrives.sum(axis=0)[2:-1]
        return passed

    def _links(self, fluid: np.ndarray, surface: Callable[[np.ndarray, np.ndarray], np.ndarray] | None) -> None:
        """Each way from a fluid cell into what is not fluid: f[target] = a f[near] + b f[far] before a step."""
        y, x = np.nonzero(fluid)
        parts = []
        for q in range(1, 9):
            from_y, from_x = y - E[q, 1], x - E[q, 0]  # where the cell pulls q from
            # Ghosts beside the inlet and the outlet are filled in another way; those in the corners are walls.
            open_end = ((from_x == 0) | (from_x == self.columns + 1)) & (from_y > 0) & (from_y <= self.rows)
            solid = ~fluid[from_y, from_x] & ~open_end
            row, column, ghost_row, ghost_column = y[solid], x[solid], from_y[solid], from_x[solid]
            inside = (ghost_row > 0) & (ghost_row <= self.rows) & (ghost_column > 0) & (ghost_column <= self.columns)
            far, a, b = OPPOSITE[q] * self.size + row * self.width + column, np.ones(len(row)), np.zeros(len(row))
            if surface is not None and inside.any():
                far, a, b = _interpolated(fluid, row, column, q, inside, surface)
            parts.append(
                (
                    q * self.size + ghost_row * self.width + ghost_column,
                    OPPOSITE[q] * self.size + row * self.width + column,
                    far,
                    a,
                    b,
                    inside,
                )
            )
        target, near, far, a, b, inside = (np.concatenate(part) for part in zip(*parts, strict=True))
        precision = self._fluid.dtype
        self._targets = target, near, far
        self._weights = a.astype(precision), b.astype(precision)
        self._on_obstacle = inside


def parabola(y: np.ndarray, height: float, u_max: float) -> np.ndarray:
    """Plane Poiseuille flow between walls at 0 and `height`."""
    return 4 * u_max * y * (height - y) / height**2


def equilibrium(ux: np.ndarray) -> np.ndarray:
    """Deviations of the populations, shape (9, n), at the velocity (ux, 0) and the density at rest."""
    along = E[:, :1] * ux
    return W[:, None] * (3 * along + 4.5 * along**2 - 1.5 * ux**2)


def _interpolated(
    fluid: np.ndarray,
    row: np.ndarray,
    column: np.ndarray,
    q: int,
    inside: np.ndarray,
    surface: Callable[[np.ndarray, np.ndarray], np.ndarray],
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Bouzidi's linear rule: where to take the second population from, and the weights of both.

    Half-way where the wall is no obstacle's, or where the cell behind, which the rule needs, is no fluid.
    """
    way = -E[q]
    low, high = np.zeros(len(row)), np.ones(len(row))
    for _ in range(40):  # bisection for the part of the link that lies in the fluid
        middle = (low + high) / 2
        outside = surface(column - 0.5 + middle * way[0], row - 0.5 + middle * way[1]) > 0
        low, high = np.where(outside, middle, low), np.where(outside, high, middle)
    part = np.where(inside & fluid[row - way[1], column - way[0]], (low + high) / 2, 0.5)
    close, size = part < 0.5, fluid.size
    far = np.where(
        close,
        OPPOSITE[q] * size + (row - way[1]) * fluid.shape[1] + column - way[0],
        q * size + row * fluid.shape[1] + column,
    )
    return far, np.where(close, 2 * part, 1 / (2 * part)), np.where(close, 1 - 2 * part, 1 - 1 / (2 * part))


@njit(cache=True, nogil=True, error_model="numpy", fastmath=FAST)
def _advance(f, g, fluid, width, steps, omega_plus, omega_minus, target, near, far, a, b, inlet, rise):  # type: ignore
    for _ in range(steps):
        _walls(f, fluid.size, width, target, near, far, a, b, inlet, rise)
        _collide(f, g, fluid, width, width, fluid.size - width, omega_plus, omega_minus)
        f, g = g, f


@njit(cache=True, parallel=True, error_model="numpy", fastmath=FAST)
def _advance_parallel(f, g, blocks, fluid, width, steps, omega_plus, omega_minus, target, near, far, a, b, inlet, rise):  # type: ignore
    size = fluid.size
    rows = size // width - 2
    for _ in range(steps):
        _walls(f, size, width, target, near, far, a, b, inlet, rise)
        for block in prange(blocks):
            first, last = block * rows // blocks, (block + 1) * rows // blocks
            _collide(f, g, fluid, width, (1 + first) * width, (1 + last) * width, omega_plus, omega_minus)
        f, g = g, f


@njit(cache=True, nogil=True, error_model="numpy", fastmath=FAST)
def _walls(f, size, width, target, near, far, a, b, inlet, rise):  # type: ignore
    """Fill what fluid cells will pull from solid cells, the inlet and the outlet.

    At both ends by non-equilibrium extrapolation (Guo, Zheng and Shi 2002): the inlet has the parabola and the rise of
    the density that goes with it, the outlet the density at rest and the velocity of the last column.
    """
    for i in range(target.size):
        f[target[i]] = a[i] * f[near[i]] + b[i] * f[far[i]]
    one = f.dtype.type
    half, whole = one(0.5), one(4.5)
    for row in range(1, size // width - 1):
        i = row * width + 1
        ux, uy = _momentum(f, size, i)
        u = inlet[row - 1]
        # What is missing between the equilibria at (u, 0), the inlet's pressure, and at (ux, uy).
        level = rise - one(1.5) * (u * u - ux * ux - uy * uy)
        f[size + i - 1] = f[size + i] + one(1 / 9) * (level + one(3) * (u - ux) + whole * (u * u - ux * ux))
        u, ux, uy = one(3) * u, ux + uy, ux - uy
        f[5 * size + i - 1] = f[5 * size + i] + one(1 / 36) * (
            level + u - one(3) * ux + half * (u * u) - whole * ux * ux
        )
        f[8 * size + i - 1] = f[8 * size + i] + one(1 / 36) * (
            level + u - one(3) * uy + half * (u * u) - whole * uy * uy
        )

        i = (row + 1) * width - 2
        density = f[i]
        for q in range(1, 9):
            density += f[q * size + i]
        f[3 * size + i + 1] = f[3 * size + i] - one(1 / 9) * density
        f[6 * size + i + 1] = f[6 * size + i] - one(1 / 36) * density
        f[7 * size + i + 1] = f[7 * size + i] - one(1 / 36) * density


@njit(cache=True, nogil=True, error_model="numpy", fastmath=FAST)
def _momentum(f, size, i):  # type: ignore
    diagonal = f[5 * size + i] - f[7 * size + i]
    other = f[6 * size + i] - f[8 * size + i]
    return f[size + i] - f[3 * size + i] + diagonal - other, f[2 * size + i] - f[4 * size + i] + diagonal + other


@njit(cache=True, nogil=True, error_model="numpy", fastmath=FAST)
def _collide(f, g, fluid, w, start, end, omega_plus, omega_minus):  # type: ignore
    """Pull and collide the cells from `start` to `end` of the flat grid; solid cells and ghosts come out as 0."""
    n = fluid.size
    _collide_all(
        f[start:end],
        f[n + start - 1 : n + end - 1],
        f[2 * n + start - w : 2 * n + end - w],
        f[3 * n + start + 1 : 3 * n + end + 1],
        f[4 * n + start + w : 4 * n + end + w],
        f[5 * n + start - w - 1 : 5 * n + end - w - 1],
        f[6 * n + start - w + 1 : 6 * n + end - w + 1],
        f[7 * n + start + w + 1 : 7 * n + end + w + 1],
        f[8 * n + start + w - 1 : 8 * n + end + w - 1],
        g[start:end],
        g[n + start : n + end],
        g[2 * n + start : 2 * n + end],
        g[3 * n + start : 3 * n + end],
        g[4 * n + start : 4 * n + end],
        g[5 * n + start : 5 * n + end],
        g[6 * n + start : 6 * n + end],
        g[7 * n + start : 7 * n + end],
        g[8 * n + start : 8 * n + end],
        fluid[start:end],
        omega_plus,
        omega_minus,
    )


@njit(cache=True, nogil=True, error_model="numpy", fastmath=FAST)
def _collide_all(  # type: ignore
    f0, f1, f2, f3, f4, f5, f6, f7, f8, g0, g1, g2, g3, g4, g5, g6, g7, g8, fluid, omega_plus, omega_minus
):
    """One loop over slices: nothing that would keep the compiler from vector instructions."""
    one = f0.dtype.type
    half, whole = one(0.5), one(4.5)
    for i in range(fluid.size):
        east, north, west, south = f1[i], f2[i], f3[i], f4[i]
        north_east, north_west, south_west, south_east = f5[i], f6[i], f7[i], f8[i]
        keep = fluid[i]
        density = f0[i] + east + north + west + south + north_east + north_west + south_west + south_east
        ux = east - west + north_east - north_west - south_west + south_east
        uy = north - south + north_east + north_west - south_west - south_east
        level = density - one(1.5) * (ux * ux + uy * uy)
        g0[i] = keep * (f0[i] - omega_plus * (f0[i] - one(4 / 9) * level))

        even = omega_plus * (half * (east + west) - one(1 / 9) * (level + whole * ux * ux))
        odd = omega_minus * (half * (east - west) - one(1 / 3) * ux)
        g1[i] = keep * (east - even - odd)
        g3[i] = keep * (west - even + odd)

        even = omega_plus * (half * (north + south) - one(1 / 9) * (level + whole * uy * uy))
        odd = omega_minus * (half * (north - south) - one(1 / 3) * uy)
        g2[i] = keep * (north - even - odd)
        g4[i] = keep * (south - even + odd)

        u = ux + uy
        even = omega_plus * (half * (north_east + south_west) - one(1 / 36) * (level + whole * u * u))
        odd = omega_minus * (half * (north_east - south_west) - one(1 / 12) * u)
        g5[i] = keep * (north_east - even - odd)
        g7[i] = keep * (south_west - even + odd)

        u = uy - ux
        even = omega_plus * (half * (north_west + south_east) - one(1 / 36) * (level + whole * u * u))
        odd = omega_minus * (half * (north_west - south_east) - one(1 / 12) * u)
        g6[i] = keep * (north_west - even - odd)
        g8[i] = keep * (south_east - even + odd)
