"""What travels: waves of sound and strings, and of light at one frequency."""

import sympy

from twinlib.physics.equations.coordinates import Complex, Coordinates, Vector

ZERO, ONE = sympy.Integer(0), sympy.Integer(1)


def wave(at: Coordinates, u: sympy.Expr, speed: sympy.Expr, source: sympy.Expr = ZERO) -> Vector:
    """u_tt = div(speed^2 grad u) + source."""
    return (at.rate(u, 2) - at.spread(speed**2, u) - source,)


def maxwell_2d(
    at: Coordinates,
    field: Complex,
    wavenumber: sympy.Expr,
    permittivity: Complex = (ONE, ZERO),
    permeability: sympy.Expr = ONE,
    source: Complex = (ZERO, ZERO),
) -> Vector:
    """div(grad E / permeability) + wavenumber^2 permittivity E = source, E the complex electric field across the plane.

    Maxwell's equations at one angular frequency w, E(x, y) e^(-iwt), for a field in the direction that nothing depends
    on (transverse magnetic). `wavenumber` is w / c in vacuum, permittivity and permeability are relative; an
    imaginary part greater than 0 absorbs. With permittivity and permeability exchanged, both real, the same is the
    equation of the magnetic field across the plane (transverse electric).
    """
    real, imaginary = field
    stored, lost = permittivity
    square = wavenumber**2
    return (
        at.spread(1 / permeability, real) + square * (stored * real - lost * imaginary) - source[0],
        at.spread(1 / permeability, imaginary) + square * (stored * imaginary + lost * real) - source[1],
    )
