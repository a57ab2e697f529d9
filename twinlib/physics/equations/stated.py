"""The equations of a condition: one or several, each as text or by name."""

from collections.abc import Mapping
from typing import Any

import sympy
from sympy.core.function import AppliedUndef

from twinlib.errors import UserError
from twinlib.physics.equations.shipped import EQUATIONS, shipped
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
    domain = next(iter(words.domains.values()))
    space = [words.names[name] for name in domain.coordinates]
    time = words.names[domain.time[0]] if domain.time else None
    found: list[sympy.Expr] = []
    for each in node if isinstance(node, list | tuple) else [node]:
        if isinstance(each, Mapping):
            found += shipped(each, lambda text: words.expression(text, where), space, time, where)  # type: ignore[arg-type]
        elif str(each).strip() in EQUATIONS:
            raise UserError(f"{where}.{each}: has no settings; write {{{each}: {{…}}}} with those of docs/equations.md")
        else:
            found.append(words.equation(each, where, on_boundary))
            if not found[-1].has(AppliedUndef):
                raise UserError(f"{where}: {each}: there is no field in it; there are {', '.join(words.fields)}")
    return tuple(found)
