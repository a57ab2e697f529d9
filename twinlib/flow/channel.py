"""The steady flow through a channel with obstacles, and whether there is one."""

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from twinlib.errors import UserError
from twinlib.flow.lattice import MAGIC, Lattice
from twinlib.flow.walls import Surface

CHECK = 1000  # steps between two looks at the flow
TAU_MIN = 0.505  # a relaxation time closer to 1/2 leaves no viscosity to damp what the walls stir up
MACH_MAX = 0.3  # at the inlet
SPEED_MAX = 0.5  # cells a step, anywhere: the equilibrium is expanded in small velocities


class Unstable(UserError):
    """The scheme cannot follow this flow."""


class Unsteady(UserError):
    """The flow does not come to rest within the steps it has."""


@dataclass(frozen=True)
class Flow:
    """A steady flow, in units of u_max, the height of the channel and the density (see `twinlib.flow.fields`)."""

    velocity: np.ndarray  # (rows, columns, 2), along and across
    pressure: np.ndarray  # (rows, columns), over that at the outlet
    drag: float  # on all obstacles, over half the density times u_max squared times the height
    lift: float
    steps: int
    change: float  # of the velocity in the last 1000 steps, relative


def solve(
    fluid: np.ndarray,
    reynolds: float,
    *,
    u_max: float = 0.1,
    outflow: int = 0,
    steps: int = 50_000,
    tolerance: float = 1e-5,
    surface: Surface | None = None,
    magic: float = MAGIC,
    precision: type = np.float32,
    parallel: bool = False,
) -> Flow:
    """The steady flow around the obstacles of `fluid`, from the undisturbed parabola on.

    Parameters
    ----------
    fluid
        bool, shape (rows, columns), True in the fluid.
    reynolds
        u_max times the height of the channel over the viscosity.
    u_max
        Largest velocity at the inlet, in cells a step.
    outflow
        Empty columns behind those of `fluid`, up to the outlet; they are computed and left out of the result.
    steps, tolerance
        The flow is steady when the velocity changes by less than `tolerance` in 1000 steps (Euclidean norms); it has
        to be within `steps`.
    surface, magic, precision, parallel
        See `twinlib.flow.lattice.Lattice`.

    Raises
    ------
    Unstable
        The scheme is not stable at this Reynolds number on this grid.
    Unsteady
        The flow still changes after `steps` steps.
    UserError
        The mask is none that flow passes through.
    """
    fluid = passable(fluid)
    rows, columns = fluid.shape
    check(reynolds, rows, u_max)
    longer = np.pad(fluid, ((0, 0), (0, outflow)), constant_values=True)
    lattice = Lattice(longer, u_max * rows / reynolds, u_max, surface=surface, magic=magic, precision=precision)
    before, done, change = lattice.velocity, 0, np.inf
    while not change < tolerance:
        if done >= steps:
            raise Unsteady(
                f"reynolds {reynolds:g}: after {done} steps the velocity still changes by {change:.1e} in {CHECK}, "
                f"more than {tolerance:g}; use more steps or a lower Reynolds number"
            )
        lattice.advance(CHECK, parallel=parallel)
        done += CHECK
        velocity = lattice.velocity
        fastest = np.abs(velocity).max()
        if not fastest < SPEED_MAX:  # NaN, too
            raise Unstable(
                f"reynolds {reynolds:g} on {rows} rows: velocities grew beyond {SPEED_MAX} cells a step "
                f"within {done} steps; use a lower Reynolds number, a lower u_max, more rows, or smaller obstacles"
            )
        change = float(np.linalg.norm(velocity - before) / np.linalg.norm(velocity))
        before = velocity
    force = lattice.force / (u_max**2 * rows / 2)
    return Flow(
        velocity=before[:, :columns] / u_max,
        pressure=lattice.pressure[:, :columns] / u_max**2,
        drag=float(force[0]),
        lift=float(force[1]),
        steps=done,
        change=change,
    )


def passable(fluid: np.ndarray) -> np.ndarray:
    """The mask with what no flow can reach made solid.

    Parameters
    ----------
    fluid
        bool, shape (rows, columns), True in the fluid.

    Raises
    ------
    UserError
        It is no mask, an obstacle is at the inlet (column 0), or the obstacles close the channel.
    """
    if fluid.ndim != 2 or fluid.dtype != bool or min(fluid.shape) < 4:
        raise UserError(f"mask: shape {fluid.shape}, {fluid.dtype}; it has to be bool, at least 4 rows and 4 columns")
    if not fluid[:, 0].all():
        rows = np.flatnonzero(~fluid[:, 0])
        raise UserError(f"mask: an obstacle at the inlet, column 0, rows {rows[0]} to {rows[-1]}; move it downstream")
    parts, _ = ndimage.label(fluid)  # neighbours across a face
    reached = parts == parts[0, 0]
    if not reached[:, -1].any():
        column = np.flatnonzero(~reached.any(axis=0))
        near = int(column[0]) if len(column) else int(np.flatnonzero(reached.any(axis=0))[-1])
        raise UserError(f"mask: the obstacles close the channel at column {near}; leave a way for the flow")
    return reached


def check(reynolds: float, rows: int, u_max: float) -> None:
    """Raise Unstable, or UserError, for what is known beforehand not to work; arguments as those of `solve`."""
    if not (reynolds > 0 and np.isfinite(reynolds)):
        raise UserError(f"reynolds is {reynolds:g}; use a positive number")
    if not 0 < u_max * 3**0.5 <= MACH_MAX:
        raise Unstable(
            f"u_max is {u_max:g}, Mach {u_max * 3**0.5:.2f}; use at most {MACH_MAX / 3**0.5:.3f} cells a step"
        )
    tau = 3 * u_max * rows / reynolds + 0.5
    if tau < TAU_MIN:
        most = 3 * u_max * rows / (TAU_MIN - 0.5)
        raise Unstable(
            f"reynolds {reynolds:g} on {rows} rows: the relaxation time is {tau:.4f}, "
            f"too close to 1/2; use at most {most:.0f}, or more rows"
        )
