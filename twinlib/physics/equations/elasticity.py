"""Small deformations of elastic bodies at rest."""

import sympy

from twinlib.physics.equations.coordinates import Coordinates, Vector


def linear_elasticity(
    at: Coordinates, displacement: Vector, young: sympy.Expr, poisson: sympy.Expr, force: Vector = ()
) -> Vector:
    """-div stress = force, stress = lambda div u + mu (grad u + grad u^T).

    In three dimensions; in two the state of plane strain. With Young's modulus, Poisson's ratio and force by volume.
    """
    stiffness = young * poisson / ((1 + poisson) * (1 - 2 * poisson))
    return _balance(at, displacement, stiffness, young / (2 * (1 + poisson)), force)


def plane_stress(
    at: Coordinates, displacement: Vector, young: sympy.Expr, poisson: sympy.Expr, force: Vector = ()
) -> Vector:
    """-div stress = force in a thin plate that is free across its plane, in two dimensions.

    As `linear_elasticity` with lambda = young poisson / (1 - poisson^2), so that the stress across the plane vanishes.
    """
    return _balance(at, displacement, young * poisson / (1 - poisson**2), young / (2 * (1 + poisson)), force)


def _balance(at: Coordinates, displacement: Vector, stiffness: sympy.Expr, shear: sympy.Expr, force: Vector) -> Vector:
    swelling = stiffness * at.divergence(displacement)
    rows = []
    for row, (u, x, push) in enumerate(zip(displacement, at.space, at.or_zero(force), strict=True)):
        stress = [shear * (u.diff(y) + other.diff(x)) for y, other in zip(at.space, displacement, strict=True)]
        stress[row] += swelling
        rows.append(-at.divergence(stress) - push)
    return tuple(rows)
