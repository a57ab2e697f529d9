"""Whether something is said on the whole boundary about what needs it, in the plane and in space.

An equation of second order needs a condition all along the boundary. A system may leave one of its fields free there,
as flows do at their outlet; so one condition on any field that an equation of the system ties to it will do.
"""

from collections.abc import Sequence

import numpy as np
import sympy

from twinlib.errors import UserError
from twinlib.physics.condition import Condition
from twinlib.physics.domain import Domain
from twinlib.physics.geometry import Array, Values, touches
from twinlib.physics.vocabulary import Vocabulary

_LOOKS = 512  # points of a boundary


def require_covered(
    words: Vocabulary, conditions: Sequence[Condition], inside: Sequence[sympy.Expr], free: Sequence[str]
) -> None:
    """Refuse a problem in which a part of a boundary has no condition.

    Parameters
    ----------
    inside
        The equations.
    free
        The fields that were not measured.

    Raises
    ------
    UserError
        Names a field and a place.
    """
    looked: dict[str, Array] = {}
    for name in free:
        home = words.homes[name]
        if not any(_in_space(each, words.fields[name], words) >= 2 for each in inside):
            continue
        if home.name not in looked:
            looked[home.name] = _around(home)
        points = looked[home.name]
        tied = _tied(words, inside, name)
        bare = ~np.logical_or.reduce([_covered(item, home, points, tied, words) for item in conditions])
        if bare.any():
            row = points[np.argmax(bare)]
            place = ", ".join(f"{key} = {value:.3g}" for key, value in zip(home.coordinates, row, strict=False))
            raise UserError(
                f"data.conditions: nothing is said about {name} on the boundary of {home.name} at {place}; add a "
                f"condition of type dirichlet, neumann or robin there"
            )


def _around(home: Domain) -> Array:
    rng = np.random.default_rng(0)
    return home.boundary(_LOOKS, lambda count: rng.random((count, len(home.inputs))), home.name, _all).inputs


def _all(points: Values) -> Array:
    return np.array(True)  # open ends of channels too


def _covered(item: Condition, home: Domain, points: Array, tied: Sequence[str], words: Vocabulary) -> Array:
    nothing = np.zeros(len(points), dtype=bool)
    about = item.periodic or any(
        each.has(words.fields[name]) for each in (*item.residuals, *item.held) for name in tied
    )
    if item.covers is None or not about:
        return nothing
    named = home.named(points)
    found = nothing | item.covers(named)
    if item.domain.name != home.name and item.domain.shape is not None:
        found &= touches(item.domain.shape, named, 1e-6)
    return found


def _tied(words: Vocabulary, inside: Sequence[sympy.Expr], name: str) -> list[str]:
    """The fields that stand in the same equations, and in those of these."""
    tied, more = {name}, True
    while more:
        together = [{other for other in words.fields if each.has(words.fields[other])} for each in inside]
        wider = tied.union(*(each for each in together if each & tied))
        tied, more = wider, wider != tied
    return [each for each in words.fields if each in tied and words.homes[each].name == words.homes[name].name]


def _in_space(residual: sympy.Expr, field: sympy.Expr, words: Vocabulary) -> int:
    """How often a field is derived by coordinates, at most."""
    return max(
        (
            sum(int(times) for symbol, times in each.variable_count if str(symbol) in words.normals)
            for each in residual.atoms(sympy.Derivative)
            if each.expr == field
        ),
        default=0,
    )
