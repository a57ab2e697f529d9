"""The discrete divergence that everything here is measured by, in numpy and in any framework's tensors."""

from typing import Any


def box_divergence(u: Any, v: Any) -> Any:
    """Divergence at the corners that four cells share, from velocities at the centres of cells.

    What leaves the square between four centres, by the trapezoidal rule on each side (the box scheme of Keller 1971,
    "A new difference scheme for parabolic problems"). For u = d(psi)/dy, v = -d(psi)/dx with a stream function on
    corners (`twinlib.flow.stream`) it is 0 up to rounding, at walls too.

    Parameters
    ----------
    u, v
        Velocity along (axis -1) and across (axis -2) the channel, shape (…, rows, columns).

    Returns
    -------
    Shape (…, rows - 1, columns - 1), velocity a cell.
    """
    along = u[..., 1:] - u[..., :-1]
    across = v[..., 1:, :] - v[..., :-1, :]
    return (along[..., 1:, :] + along[..., :-1, :] + across[..., 1:] + across[..., :-1]) / 2


def between_fluid(fluid: Any) -> Any:
    """1 at the corners whose four cells are all fluid (1), else 0: (…, rows, columns) -> one less of each."""
    pairs = fluid[..., 1:] * fluid[..., :-1]
    return pairs[..., 1:, :] * pairs[..., :-1, :]
