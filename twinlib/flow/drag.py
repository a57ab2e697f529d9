"""The drag of all obstacles from the velocity alone: a momentum balance in which the pressure drops out.

For any field w that is free of divergence, 1 (along the channel) on the obstacles, and 0 at the walls, the inlet and
the outlet of the channel, the weak form of the steady Navier-Stokes equations is

    F = sum over i, j of the integral of (u_i u_j - nu (d_j u_i + d_i u_j)) d_j w_i

(the volume integral for drag of John and Matthies 2001, Int. J. Numer. Meth. Fluids 37, 885, without the pressure's
term, as div w = 0). Here w is the curl of (y - y0) chi, with chi = 1 around the obstacles and 0 at the edges of the
channel: what counts lies between them, and velocities next to walls, where differences are poor, have no weight.
"""

import numpy as np
from scipy import ndimage

NEAR, FAR = (
    0.15,
    0.85,
)  # chi falls from 1 to 0 between these parts of the way from an obstacle to the walls of the channel


def drag(fluid: np.ndarray, velocity: np.ndarray, reynolds: float) -> float:
    """The force along the channel on all obstacles, over half the density times u_max squared times the height.

    Parameters
    ----------
    fluid
        bool, shape (rows, columns); the walls lie half a cell outside of the first and last row.
    velocity
        Shape (rows, columns, 2), along and across, in units of u_max.
    reynolds
        u_max times the height over the viscosity.

    Returns
    -------
    0 where there is no obstacle. Where an obstacle is within two or three cells of a wall or of an edge, the gap
    has too few cells for this and the number is rough.
    """
    if fluid.all():
        return 0.0
    rows = len(fluid)
    viscosity = rows / reynolds
    u, v = np.moveaxis(velocity.astype(float), -1, 0)
    u_y, u_x = np.gradient(u)
    v_y, v_x = np.gradient(v)
    w_x, w_y = _test_field(fluid)
    (wx_y, wx_x), (wy_y, wy_x) = np.gradient(w_x), np.gradient(w_y)
    shear = viscosity * (u_y + v_x)
    density = (u * u - 2 * viscosity * u_x) * wx_x + (v * v - 2 * viscosity * v_y) * wy_y
    density += (u * v - shear) * (wx_y + wy_x)
    return float(density[fluid].sum() / (rows / 2))


def _test_field(fluid: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """w along and across, shapes (rows, columns)."""
    rows, columns = fluid.shape
    y, x = np.mgrid[:rows, :columns] + 0.5
    obstacle = np.maximum(ndimage.distance_transform_edt(fluid) - 0.5, 0)
    edge = np.minimum(np.minimum(y, rows - y), np.minimum(x, columns - x))
    part = np.clip((obstacle / (obstacle + edge) - NEAR) / (FAR - NEAR), 0, 1)
    chi = 1 - part**3 * (10 - 15 * part + 6 * part**2)  # its first two derivatives vanish at both ends
    psi_y, psi_x = np.gradient((y - y[~fluid].mean()) * chi)
    return psi_y, -psi_x
