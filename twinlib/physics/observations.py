"""Measured values: out of a file with a column for each input and field, or of formulas at random points."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np
import sympy

from twinlib.errors import UserError
from twinlib.physics.condition import Condition, field_values, fields_of, point_count, point_weight
from twinlib.physics.domain import Domain, Samples
from twinlib.physics.geometry import Array, Formula
from twinlib.physics.sampling import Draw
from twinlib.physics.table import KINDS_OF_DATA, file_of, read_table
from twinlib.physics.vocabulary import Vocabulary, known

_BEYOND = 0.01  # of a range: how far out of it what was measured may lie
HELD_OUT = 10  # of measured rows, every tenth is for validation


def observations(words: Vocabulary, name: str, node: Mapping[str, Any]) -> Condition:
    """`{type: observations, file: data/measured.csv, kind: real, fields: [u]}` or
    `{type: observations, values: {u: sin(x)}, points: 100}`.
    """
    where = f"data.conditions.{name}"
    known(node, ("type", "in", "file", "kind", "fields", "values", "points", "weight"), where)
    domain = words.domain(node, where)
    weight = point_weight(words, domain, node, where)
    if ("file" in node) == ("values" in node):
        raise UserError(f"{where}: give either a file or values")
    if "file" in node:
        return _from_file(words, name, node, domain, weight)
    formulas = {each: Formula(value) for each, value in field_values(words, node, "values", where).items()}
    count = point_count(node, where)

    def draw(draw: Draw, split: str) -> Samples:
        inputs = domain.interior(count, draw).inputs
        point = domain.named(inputs)
        return Samples(inputs, measured={each: np.full(count, formula(point)) for each, formula in formulas.items()})

    return _compared(words, name, domain, formulas, draw, "synthetic", weight)


def _from_file(
    words: Vocabulary,
    name: str,
    node: Mapping[str, Any],
    domain: Domain,
    weight: Callable[[Array], Array] | None,
) -> Condition:
    where = f"data.conditions.{name}"
    fields = fields_of(words, node, where, list(words.fields))
    if node.get("kind") not in KINDS_OF_DATA:
        raise UserError(f"{where}.kind: say whether the file is {' or '.join(KINDS_OF_DATA)}")
    inputs, columns = read_table(file_of(node, where), domain.inputs, fields, f"{where}.file")
    for each, values, (low, high) in zip(domain.inputs, inputs.T, domain.box(), strict=True):
        if min(values) < low - _BEYOND * (high - low) or max(values) > high + _BEYOND * (high - low):
            raise UserError(
                f"{where}.file: {each} goes from {min(values):g} to {max(values):g} in {node['file']}, in the problem "
                f"from {low:g} to {high:g}; are the units the same?"
            )
    of_validation = np.arange(len(inputs)) % HELD_OUT == HELD_OUT - 1

    def draw(draw: Draw, split: str) -> Samples:
        rows = ~of_validation if split == "train" or not of_validation.any() else of_validation
        return Samples(inputs[rows], measured={each: column[rows] for each, column in columns.items()})

    return _compared(words, name, domain, fields, draw, node["kind"], weight)


def _compared(
    words: Vocabulary,
    name: str,
    domain: Domain,
    fields: Iterable[str],
    draw: Callable[[Draw, str], Samples],
    kind: str,
    weight: Callable[[Array], Array] | None,
) -> Condition:
    """Fields are what was measured."""
    symbols = {each: sympy.Symbol(f"measured__{each}", real=True) for each in fields}
    residuals = tuple(words.fields[each] - symbol for each, symbol in symbols.items())
    return Condition(name, domain, residuals, draw, given=symbols, kind=kind, weight=weight, times=True)
