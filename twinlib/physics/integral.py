"""Integrals over a domain, over its boundary or a part of it, and over cuts: the flux through a line, say."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import sympy

from twinlib.errors import UserError
from twinlib.physics.compiled import arguments
from twinlib.physics.condition import Condition, listed, whole_number
from twinlib.physics.domain import Domain, Pick, Samples
from twinlib.physics.equations.coordinates import Vector
from twinlib.physics.equations.stated import is_by_name, named
from twinlib.physics.expressions import Names, expression, two_sides
from twinlib.physics.geometry import Array, Face, Formula, Values, contains, size
from twinlib.physics.quadrature import over_part
from twinlib.physics.sampling import Draw
from twinlib.physics.vocabulary import Vocabulary, known

# Beside the integral stands a number: in the mean over a line it is divided by its length.
_SHARE = sympy.Symbol("share__", real=True)
_STEP = 1e-6  # of the size of a shape: how far from a face it is looked what lies on either side
_NOTHING = "nothing of {domain} is there"


@dataclass(frozen=True)
class Cut:
    """Where a coordinate has a value: drawn between two limits, or a formula of time and parameters."""

    coordinate: str
    column: int
    name: str | None
    limits: tuple[float, float] | None
    place: Formula | None


def integral(words: Vocabulary, name: str, node: Mapping[str, Any]) -> Condition:
    """`{type: integral, over: x = c, at: {c: [-2, 2]}, equation: u = 1, lines: 16, points: 64}`.

    Left of = stands what is integrated, right of it what this is, where unknown numbers may stand. Of an equation by
    name, `{poisson: {u: u, source: 1}}`, the integral of left side - right side is 0. `over` is domain (if left out),
    boundary, with `where` a part of it, or a cut: a line in the plane, in space a plane. It holds for `lines` values of
    c, of time and of the parameters.
    """
    where = f"data.conditions.{name}"
    known(node, ("type", "in", "over", "at", "where", "equation", "lines", "points"), where)
    domain = words.domain(node, where)
    if domain.shape is None:
        raise UserError(f"{where}: {domain.name} is no part of space to integrate over")
    over = str(node.get("over", "domain"))
    cut = _cut(words, domain, over, node, where) if "=" in over else None
    if cut is None and over not in ("domain", "boundary"):
        raise UserError(f"{where}.over: is {over}; give domain, boundary or a cut, as x = 1")
    if "where" in node and over != "boundary":
        raise UserError(f"{where}.where: picks a part of a boundary; add over: boundary")
    if "at" in node and (cut is None or cut.name is None):
        raise UserError(f"{where}.at: names what stands in over, as over: x = c, at: {{c: [0, 1]}}")
    free = bool(domain.time or domain.parameters or (cut and cut.limits))
    lines = whole_number(node, "lines", where, 16 if free else 1) if free else 1
    count = whole_number(node, "points", where, 64)
    residuals = tuple(
        residual
        for each in listed(node, "equation", where)
        for residual in _read(words, each, cut, over, f"{where}.equation")
    )
    if over == "boundary":
        pick = words.pick(node["where"], f"{where}.where") if "where" in node else None
        rule = _faces_rule(domain, pick, count)
    else:
        rule = _space_rule(domain, cut, count)

    def draw(draw: Draw, split: str) -> Samples:
        return _blocks(domain, cut, rule, lines, draw, where)

    rng = np.random.default_rng(0)
    trial = _blocks(domain, cut, rule, min(lines, 4), lambda many: rng.random((many, len(domain.inputs))), where)
    typical = float(np.median(trial.extra[str(_SHARE)]))
    return Condition(name, domain, residuals, draw, whole=True, extra={_SHARE: typical}, times=bool(cut and cut.place))


def _cut(words: Vocabulary, domain: Domain, over: str, node: Mapping[str, Any], where: str) -> Cut:
    left, _, right = (each.strip() for each in over.partition("="))
    if left not in domain.coordinates:
        raise UserError(f"{where}.over: {over}: {left} is no coordinate; there are {', '.join(domain.coordinates)}")
    column, at = domain.coordinates.index(left), node.get("at") or {}
    if not isinstance(at, Mapping):
        raise UserError(f"{where}.at: give a new name and its limits, as {{c: [0, 1]}}")
    if right not in at:
        return Cut(left, column, None, None, words.formula(right, f"{where}.over"))
    limits = at[right]
    if not isinstance(limits, list | tuple) or len(limits) != 2 or not right.isidentifier() or right in words.names:
        raise UserError(f"{where}.at: give a new name and its limits, as {{c: [0, 1]}}")
    ends = [words.formula(each, f"{where}.at.{right}").expression for each in limits]
    if not all(each.is_number for each in ends) or not ends[0] < ends[1]:
        raise UserError(f"{where}.at.{right}: give two numbers, the smaller one first, as [0, 1]")
    low, high = map(float, ends)
    return Cut(left, column, right, (low, high), None)


def _read(words: Vocabulary, node: Any, cut: Cut | None, over: str, where: str) -> Vector:
    names: Names = {**words.names, **({cut.name: words.names[cut.coordinate]} if cut and cut.name else {})}
    if is_by_name(node, where):
        return named(words, node, names, where)
    sides = two_sides(node, where)
    left = expression(sides[0], names, where, words.normals if over == "boundary" else None)
    right = expression(sides[1], names, where)
    domain = next(iter(words.domains.values()))
    inner = {words.names[each] for each in domain.coordinates if cut is None or each != cut.coordinate}
    for each in arguments([right]):
        if each in inner or (each not in words.symbols and str(each) not in words.unknowns):
            raise UserError(f"{where}: {node}: {each} cannot stand to the right of =, where the integral's value is")
    return (left - right * _SHARE,)


Rule = Callable[[Array], tuple[Array, Array]]  # one row of inputs -> points, shape (q, coordinates), and weights (q,)


def _space_rule(domain: Domain, cut: Cut | None, count: int) -> Rule:
    shape = domain.shape
    assert shape is not None
    inner = [column for column in range(len(domain.coordinates)) if cut is None or column != cut.column]

    def rule(row: Array) -> tuple[Array, Array]:
        lower, upper = (each[0] for each in shape.box(domain.named(row[None])))
        sides = (upper - lower)[inner]

        def placed(unit: Array) -> Array:
            points = np.tile(row[: len(domain.coordinates)], (len(unit), 1))
            points[:, inner] = lower[inner] + unit * sides
            return points

        def inside(unit: Array) -> Array:
            return contains(shape, _with(domain, placed(unit), row))

        unit, weights = over_part(inside, len(inner), count)
        return placed(unit), weights * float(np.prod(sides))

    return rule


def _faces_rule(domain: Domain, pick: Pick | None, count: int) -> Rule:
    shape = domain.shape
    assert shape is not None
    # Whoever names a part may mean the open end of a channel.
    faces = [face for face in shape.faces() if pick or not face.open]

    def one(face: Face, row: Array) -> tuple[Array, Array]:
        parameters = {name: value for name, value in domain.named(row[None]).items() if name in domain.parameters}
        step = _STEP * size(shape, parameters)

        def placed(unit: Array) -> tuple[Array, Array]:
            return face.place(unit, {name: np.repeat(value, len(unit)) for name, value in parameters.items()})

        def there(unit: Array) -> Array:
            points, normals = placed(unit)
            named = _with(domain, points, row)
            found = np.broadcast_to(face.own(named), len(unit)) & (pick(named) if pick else True)
            found = found & (shape.distance(_with(domain, points - step * normals, row)) > 0)
            return found & (shape.distance(_with(domain, points + step * normals, row)) < 0)

        unit, weights = over_part(there, len(domain.coordinates) - 1, count)
        points, normals = placed(unit)
        return np.hstack([points, normals]), weights * float(face.measure(parameters)[0])

    def rule(row: Array) -> tuple[Array, Array]:
        found = [one(face, row) for face in faces]
        return np.concatenate([points for points, _ in found]), np.concatenate([weights for _, weights in found])

    return rule


def _blocks(domain: Domain, cut: Cut | None, rule: Rule, lines: int, draw: Draw, where: str) -> Samples:
    """A block of points for each of some values of time, parameters and the cut's place."""
    rows = domain.interior(lines, draw).inputs.copy()
    if cut is not None:
        if cut.limits is not None:
            low, high = cut.limits
            rows[:, cut.column] = low + draw(lines)[:, cut.column] * (high - low)
        elif cut.place is not None:
            rows[:, cut.column] = cut.place(domain.named(rows))
    found = [rule(row) for row in rows]
    weights = np.stack([each for _, each in found])
    measures = weights.sum(axis=1)
    if not (measures > 0).all():
        row = rows[int(np.argmin(measures))]
        shown = f" at {cut.coordinate} = {row[cut.column]:.4g}" if cut else ""
        raise UserError(f"{where}: {_NOTHING.format(domain=domain.name)}{shown} to integrate over")
    space, count = len(domain.coordinates), weights.shape[1]
    places = np.concatenate([points for points, _ in found])
    inputs = np.repeat(rows, count, axis=0)
    inputs[:, :space] = places[:, :space]
    normals = places[:, space:] if places.shape[1] > space else None
    share = np.repeat(1 / measures, count)
    return Samples(inputs, normals, weights=weights / measures[:, None], extra={str(_SHARE): share})


def _with(domain: Domain, points: Array, row: Array) -> Values:
    """Points of space at the time, and for the parameters, of a row of inputs."""
    rest = np.tile(row[len(domain.coordinates) :], (len(points), 1))
    return domain.named(np.hstack([points, rest]))
