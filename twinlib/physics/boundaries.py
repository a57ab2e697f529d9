"""Conditions on the boundary of a domain, or a part of it, and where two domains meet."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import sympy

from twinlib.errors import UserError
from twinlib.physics.condition import Condition, field_values, is_exact, point_count, point_weight
from twinlib.physics.domain import Samples
from twinlib.physics.equations.stated import stated
from twinlib.physics.exact import sides_of
from twinlib.physics.geometry import Array, Values
from twinlib.physics.sampling import Draw
from twinlib.physics.vocabulary import Vocabulary, known


def dirichlet(words: Vocabulary, name: str, node: Mapping[str, Any]) -> Condition:
    """Values: `{type: dirichlet, where: x = 0, values: {u: 0}}`; with `exact: true` the field is written so that it has
    them, with `exact: "1 - x**2 - y**2"`, a formula that vanishes there and nowhere inside, on any boundary."""
    where = f"data.conditions.{name}"
    known(node, ("type", "in", "where", "values", "points", "exact", "weight"), where)
    values = field_values(words, node, "values", where)
    residuals = tuple(words.fields[each] - value for each, value in values.items())
    bare = _on_boundary(words, name, node, residuals)
    if not is_exact(node, where):
        return bare
    sides = {
        each: sides_of(words, bare.domain, bare.covers, value, node["exact"], f"{where}.exact")
        for each, value in values.items()
    }
    return replace(bare, residuals=(), sides=sides, held=residuals)


def neumann(words: Vocabulary, name: str, node: Mapping[str, Any]) -> Condition:
    """Derivatives along the outward normal: `{type: neumann, where: x = 1, values: {u: 2}}`."""
    where = f"data.conditions.{name}"
    known(node, ("type", "in", "where", "values", "points", "weight"), where)
    values = field_values(words, node, "values", where)
    equations = [words.equation(f"normal({each}) = 0", where, True) - value for each, value in values.items()]
    return _on_boundary(words, name, node, tuple(equations))


def robin(words: Vocabulary, name: str, node: Mapping[str, Any]) -> Condition:
    """Any equations: `{type: robin, where: x = 1, equation: "normal(T) + h*T = 0"}`."""
    where = f"data.conditions.{name}"
    known(node, ("type", "in", "where", "equation", "points", "weight"), where)
    return _on_boundary(words, name, node, stated(words, node.get("equation"), f"{where}.equation", True))


def interface(words: Vocabulary, name: str, node: Mapping[str, Any]) -> Condition:
    """What is equal on both sides: `{type: interface, in: left, where: x = 1, value: [U1, U2], flux: [a, b]}`."""
    where = f"data.conditions.{name}"
    known(node, ("type", "in", "where", "value", "flux", "points", "weight"), where)
    residuals = []
    for key in ("value", "flux"):
        if key in node:
            pair = node[key]
            if not isinstance(pair, list | tuple) or len(pair) != 2:
                raise UserError(f"{where}.{key}: give the two sides, as [U1, U2]")
            residuals.append(words.equation(f"{pair[0]} = {pair[1]}", f"{where}.{key}", True))
    if not residuals:
        raise UserError(f"{where}: give the value, the flux or both")
    return _on_boundary(words, name, node, tuple(residuals))


def _on_boundary(words: Vocabulary, name: str, node: Mapping[str, Any], residuals: tuple[sympy.Expr, ...]) -> Condition:
    where = f"data.conditions.{name}"
    domain, count = words.domain(node, where), point_count(node, where, default=64)
    pick = words.pick(node["where"], f"{where}.where") if "where" in node else None

    def draw(draw: Draw, split: str) -> Samples:
        return domain.boundary(count, draw, where, pick)

    # Counted on points that do not depend on the seed: the two ends of a line, or one of them.
    rng = np.random.default_rng(0)
    found = domain.boundary(64, lambda size: rng.random((size, max(len(domain.inputs), 1))), where, pick)
    ends = len(np.unique(np.asarray(found.normals), axis=0)) if len(domain.coordinates) == 1 else 1
    return Condition(
        name,
        domain,
        residuals,
        draw,
        domain.coordinates[0],
        ends * len(residuals),
        weight=point_weight(words, domain, node, where),
        covers=pick or _everywhere,
    )


def _everywhere(points: Values) -> Array:
    return np.ones(len(next(iter(points.values()))), dtype=bool)
