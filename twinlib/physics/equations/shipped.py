"""Equations that a problem names instead of writing them: `{navier_stokes: {velocity: [u, v], pressure: p, nu: 0.02}}`.

The keys are the arguments of a function below; each value is an expression of the problem's names, or a list of such.
"""

from collections.abc import Callable, Mapping, Sequence
from inspect import Parameter, signature
from typing import Any

import sympy

from twinlib.config.mistakes import nearest
from twinlib.errors import UserError
from twinlib.physics.equations.coordinates import Complex, Coordinates, Vector
from twinlib.physics.equations.diffusion import advection_diffusion, allen_cahn, diffusion, helmholtz, poisson
from twinlib.physics.equations.elasticity import linear_elasticity, plane_stress
from twinlib.physics.equations.flow import burgers, navier_stokes, navier_stokes_heat
from twinlib.physics.equations.waves import maxwell_2d, wave
from twinlib.physics.expressions import is_finite

EQUATIONS: dict[str, Callable[..., Vector]] = {
    function.__name__: function
    for function in (
        poisson,
        helmholtz,
        diffusion,
        advection_diffusion,
        allen_cahn,
        wave,
        burgers,
        navier_stokes,
        navier_stokes_heat,
        linear_elasticity,
        plane_stress,
        maxwell_2d,
    )
}
FLAT = ("plane_stress", "maxwell_2d")  # in two dimensions only

Read = Callable[[Any], sympy.Expr]


def shipped(
    node: Mapping[str, Any], read: Read, space: Sequence[sympy.Symbol], time: sympy.Symbol | None, where: str
) -> Vector:
    """The residuals of an equation by name.

    Parameters
    ----------
    node
        One name with its settings.
    read
        Makes an expression out of a text or number.
    space, time
        The coordinates of the problem; None where nothing changes.
    where
        The key of the config, for messages.

    Raises
    ------
    UserError
        No such equation, a setting that it does not have or that is missing, or too few components.
    """
    if len(node) != 1:
        raise UserError(f"{where}: name one equation with its settings, as {{poisson: {{u: u, source: 1}}}}")
    ((name, settings),) = node.items()
    if name not in EQUATIONS:
        raise UserError(f"{where}: no equation {name}{nearest(str(name), EQUATIONS)}")
    where = f"{where}.{name}"
    if not space or (name in FLAT and len(space) != 2):
        raise UserError(
            f"{where}: is an equation in {'two dimensions' if name in FLAT else 'space'}; the problem is not"
        )
    wanted = {key: each for key, each in signature(EQUATIONS[name]).parameters.items() if key != "at"}
    if not isinstance(settings, Mapping):
        raise UserError(f"{where}: is {settings!r}; it has the keys {', '.join(wanted)}")
    for key in settings:
        if key not in wanted:
            raise UserError(f"{where}.{key}: no such key{nearest(str(key), wanted)}")
    for key, each in wanted.items():
        if each.default is Parameter.empty and key not in settings:
            raise UserError(f"{where}.{key}: is missing; it has the keys {', '.join(wanted)}")
    values = {
        key: _value(wanted[key].annotation, value, read, len(space), f"{where}.{key}")
        for key, value in settings.items()
    }
    found = EQUATIONS[name](Coordinates(tuple(space), time, where), **values)
    if not all(map(is_finite, found)):
        raise UserError(f"{where}: its settings make a division by zero, as poisson: 0.5 does in linear_elasticity")
    return found


def _value(kind: object, value: Any, read: Read, dimensions: int, where: str) -> sympy.Expr | Vector:
    if kind not in (Vector, Complex):
        return read(value)
    size, of = (dimensions, "one for each coordinate") if kind == Vector else (2, "real and imaginary part")
    if not isinstance(value, list | tuple):
        value = [value]  # a velocity in one dimension
    if len(value) != size:
        raise UserError(f"{where}: has {len(value)} components; give {size}, {of}")
    return tuple(read(each) for each in value)
