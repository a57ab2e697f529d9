"""Which points are meant: `where: x = 1`, `where: y < 0.5 and x > 0`, `where: on chip`."""

import re
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from twinlib.config.mistakes import nearest
from twinlib.errors import UserError
from twinlib.physics.geometry import Array, Formula, Shape, Values, touches

Pick = Callable[[Values], Array]  # which of some points are wanted, shape (n,)
_TOLERANCE = 1e-6  # of the size of the box
_RELATION = re.compile(r"(<=|>=|<|>|=)")


def part(text: Any, formula: Callable[[str], Formula], shapes: Mapping[str, Shape], size: float, where: str) -> Pick:
    """The points that satisfy everything which is joined by `and`.

    `on NAME` is the boundary of a shape; the others are relations, as `x = 1` or `0 < x <= l`, in which equal is up to
    a millionth of the size of the box.

    Parameters
    ----------
    formula
        Reads what may stand in a relation.
    size
        Of the box.

    Raises
    ------
    UserError
        No such shape, or no relation.
    """
    if not isinstance(text, str) or re.search(r"\bor\b|==|!=", text):
        raise UserError(f"{where}: {text}: join relations of = < > by `and`; what `or` would join are two conditions")
    picks = [_one(each, formula, shapes, size, where) for each in re.split(r"\band\b", text)]
    return lambda points: np.logical_and.reduce([pick(points) for pick in picks])


def _one(text: str, formula: Callable[[str], Formula], shapes: Mapping[str, Shape], size: float, where: str) -> Pick:
    if found := re.fullmatch(r"\s*on\s+(\S+)\s*", text):
        name = found[1]
        if name not in shapes:
            raise UserError(f"{where}: no geometry {name}{nearest(name, shapes)}")
        return lambda points: touches(shapes[name], points, _TOLERANCE)
    sides = _RELATION.split(text)
    if text.strip() in shapes:
        raise UserError(f"{where}: {text.strip()}: the boundary of a shape is `on {text.strip()}`")
    if len(sides) < 3:
        raise UserError(f"{where}: {text.strip()}: an equation has one =; say which points, as x = 1, x < 1 or on NAME")
    formulas = [formula(side) for side in sides[::2]]
    equal = _TOLERANCE * size

    def holds(points: Values) -> Array:
        values = [each(points) for each in formulas]
        steps = zip(sides[1::2], values[:-1], values[1:], strict=True)
        return np.logical_and.reduce([_related(relation, right - left, equal) for relation, left, right in steps])

    return holds


def _related(relation: str, more: Array, equal: float) -> Array:
    """Whether left `relation` right, by how much right is more."""
    match relation:
        case "=":
            return np.abs(more) <= equal
        case "<":
            return more > equal
        case "<=":
            return more >= -equal
        case ">":
            return more < -equal
    return more <= equal
