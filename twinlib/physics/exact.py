"""Fields written so that a condition holds whatever the network gives (Lagaris, Likas & Fotiadis 1998)."""

from collections.abc import Callable
from typing import Any

import sympy

from twinlib.errors import UserError
from twinlib.physics.domain import Domain
from twinlib.physics.geometry import Line
from twinlib.physics.vocabulary import Vocabulary


def dirichlet_form(
    domain: Domain, part: Any, words: Vocabulary, value: sympy.Expr, where: str
) -> Callable[[sympy.Expr], sympy.Expr]:
    """A field with given values at one or both ends of a line.

    With both ends a and b, s = (x - a) / (b - a): value(a) (1 - s) + value(b) s + 4 s (1 - s) N, where 4 s (1 - s)
    is 1 in the middle; with a alone value(a) + s N, with b alone value(b) + (1 - s) N.

    Raises
    ------
    UserError
        The domain is no line.
    """
    if not isinstance(domain.shape, Line):
        raise UserError(f"{where}: is there for lines only; leave it out")
    x = words.names[domain.shape.coordinates[0]]
    a, b = domain.shape.start.expression, domain.shape.end.expression
    at_a, at_b = (part is None or _vanishes(words.equation(part, where), x, end) for end in (a, b))
    s = (x - a) / (b - a)
    values = [value.subs(x, end) for end in (a, b)]

    def form(network: sympy.Expr) -> sympy.Expr:
        if at_a and at_b:
            return values[0] * (1 - s) + values[1] * s + 4 * s * (1 - s) * network
        return values[0] + s * network if at_a else values[1] + (1 - s) * network

    return form


def initial_form(
    time: sympy.Symbol, limits: tuple[float, float], value: sympy.Expr, rate: sympy.Expr | None
) -> Callable[[sympy.Expr], sympy.Expr]:
    """A field with given value, and rate, at the beginning.

    With s = (t - start) / a tenth of the interval: value + s / (1 + s) N; with the rate as well
    value + rate (t - start) / (1 + s^2) + s^2 / (1 + s^2) N. The factors of N go to 1, so that late times do not
    weigh more than early ones.
    """
    start, end = (sympy.Float(limit) if limit != int(limit) else sympy.Integer(int(limit)) for limit in limits)
    s = (time - start) / (end - start) * 10

    def form(network: sympy.Expr) -> sympy.Expr:
        if rate is None:
            return value + s / (1 + s) * network
        return value + rate * (time - start) / (1 + s**2) + s**2 / (1 + s**2) * network

    return form


def _vanishes(difference: sympy.Expr, x: sympy.Symbol, end: sympy.Expr) -> bool:
    return bool(sympy.simplify(difference.subs(x, end)) == 0)
