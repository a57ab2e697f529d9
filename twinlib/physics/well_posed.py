"""Whether equations and conditions can determine a solution, as far as their structure tells.

Each field has to have an equation of its own: a matching between equations and fields. The number of conditions that a
system of ordinary differential equations needs is at most Jacobi's: the largest sum of orders over such matchings. In
the plane and in space the boundary is looked at instead: see `twinlib.physics.covered`.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import sympy

from twinlib.errors import UserError
from twinlib.physics.conditions import Condition
from twinlib.physics.covered import require_covered
from twinlib.physics.domain import Samples
from twinlib.physics.finite import require_numbers
from twinlib.physics.vocabulary import Vocabulary


def require_well_posed(words: Vocabulary, conditions: Sequence[Condition]) -> None:
    """Refuse a problem that cannot have one solution.

    Raises
    ------
    UserError
        A field has no equation, an unknown number nothing that tells it, or conditions at the ends are missing.
    """
    inside = [each for item in conditions if item.inside for each in item.equations]
    observed = {name for item in conditions for name in item.given}
    everything = [each for item in conditions for each in item.residuals]
    for name in words.unknowns:
        if not any(words.names[name] in each.free_symbols for each in everything):
            raise UserError(f"data.unknowns.{name}: stands in no equation")
    if words.unknowns and not observed and not any(item.whole for item in conditions):
        raise UserError(
            f"data.unknowns: nothing tells {', '.join(words.unknowns)}; add a condition of type observations"
        )
    free = [name for name in words.fields if name not in observed]
    for name in free:
        if not any(each.has(words.fields[name]) for each in inside):
            raise UserError(f"data.fields.{name}: is in no equation; add one, observations, or leave the field out")
    lacking = _unmatched(words, inside, free)
    if lacking:
        raise UserError(
            f"data.conditions: {len(free)} fields ({', '.join(free)}) have {len(inside)} equations, which do not "
            f"determine {', '.join(lacking)}; add an equation of type interior, or observations"
        )
    plane = len(words.normals) > 1
    for number, symbol in enumerate(words.symbols):
        if str(symbol) not in words.parameters and not (plane and str(symbol) in words.normals):
            _require_ends(words, conditions, inside, free, number)
    if plane:
        require_covered(words, conditions, inside, free)


def require_defined(words: Vocabulary, conditions: Sequence[Condition], samples: Mapping[str, Samples]) -> None:
    """Refuse conditions at points where a field of theirs does not live, as a network would go on there by itself, or
    where a formula in them, such as 1/x, is no number.

    Raises
    ------
    UserError
        Names the condition, the field and a point.
    """
    for item in conditions:
        if item.name not in samples or item.given:
            continue
        inputs = samples[item.name].inputs
        require_numbers(item.residuals, item.domain.named(inputs), f"data.conditions.{item.name}")
        for name, home in words.homes.items():
            about = any(each.has(words.fields[name]) for each in item.residuals)
            if home.name == item.domain.name or not about:
                continue
            outside = ~home.contains(inputs)
            if outside.any():
                row = inputs[int(np.argmax(outside))]
                place = ", ".join(f"{key} = {value:.4g}" for key, value in zip(words.inputs, row, strict=True))
                raise UserError(
                    f"data.conditions.{item.name}: {name} is in {home.name}, but the condition is in "
                    f"{item.domain.name}, also at {place}"
                )


def _unmatched(words: Vocabulary, inside: Sequence[sympy.Expr], free: Sequence[str]) -> list[str]:
    """Fields that no equation is left for."""
    equation_of: dict[int, str] = {}

    def match(name: str, tried: set[int]) -> bool:
        for number, each in enumerate(inside):
            if number not in tried and each.has(words.fields[name]):
                tried.add(number)
                if number not in equation_of or match(equation_of[number], tried):
                    equation_of[number] = name
                    return True
        return False

    return [name for name in free if not match(name, set())]


def _require_ends(
    words: Vocabulary, conditions: Sequence[Condition], inside: Sequence[sympy.Expr], free: Sequence[str], number: int
) -> None:
    from scipy.optimize import linear_sum_assignment

    symbol = words.symbols[number]
    orders = np.array([[_order(each, words.fields[name], symbol) for name in free] for each in inside], dtype=float)
    if not orders.size:
        return
    impossible = 1e6
    square = len(inside) == len(free)  # with more equations than fields, what the least of them ask for
    costs = np.where(orders < 0, -impossible if square else impossible, orders)
    rows, columns = linear_sum_assignment(costs, maximize=square)
    needed = int(orders[rows, columns].clip(min=0).sum())
    given = sum(item.imposed for item in conditions if item.along == str(symbol))
    if given < needed:
        each = ", ".join(f"{name} {max(orders[:, column]):g}" for column, name in enumerate(free))
        raise UserError(
            f"data.conditions: the equations need {needed} conditions at the ends of {symbol} (order: {each}) and have "
            f"{given}; add values, rates or fluxes there"
        )


def _order(residual: sympy.Expr, field: sympy.Expr, symbol: sympy.Symbol) -> int:
    """Of the highest derivative of a field by a symbol; -1 where the field does not occur."""
    if not residual.has(field):
        return -1
    orders = [
        int(times)
        for each in residual.atoms(sympy.Derivative)
        if each.expr == field
        for variable, times in each.variable_count
        if variable == symbol
    ]
    return max(orders, default=0)
