"""The equations of a condition: one or several, each as text or by name."""

from collections.abc import Mapping
from typing import Any

import sympy
from sympy.core.function import AppliedUndef

from twinlib.errors import UserError
from twinlib.physics.equations.coordinates import Vector
from twinlib.physics.equations.shipped import EQUATIONS, shipped
from twinlib.physics.expressions import Names, expression
from twinlib.physics.vocabulary import Vocabulary


def stated(words: Vocabulary, node: Any, where: str, on_boundary: bool = False) -> tuple[sympy.Expr, ...]:
    """Residuals, left side - right side.

    Parameters
    ----------
    node
        `diff(u, x, 2) = 1`, or `{poisson: {u: u, source: 1}}`, or a list of such.

    Raises
    ------
    UserError
        Nothing is there, or one of them cannot be read.
    """
    if not node:
        raise UserError(f"{where}: is missing")
    found: list[sympy.Expr] = []
    for each in node if isinstance(node, list | tuple) else [node]:
        if is_by_name(each, where):
            found += named(words, each, words.names, where)
        else:
            found.append(words.equation(each, where, on_boundary))
            if not found[-1].has(AppliedUndef):
                raise UserError(f"{where}: {each}: there is no field in it; there are {', '.join(words.fields)}")
    return tuple(found)


def is_by_name(node: Any, where: str) -> bool:
    """Whether it names an equation, with settings, or is text.

    Raises
    ------
    UserError
        It is a name alone.
    """
    if str(node).strip() in EQUATIONS:
        raise UserError(f"{where}.{node}: has no settings; write {{{node}: {{…}}}} with those of docs/equations.md")
    return isinstance(node, Mapping)


def named(words: Vocabulary, node: Mapping[str, Any], names: Names, where: str) -> Vector:
    """The residuals of an equation by name, `{poisson: {u: u, source: 1}}`.

    Parameters
    ----------
    names
        What each name in its settings stands for.

    Raises
    ------
    UserError
        There is no such equation, or a setting is wrong.
    """
    domain = next(iter(words.domains.values()))
    space = [symbol for symbol in words.symbols if str(symbol) in domain.coordinates]
    time = next((symbol for symbol in words.symbols if domain.time and str(symbol) == domain.time[0]), None)
    return shipped(node, lambda text: expression(text, names, where), space, time, where)
