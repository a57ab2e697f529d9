"""Whether what stands in a problem is a number where it is needed: 1/x at x = 0 is none."""

from collections.abc import Sequence

import numpy as np
import sympy

from twinlib.errors import UserError
from twinlib.physics.geometry import Array, Formula, Values


def require_numbers(expressions: Sequence[sympy.Expr], points: Values, where: str) -> None:
    """Refuse expressions in which something that needs no field, 1/x in `diff(u, x)/x` say, is no number at a point.

    Raises
    ------
    UserError
        Names it and the place.
    """
    symbols = {sympy.Symbol(name, real=True) for name in points}
    for part in dict.fromkeys(part for each in expressions for part in _of_inputs(each, symbols)):
        with np.errstate(all="ignore"):
            found = Formula(part)(points)
        require_finite(found, points, f"{where}: {part}")


def require_finite(values: Array, points: Values, what: str, among: Array | None = None) -> None:
    """Refuse values at points that are not finite; `among` are the points, bool of shape (n,), that count.

    Raises
    ------
    UserError
        `what`, and the place.
    """
    count = len(next(iter(points.values())))
    wrong = ~np.isfinite(np.broadcast_to(values, count))
    if among is not None:
        wrong &= among
    if wrong.any():
        row = int(np.argmax(wrong))
        place = ", ".join(f"{name} = {column[row]:.4g}" for name, column in points.items())
        raise UserError(
            f"{what} is no finite number at {place}; write it so that it has a value there, or leave this out"
        )


def _of_inputs(node: sympy.Expr, symbols: set[sympy.Symbol]) -> list[sympy.Expr]:
    """The largest parts that are made of inputs alone."""
    if not node.args or isinstance(node, sympy.Derivative | sympy.core.function.AppliedUndef):
        return []
    if node.free_symbols and node.free_symbols <= symbols and not node.has(sympy.core.function.AppliedUndef):
        return [node.as_coeff_Mul()[1]]  # as it was written, not with the sign of the other side
    return [part for each in node.args for part in _of_inputs(each, symbols)]
