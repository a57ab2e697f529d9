"""What spreads, is carried along, or reacts."""

import sympy

from twinlib.physics.equations.coordinates import Coordinates, Vector

ZERO, ONE = sympy.Integer(0), sympy.Integer(1)


def poisson(at: Coordinates, u: sympy.Expr, source: sympy.Expr, conductivity: sympy.Expr = ONE) -> Vector:
    """-div(conductivity grad u) = source."""
    return (-at.spread(conductivity, u) - source,)


def helmholtz(at: Coordinates, u: sympy.Expr, wavenumber: sympy.Expr, source: sympy.Expr = ZERO) -> Vector:
    """div grad u + wavenumber^2 u = source."""
    return (at.spread(ONE, u) + wavenumber**2 * u - source,)


def diffusion(at: Coordinates, u: sympy.Expr, diffusivity: sympy.Expr, source: sympy.Expr = ZERO) -> Vector:
    """u_t = div(diffusivity grad u) + source."""
    return (at.rate(u) - at.spread(diffusivity, u) - source,)


def advection_diffusion(
    at: Coordinates, u: sympy.Expr, velocity: Vector, diffusivity: sympy.Expr, source: sympy.Expr = ZERO
) -> Vector:
    """u_t + velocity . grad u = div(diffusivity grad u) + source; steady in a problem without time."""
    return (at.rate_if_any(u) + at.carried(velocity, u) - at.spread(diffusivity, u) - source,)


def allen_cahn(at: Coordinates, u: sympy.Expr, diffusivity: sympy.Expr, rate: sympy.Expr = ONE) -> Vector:
    """u_t = div(diffusivity grad u) + rate (u - u^3): two phases, u = -1 and u = 1 (Allen & Cahn 1979)."""
    return (at.rate(u) - at.spread(diffusivity, u) - rate * (u - u**3),)
