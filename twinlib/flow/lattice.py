"""A lattice Boltzmann channel in two dimensions: D2Q9, two relaxation times, walls half-way between cells.

The collision is that of Ginzburg, Verhaeghe and d'Humieres (2008), Commun. Comput. Phys. 3, 427; the equilibrium
that of He and Luo (1997), J. Stat. Phys. 88, 927, whose steady momentum has no divergence. stored as
deviations from those at rest, which saves float32 three digits (Skordos 1993).

Lengths are in cells, times in steps, the density at rest is 1. The grid has a ring of ghost cells. Before each step
the ghosts and the solid cells next to fluid get what a fluid cell is to pull from them, which is all that boundaries
are; so one loop without a branch goes over the whole grid, and the compiler makes vector instructions of it.
"""

from typing import Any

import numpy as np
from numba import get_num_threads, njit, prange

from twinlib.flow.walls import E, Surface, links

W = np.array([4 / 9] + [1 / 9] * 4 + [1 / 36] * 4)
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
        surface: Surface | None = None,
        magic: float = MAGIC,
        precision: type = np.float32,
    ) -> None:
        self.rows, self.columns = fluid.shape
        self.width = self.columns + 2
        cells = (self.rows + 2) * self.width
        self.size = _stride(cells, precision)
        padded = np.pad(fluid, 1)
        self._fluid: np.ndarray = np.zeros(self.size, precision)
        self._fluid[:cells] = padded.ravel()
        self._omega = precision(1 / (3 * viscosity + 0.5)), precision(1 / (magic / (3 * viscosity) + 0.5))
        self._links = links(padded, self.size, surface)
        self._weights: tuple[np.ndarray, ...] = self._links.a.astype(precision), self._links.b.astype(precision)

        inlet = parabola(np.arange(self.rows) + 0.5, self.rows, u_max)
        self._inlet: tuple[np.ndarray, Any] = inlet.astype(precision), precision(24 * viscosity * u_max / self.rows**2)
        start = np.zeros(self.size)
        start[:cells] = (padded * np.pad(inlet, 1)[:, None]).ravel()
        self._f: np.ndarray = equilibrium(start).astype(precision).ravel()
        self._g: np.ndarray = np.zeros_like(self._f)

    def advance(self, steps: int, *, parallel: bool = False) -> None:
        """Go `steps` steps on, in this thread or, if `parallel`, in all that numba has."""
        ends = self._links.target, self._links.near, self._links.far, *self._weights, *self._inlet
        parts = self._fluid, self.width, steps, *self._omega, *ends
        if parallel:
            _advance_parallel(self._f, self._g, min(get_num_threads(), self.rows), *parts)
        else:
            _advance(self._f, self._g, *parts)
        if steps % 2:
            self._f, self._g = self._g, self._f

    @property
    def velocity(self) -> np.ndarray:
        """Shape (rows, columns, 2), along and across, in cells a step, float64; 0 in solids."""
        return np.stack([np.tensordot(E[:, axis], self._cells, 1) for axis in (0, 1)], axis=-1)[1:-1, 1:-1]

    @property
    def pressure(self) -> np.ndarray:
        """Shape (rows, columns), over that at the outlet, in units of the density, float64; 0 in solids."""
        density: np.ndarray = self._cells.sum(axis=0)[1:-1, 1:-1]
        return density / 3

    @property
    def force(self) -> np.ndarray:
        """On all obstacles together, along and across, shape (2,): the momentum exchanged at walls (Ladd 1994)."""
        f, near = self._f.astype(float), self._links.near
        reflected = f[near]
        some = len(self._links.far)
        reflected[:some] = self._links.a * f[near[:some]] + self._links.b * f[self._links.far]
        return ((f[near] + reflected)[:, None] * self._links.out)[self._links.on_obstacle].sum(axis=0)

    @property
    def flux(self) -> np.ndarray:
        """Shape (columns - 1,): the mass that passes from each column to the next in one step; constant when steady."""
        grid, fluid = self._cells, self._on_grid(self._fluid)
        passed = np.zeros(self.columns - 1)
        for q in np.flatnonzero(E[:, 0]):
            arrives = grid[q] * np.roll(fluid, -E[q], axis=(1, 0))
            passed += E[q, 0] * arrives.sum(axis=0)[1:-2] if E[q, 0] > 0 else -arrives.sum(axis=0)[2:-1]
        return passed

    @property
    def _cells(self) -> np.ndarray:
        """The populations, float64, shape (9, rows + 2, columns + 2), 0 outside of the fluid."""
        return self._on_grid(self._f.reshape(9, -1).astype(float)) * self._on_grid(self._fluid)

    def _on_grid(self, flat: np.ndarray) -> np.ndarray:
        cells = flat[..., : (self.rows + 2) * self.width]
        return cells.reshape(*flat.shape[:-1], self.rows + 2, self.width)


def _stride(cells: int, precision: type) -> int:
    """From one population to the next, in numbers: 7 cache lines beyond a multiple of 4096 bytes.

    The loop reads and writes 18 of them at a time, which would drive each other from a processor's cache if all lay
    at the same place of a page.
    """
    item = np.dtype(precision).itemsize
    return cells + (7 * 64 - cells * item) % 4096 // item


def parabola(y: np.ndarray, height: float, u_max: float) -> np.ndarray:
    """Plane Poiseuille flow between walls at 0 and `height`."""
    return 4 * u_max * y * (height - y) / height**2


def equilibrium(ux: np.ndarray) -> np.ndarray:
    """Deviations of the populations, shape (9, n), at the velocity (ux, 0) and the density at rest."""
    along = E[:, :1] * ux
    return W[:, None] * (3 * along + 4.5 * along**2 - 1.5 * ux**2)


@njit(cache=True, nogil=True, error_model="numpy", fastmath=FAST)
def _advance(f, g, fluid, width, steps, omega_plus, omega_minus, target, near, far, a, b, inlet, rise):  # type: ignore
    for _ in range(steps):
        _walls(f, fluid.size, width, target, near, far, a, b, inlet, rise)
        _collide(f, g, fluid, width, width, (inlet.size + 1) * width, omega_plus, omega_minus)
        f, g = g, f


@njit(cache=True, parallel=True, error_model="numpy", fastmath=FAST)
def _advance_parallel(f, g, blocks, fluid, width, steps, omega_plus, omega_minus, target, near, far, a, b, inlet, rise):  # type: ignore
    rows = inlet.size
    for _ in range(steps):
        _walls(f, fluid.size, width, target, near, far, a, b, inlet, rise)
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
    for i in range(far.size):
        f[target[i]] = a[i] * f[near[i]] + b[i] * f[far[i]]
    for i in range(far.size, target.size):
        f[target[i]] = f[near[i]]
    one = f.dtype.type
    half, whole = one(0.5), one(4.5)
    for row in range(1, inlet.size + 1):
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
