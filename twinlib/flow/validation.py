"""Flows of which the solution is known, for the solver to be measured by."""

from dataclasses import dataclass

import numpy as np

from twinlib.flow.channel import Flow, solve
from twinlib.flow.lattice import MAGIC, Lattice, parabola

# Schäfer and Turek (1996), "Benchmark computations of laminar flow around a cylinder", case 2D-1: Reynolds number 20.
DRAG, LIFT, LENGTH = (5.57, 5.59), (0.0104, 0.0110), (0.0842, 0.0852)
DIAMETER, HEIGHT, LONG, CENTRE = 0.1, 0.41, 2.2, 0.2  # metres; the centre from the inlet and from the lower wall


@dataclass(frozen=True)
class Cylinder:
    """What the benchmark asks for."""

    drag: float  # coefficients, over the mean velocity squared and the diameter
    lift: float
    length: float  # of the recirculation behind the cylinder, metres
    flow: Flow


def poiseuille(rows: int, *, magic: float = MAGIC, viscosity: float = 0.1, precision: type = np.float64) -> float:
    """Error (root mean square over u_max) of the steady velocity across the middle of an empty channel: a parabola."""
    u_max = 0.4 / rows  # the same Reynolds number on every grid
    lattice = Lattice(np.ones((rows, 2 * rows), bool), viscosity, u_max, magic=magic, precision=precision)
    lattice.advance(int(8 * rows**2 / viscosity / np.pi**2 * 4))  # the slowest mode decays by e^-32
    exact = parabola(np.arange(rows) + 0.5, rows, u_max)
    return float(np.sqrt(((lattice.velocity[:, rows, 0] - exact) ** 2).mean()) / u_max)


def cylinder(cells: int, *, interpolated: bool) -> Cylinder:
    """Schäfer and Turek's case 2D-1 with `cells` cells across the cylinder, a multiple of 10, in float64.

    The cylinder's wall is half-way between cells, or `interpolated`.
    """
    rows, columns, centre = (round(length / DIAMETER * cells) for length in (HEIGHT, LONG, CENTRE))

    def surface(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        return np.hypot(x - centre, y - centre) - cells / 2

    y, x = np.mgrid[:rows, :columns] + 0.5
    flow = solve(
        surface(x, y) > 0,
        20 * 1.5 * rows / cells,  # 20 is over the mean velocity, two thirds of u_max, and the diameter
        steps=500_000,
        tolerance=1e-6,
        surface=surface if interpolated else None,
        precision=np.float64,
    )
    scale = rows / cells * 1.5**2
    return Cylinder(flow.drag * scale, flow.lift * scale, _wake(flow, cells, centre), flow)


def _wake(flow: Flow, cells: int, centre: int) -> float:
    """From the rear of the cylinder to where the velocity along the channel turns positive on its axis, metres."""
    axis = flow.velocity[centre - 1 : centre + 1, :, 0].mean(axis=0)  # the centre is on an edge between two rows
    behind = np.arange(centre + cells // 2, centre + 3 * cells)
    last = int(behind[axis[behind] < 0][-1])
    end = last + 0.5 + axis[last] / (axis[last] - axis[last + 1])
    return float((end - centre - cells / 2) * DIAMETER / cells)
