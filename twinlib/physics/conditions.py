"""What a solution has to satisfy, by name: where points are drawn and which residuals vanish there.

A kind of condition is a function of a node of `data.conditions` and is entered in `KINDS`.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import sympy

from twinlib.config.mistakes import nearest
from twinlib.errors import UserError
from twinlib.physics.domain import Domain, Samples
from twinlib.physics.exact import dirichlet_form, initial_form
from twinlib.physics.geometry import Formula
from twinlib.physics.sampling import Draw
from twinlib.physics.table import read_table
from twinlib.physics.vocabulary import Vocabulary, known

Form = Callable[[sympy.Expr], sympy.Expr]  # from the network's function to the field
KINDS_OF_DATA = ("real", "synthetic")
HELD_OUT = 10  # of measured rows, every tenth is for validation


@dataclass(frozen=True)
class Condition:
    """One condition.

    Attributes
    ----------
    residuals
        Each has to vanish at each point.
    draw
        (sampler, split) -> points.
    along
        The coordinate, or time, at whose ends it is imposed; None for one that holds inside.
    imposed
        How many numbers it fixes at these ends: residuals times ends.
    forms
        By field, how it is written so that the condition holds exactly; such a condition has no residuals left.
    given
        Measured fields, and the symbols that their values have in `residuals`.
    kind
        Of what is measured: real or synthetic.
    """

    name: str
    domain: Domain
    residuals: tuple[sympy.Expr, ...]
    draw: Callable[[Draw, str], Samples]
    along: str | None = None
    imposed: int = 0
    forms: Mapping[str, Form] = field(default_factory=dict)
    given: Mapping[str, sympy.Symbol] = field(default_factory=dict)
    kind: str = "no"


def interior(words: Vocabulary, name: str, node: Mapping[str, Any]) -> Condition:
    """Equations that hold inside: `{type: interior, equation: "diff(u, x, 2) = 1", points: 64}`."""
    where = f"data.conditions.{name}"
    known(node, ("type", "in", "equation", "points"), where)
    domain, count = words.domain(node, where), _points(node, where)
    residuals = tuple(words.equation(text, f"{where}.equation") for text in _texts(node, "equation", where))
    return Condition(name, domain, residuals, lambda draw, split: domain.interior(count, draw))


def dirichlet(words: Vocabulary, name: str, node: Mapping[str, Any]) -> Condition:
    """Values on the boundary or a part of it: `{type: dirichlet, where: x = 0, values: {u: 0}}`; with `exact: true`
    the field is written so that it has them."""
    where = f"data.conditions.{name}"
    known(node, ("type", "in", "where", "values", "points", "exact"), where)
    values = _values(words, node, "values", where)
    residuals = tuple(words.fields[each] - value for each, value in values.items())
    if not node.get("exact", False):
        return _on_boundary(words, name, node, residuals)
    bare = _on_boundary(words, name, node, residuals)
    forms = {
        each: dirichlet_form(bare.domain, node.get("where"), words, value, f"{where}.exact")
        for each, value in values.items()
    }
    return Condition(name, bare.domain, (), bare.draw, bare.along, bare.imposed, forms)


def neumann(words: Vocabulary, name: str, node: Mapping[str, Any]) -> Condition:
    """Derivatives along the outward normal: `{type: neumann, where: x = 1, values: {u: 2}}`."""
    where = f"data.conditions.{name}"
    known(node, ("type", "in", "where", "values", "points"), where)
    values = _values(words, node, "values", where)
    equations = [words.equation(f"normal({each}) = 0", where, True) - value for each, value in values.items()]
    return _on_boundary(words, name, node, tuple(equations))


def robin(words: Vocabulary, name: str, node: Mapping[str, Any]) -> Condition:
    """Any equations on the boundary: `{type: robin, where: x = 1, equation: "normal(T) + h*T = 0"}`."""
    where = f"data.conditions.{name}"
    known(node, ("type", "in", "where", "equation", "points"), where)
    texts = _texts(node, "equation", where)
    return _on_boundary(words, name, node, tuple(words.equation(text, f"{where}.equation", True) for text in texts))


def interface(words: Vocabulary, name: str, node: Mapping[str, Any]) -> Condition:
    """What is equal on both sides: `{type: interface, in: left, where: x = 1, value: [U1, U2], flux: [a, b]}`."""
    where = f"data.conditions.{name}"
    known(node, ("type", "in", "where", "value", "flux", "points"), where)
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


def initial(words: Vocabulary, name: str, node: Mapping[str, Any]) -> Condition:
    """Values and rates at the beginning: `{type: initial, values: {u: 1}, rates: {u: 0}}`; or `exact: true`."""
    where = f"data.conditions.{name}"
    known(node, ("type", "in", "values", "rates", "points", "exact"), where)
    domain, count = words.domain(node, where), _points(node, where, default=64)
    if domain.time is None:
        raise UserError(f"{where}: nothing has a beginning without data.time")
    time = words.names[domain.time[0]]
    values = _values(words, node, "values", where)
    rates = _values(words, node, "rates", where) if "rates" in node else {}
    residuals = [words.fields[each] - value for each, value in values.items()]
    residuals += [words.fields[each].diff(time) - value for each, value in rates.items()]
    forms = {}
    if node.get("exact", False):
        if lone := [each for each in rates if each not in values]:
            raise UserError(f"{where}.exact: give the value of {lone[0]} as well as its rate")
        forms = {each: initial_form(time, domain.time[1:], value, rates.get(each)) for each, value in values.items()}
    left = () if forms else tuple(residuals)
    return Condition(
        name, domain, left, lambda draw, split: domain.start(count, draw, where), str(time), len(residuals), forms
    )


def observations(words: Vocabulary, name: str, node: Mapping[str, Any]) -> Condition:
    """Measured values: out of a file with a column for each input and field, or of formulas at random points.

    `{type: observations, file: data/measured.csv, kind: real, fields: [u]}` or
    `{type: observations, values: {u: sin(x)}, points: 100}`.
    """
    where = f"data.conditions.{name}"
    known(node, ("type", "in", "file", "kind", "fields", "values", "points"), where)
    domain = words.domain(node, where)
    if ("file" in node) == ("values" in node):
        raise UserError(f"{where}: give either a file or values")
    if "file" in node:
        return _from_file(words, name, node, domain)
    formulas = {each: Formula(value) for each, value in _values(words, node, "values", where).items()}
    count = _points(node, where)

    def draw(draw: Draw, split: str) -> Samples:
        inputs = domain.interior(count, draw).inputs
        point = domain.named(inputs)
        return Samples(inputs, measured={each: np.full(count, formula(point)) for each, formula in formulas.items()})

    return _compared(words, name, domain, formulas, draw, "synthetic")


KINDS: dict[str, Callable[[Vocabulary, str, Mapping[str, Any]], Condition]] = {
    "interior": interior,
    "dirichlet": dirichlet,
    "neumann": neumann,
    "robin": robin,
    "interface": interface,
    "initial": initial,
    "observations": observations,
}


def condition(words: Vocabulary, name: str, node: Mapping[str, Any]) -> Condition:
    """The condition that a node of `data.conditions` describes.

    Raises
    ------
    UserError
        No such type, a wrong key, or a text that cannot be read.
    """
    kind = node.get("type") if isinstance(node, Mapping) else None
    if kind not in KINDS:
        raise UserError(f"data.conditions.{name}.type: no condition {kind}{nearest(str(kind), KINDS)}")
    return KINDS[kind](words, name, node)


def _on_boundary(words: Vocabulary, name: str, node: Mapping[str, Any], residuals: tuple[sympy.Expr, ...]) -> Condition:
    where = f"data.conditions.{name}"
    domain, count = words.domain(node, where), _points(node, where, default=64)
    pick = words.pick(node["where"], f"{where}.where") if "where" in node else None

    def draw(draw: Draw, split: str) -> Samples:
        return domain.boundary(count, draw, where, pick)

    # Counted on points that do not depend on the seed: the two ends of a line, or one of them.
    rng = np.random.default_rng(0)
    found = domain.boundary(64, lambda size: rng.random((size, max(len(domain.inputs), 1))), where, pick)
    ends = len(np.unique(np.asarray(found.normals), axis=0)) if len(domain.coordinates) == 1 else 1
    return Condition(name, domain, residuals, draw, domain.coordinates[0], ends * len(residuals))


def _from_file(words: Vocabulary, name: str, node: Mapping[str, Any], domain: Domain) -> Condition:
    where = f"data.conditions.{name}"
    fields = node.get("fields", list(words.fields))
    for each in fields:
        _field(words, each, f"{where}.fields")
    if node.get("kind") not in KINDS_OF_DATA:
        raise UserError(f"{where}.kind: say whether the file is {' or '.join(KINDS_OF_DATA)}")
    inputs, columns = read_table(Path(node["file"]), domain.inputs, fields, f"{where}.file")
    of_validation = np.arange(len(inputs)) % HELD_OUT == HELD_OUT - 1

    def draw(draw: Draw, split: str) -> Samples:
        rows = ~of_validation if split == "train" or not of_validation.any() else of_validation
        return Samples(inputs[rows], measured={each: column[rows] for each, column in columns.items()})

    return _compared(words, name, domain, fields, draw, node["kind"])


def _compared(
    words: Vocabulary,
    name: str,
    domain: Domain,
    fields: Iterable[str],
    draw: Callable[[Draw, str], Samples],
    kind: str,
) -> Condition:
    """Fields are what was measured."""
    symbols = {each: sympy.Symbol(f"measured__{each}", real=True) for each in fields}
    residuals = tuple(words.fields[each] - symbol for each, symbol in symbols.items())
    return Condition(name, domain, residuals, draw, given=symbols, kind=kind)


def _values(words: Vocabulary, node: Mapping[str, Any], key: str, where: str) -> dict[str, sympy.Expr]:
    if not isinstance(node.get(key), Mapping) or not node[key]:
        raise UserError(f"{where}.{key}: give a value for each field, as {{u: 0}}")
    for each in node[key]:
        _field(words, each, f"{where}.{key}")
    return {each: words.formula(text, f"{where}.{key}.{each}").expression for each, text in node[key].items()}


def _field(words: Vocabulary, name: str, where: str) -> None:
    if name not in words.fields:
        raise UserError(f"{where}: no field {name}{nearest(name, words.fields)}")


def _texts(node: Mapping[str, Any], key: str, where: str) -> list[Any]:
    if not node.get(key):
        raise UserError(f"{where}.{key}: is missing")
    return list(node[key]) if isinstance(node[key], list | tuple) else [node[key]]


def _points(node: Mapping[str, Any], where: str, default: int | None = None) -> int:
    count = node.get("points", default)
    if type(count) is not int or count < 1:
        raise UserError(f"{where}.points: is {count}; give a number of points, 1 or more")
    return count
