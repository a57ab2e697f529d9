"""Fields that are the same at both ends of a coordinate, or of time."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from twinlib.errors import UserError
from twinlib.physics.condition import Condition, fields_of, point_count, whole_number
from twinlib.physics.domain import Domain, Samples
from twinlib.physics.geometry import Array, Values
from twinlib.physics.sampling import Draw
from twinlib.physics.vocabulary import Vocabulary, known

_HIGHEST = 8  # derivative


def periodic(words: Vocabulary, name: str, node: Mapping[str, Any]) -> Condition:
    """`{type: periodic, along: x, fields: [u], derivatives: 1, points: 64}`: the values at both ends of x, and so many
    derivatives by x; with `exact: true` all fields are periodic in x by the form of the network."""
    where = f"data.conditions.{name}"
    known(node, ("type", "in", "along", "fields", "derivatives", "points", "exact"), where)
    domain, count = words.domain(node, where), point_count(node, where, default=64)
    along = _along(words, domain, node.get("along"), f"{where}.along")
    own = [each for each, home in words.homes.items() if home.name == domain.name]
    fields = fields_of(words, node, where, own)
    highest = 1 if "derivatives" not in node or node["derivatives"] else 0
    highest = whole_number(node, "derivatives", where, 1) if highest else 0
    if highest > _HIGHEST:
        raise UserError(f"{where}.derivatives: is {highest}; at most {_HIGHEST}")
    symbol = words.names[along]
    residuals = tuple(
        words.fields[each].diff(symbol, order) if order else words.fields[each]
        for order in range(highest + 1)
        for each in fields
    )
    column = domain.inputs.index(along)

    def covers(points: Values) -> Array:
        low, high = _ends(domain, column, np.column_stack([points[key] for key in domain.inputs]))
        step = 1e-6 * (high - low)
        return (np.abs(points[along] - low) <= step) | (np.abs(points[along] - high) <= step)

    def draw(draw: Draw, split: str) -> Samples:
        return _pairs(domain, column, count, draw, where)

    if node.get("exact", False):
        _require_all(words, domain, fields, along, where)
        return Condition(name, domain, (), draw, along, len(residuals), covers=covers, periodic=along)
    return Condition(name, domain, residuals, draw, along, len(residuals), covers=covers)


def _along(words: Vocabulary, domain: Domain, name: Any, where: str) -> str:
    ways = [each for each in domain.inputs if each not in words.parameters]
    if name not in ways:
        raise UserError(f"{where}: is {name}; give a coordinate or the time: {', '.join(ways)}")
    return str(name)


def _require_all(words: Vocabulary, domain: Domain, fields: list[str], along: str, where: str) -> None:
    if len(words.domains) > 1 or len(fields) < len(words.fields):
        raise UserError(f"{where}.exact: makes all fields periodic, in one domain; leave it or `fields` out")
    if domain.time is not None and along == domain.time[0]:
        return
    rng = np.random.default_rng(0)
    some = domain.interior(64, lambda size: rng.random((size, len(domain.inputs)))).inputs
    if any(np.ptp(each) for each in _ends(domain, domain.inputs.index(along), some)):
        raise UserError(f"{where}.exact: the ends of {along} depend on parameters; leave it out")


def _ends(domain: Domain, column: int, inputs: Array) -> tuple[Array, Array]:
    """Where an input begins and ends for the parameters of each point, shape (n,)."""
    if column >= len(domain.coordinates):
        assert domain.time is not None
        return np.full(len(inputs), domain.time[1]), np.full(len(inputs), domain.time[2])
    assert domain.shape is not None
    lower, upper = (
        np.broadcast_to(each, (len(inputs), each.shape[1])) for each in domain.shape.box(domain.named(inputs))
    )
    return lower[:, column], upper[:, column]


def _pairs(domain: Domain, column: int, count: int, draw: Draw, where: str) -> Samples:
    """Points at one end, each followed by the one across, with weights 1 and -1."""
    inputs = domain.interior(count, draw).inputs
    ends = []
    for place in _ends(domain, column, inputs):
        moved = inputs.copy()
        moved[:, column] = place
        ends.append(moved)
    there = domain.contains(ends[0]) & domain.contains(ends[1])
    if not there.any():
        raise UserError(f"{where}.along: {domain.name} has no two points that lie across {domain.inputs[column]}")
    _, rows = np.unique(ends[0][there], axis=0, return_index=True)
    pairs = np.stack([end[there][np.sort(rows)] for end in ends], axis=1)
    return Samples(pairs.reshape(-1, inputs.shape[1]), weights=np.tile([1.0, -1.0], (len(pairs), 1)))
