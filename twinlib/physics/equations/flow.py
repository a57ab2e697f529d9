"""Incompressible flow, and the heat that it carries."""

import sympy

from twinlib.physics.equations.coordinates import Coordinates, Vector
from twinlib.physics.equations.diffusion import advection_diffusion

ZERO, ONE = sympy.Integer(0), sympy.Integer(1)


def burgers(at: Coordinates, velocity: Vector, nu: sympy.Expr) -> Vector:
    """u_t + u . grad u = nu div grad u, for each component of the velocity u (Burgers 1948)."""
    return tuple(at.rate(u) + at.carried(velocity, u) - nu * at.spread(ONE, u) for u in velocity)


def navier_stokes(
    at: Coordinates,
    velocity: Vector,
    pressure: sympy.Expr,
    nu: sympy.Expr,
    rho: sympy.Expr = ONE,
    force: Vector = (),
) -> Vector:
    """u_t + u . grad u = -grad p / rho + div(nu (grad u + grad u^T)) + force and div u = 0; steady without time.

    In two or three dimensions, with kinematic viscosity `nu` and force by mass. Since div u = 0, of the viscous term
    nu div grad u is left where nu is the same everywhere.
    """
    momentum = []
    for u, x, push in zip(velocity, at.space, at.or_zero(force), strict=True):
        strain = [u.diff(y) + other.diff(x) for y, other in zip(at.space, velocity, strict=True)]
        viscous = nu * at.spread(ONE, u) + sympy.Add(*(nu.diff(y) * s for y, s in zip(at.space, strain, strict=True)))
        momentum.append(at.rate_if_any(u) + at.carried(velocity, u) + pressure.diff(x) / rho - viscous - push)
    return (*momentum, at.divergence(velocity))


def navier_stokes_heat(
    at: Coordinates,
    velocity: Vector,
    pressure: sympy.Expr,
    temperature: sympy.Expr,
    nu: sympy.Expr,
    diffusivity: sympy.Expr,
    rho: sympy.Expr = ONE,
    expansion: sympy.Expr = ZERO,
    gravity: Vector = (),
    still: sympy.Expr = ZERO,
    source: sympy.Expr = ZERO,
) -> Vector:
    """A flow and its temperature, coupled both ways (Boussinesq 1903).

    The flow carries the heat; where the temperature is not `still`, it is lifted by -expansion (T - still) gravity.
    Pressure is what remains beside the hydrostatic one; `source` is of temperature by time.
    """
    lift = tuple(-expansion * (temperature - still) * g for g in at.or_zero(gravity))
    flow = navier_stokes(at, velocity, pressure, nu, rho, lift)
    return (*flow, *advection_diffusion(at, temperature, velocity, diffusivity, source))
