"""Values and rates at the beginning of time."""

from collections.abc import Mapping
from typing import Any

from twinlib.errors import UserError
from twinlib.physics.condition import Condition, field_values, is_exact, point_count, point_weight
from twinlib.physics.exact import Start
from twinlib.physics.vocabulary import Vocabulary, known


def initial(words: Vocabulary, name: str, node: Mapping[str, Any]) -> Condition:
    """`{type: initial, values: {u: 1}, rates: {u: 0}}`; or `exact: true`."""
    where = f"data.conditions.{name}"
    known(node, ("type", "in", "values", "rates", "points", "exact", "weight"), where)
    domain, count = words.domain(node, where), point_count(node, where, default=64)
    if domain.time is None:
        raise UserError(f"{where}: nothing has a beginning without data.time")
    time = words.names[domain.time[0]]
    values = field_values(words, node, "values", where)
    rates = field_values(words, node, "rates", where) if "rates" in node else {}
    residuals = [words.fields[each] - value for each, value in values.items()]
    residuals += [words.fields[each].diff(time) - value for each, value in rates.items()]
    sides = {}
    if is_exact(node, where):
        if lone := [each for each in rates if each not in values]:
            raise UserError(f"{where}.exact: give the value of {lone[0]} as well as its rate")
        sides = {each: (Start(time, *domain.time[1:], value, rates.get(each)),) for each, value in values.items()}
    return Condition(
        name,
        domain,
        () if sides else tuple(residuals),
        lambda draw, split: domain.start(count, draw, where),
        str(time),
        len(residuals),
        sides,
        tuple(residuals) if sides else (),
        weight=point_weight(words, domain, node, where),
    )
