"""Reference solutions of equations that have no formula, computed without any network.

Each function writes one table, a row a point with its coordinates and the fields, and says how far the same
computation at half the resolution is from it. What comes out is synthetic: computed, not measured.
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np

Array = np.ndarray


def burgers(target: Path, viscosity: float, columns: int, rows: int, nodes: int) -> str:
    """u_t + u u_x = nu u_xx on -1 < x < 1, 0 <= t <= 1, from -sin(pi x), with u = 0 at both ends, into `target`.

    Parameters
    ----------
    viscosity
        nu in units of 1 / pi.
    columns, rows
        Of the grid in x and in t.
    nodes
        Of the quadrature.
    """
    x, t = np.linspace(-1, 1, columns), np.linspace(0, 1, rows)
    found = cole_hopf(x, t, viscosity / np.pi, nodes)
    change = _relative(cole_hopf(x, t, viscosity / np.pi, nodes // 2), found)
    _write(target, ("x", "t"), (x, t), {"u": found})
    return f"{target}: {found.size:,} points, {change:.0e} from the solution with half the nodes"


def cole_hopf(x: Array, t: Array, viscosity: float, nodes: int) -> Array:
    """Burgers' equation from -sin(pi x), by the integrals of its exact solution (Cole 1951, Hopf 1950).

    u(x, t) = -int sin(pi y) f(y) g dy / int f(y) g dy, f(y) = exp(-cos(pi y) / (2 pi nu)) and g the heat kernel
    exp(-(x - y)^2 / (4 nu t)). Both integrands are analytic and vanish at the ends of the interval, so that the
    trapezoidal rule converges faster than any power of its step.

    Returns
    -------
    Shape (len(x), len(t)).
    """
    found = np.empty((len(x), len(t)))
    for column, time in enumerate(t):
        if time == 0:
            found[:, column] = -np.sin(np.pi * x)
            continue
        # Where the kernel is below e^-100 of its greatest value nothing is left of either integral: f varies by
        # e^(1 / (pi nu)), e^100 for nu = 0.01 / pi.
        reach = np.sqrt(4 * viscosity * time * (1 / (np.pi * viscosity) + 100))
        y = x[:, None] + np.linspace(-reach, reach, nodes)
        exponent = -np.cos(np.pi * y) / (2 * np.pi * viscosity) - (x[:, None] - y) ** 2 / (4 * viscosity * time)
        weight = np.exp(exponent - exponent.max(axis=1, keepdims=True))
        found[:, column] = -(np.sin(np.pi * y) * weight).sum(axis=1) / weight.sum(axis=1)
    return found


def allen_cahn(target: Path, diffusivity: float, rate: float, columns: int, rows: int, modes: int, steps: int) -> str:
    """u_t = d u_xx + r (u - u^3) on a circle -1 < x < 1, 0 <= t <= 1, from x^2 cos(pi x), into `target`.

    Parameters
    ----------
    diffusivity, rate
        d and r.
    columns, rows
        Of the grid in x, which includes both ends, and in t.
    modes, steps
        Fourier modes, and steps of time between two rows.
    """

    def start(x: Array) -> Array:
        return x**2 * np.cos(np.pi * x)

    def reaction(u: Array) -> Array:
        return rate * (u - u**3)

    def solved(modes: int, steps: int) -> Array:
        every = modes // (columns - 1)
        found = circle(start, reaction, diffusivity, modes, rows, steps)[::every]
        return np.concatenate([found, found[:1]])

    found = solved(modes, steps)
    change = _relative(solved(modes // 2, steps // 2), found)
    x, t = np.linspace(-1, 1, columns), np.linspace(0, 1, rows)
    _write(target, ("x", "t"), (x, t), {"u": found})
    return f"{target}: {found.size:,} points, {change:.0e} from the solution with half the modes and steps"


def circle(
    start: Callable[[Array], Array],
    reaction: Callable[[Array], Array],
    diffusivity: float,
    modes: int,
    rows: int,
    steps: int,
) -> Array:
    """u_t = d u_xx + reaction(u) on a circle -1 <= x < 1 at `rows` times from 0 to 1, by Fourier modes.

    The diffusion is solved exactly, the reaction by exponential Runge-Kutta of fourth order (Cox & Matthews 2002),
    whose coefficients are means over a circle in the complex plane (Kassam & Trefethen 2005).

    Returns
    -------
    Shape (modes, rows).
    """
    x = -1 + 2 * np.arange(modes) / modes
    step = 1 / (rows - 1) / steps
    linear = -diffusivity * (np.pi * np.arange(modes // 2 + 1)) ** 2 * step
    around = linear[:, None] + np.exp(1j * np.pi * (np.arange(1, 33) - 0.5) / 32)
    e, half = np.exp(linear), np.exp(linear / 2)

    def mean(values: Array) -> Array:
        return np.asarray(step * values.mean(axis=1).real)

    z, ez = around, np.exp(around)
    middle = mean((np.exp(z / 2) - 1) / z)
    first = mean((-4 - z + ez * (4 - 3 * z + z**2)) / z**3)
    second = mean((2 + z + ez * (z - 2)) / z**3)
    third = mean((-4 - 3 * z - z**2 + ez * (4 - z)) / z**3)

    def source(spectrum: Array) -> Array:
        return np.fft.rfft(reaction(np.fft.irfft(spectrum, modes)))

    spectrum = np.fft.rfft(start(x))
    found = np.empty((modes, rows))
    found[:, 0] = start(x)
    for row in range(1, rows):
        for _ in range(steps):
            n = source(spectrum)
            a = half * spectrum + middle * n
            na = source(a)
            b = half * spectrum + middle * na
            nb = source(b)
            nc = source(half * a + middle * (2 * nb - n))
            spectrum = e * spectrum + first * n + 2 * second * (na + nb) + third * nc
        found[:, row] = np.fft.irfft(spectrum, modes)
    return found


def _relative(found: Array, reference: Array) -> float:
    return float(np.linalg.norm(found - reference) / np.linalg.norm(reference))


def _write(target: Path, names: tuple[str, ...], axes: tuple[Array, ...], fields: dict[str, Array]) -> None:
    points = [each.ravel() for each in np.meshgrid(*axes, indexing="ij")]
    columns = np.column_stack([*points, *(values.ravel() for values in fields.values())])
    target.parent.mkdir(parents=True, exist_ok=True)
    np.savetxt(target, columns, delimiter=",", header=",".join([*names, *fields]), comments="", fmt="%.10g")
