"""Equations that hold inside of a domain."""

from collections.abc import Mapping
from typing import Any

from twinlib.physics.condition import Condition, point_count, point_weight
from twinlib.physics.domain import Samples
from twinlib.physics.equations.stated import stated
from twinlib.physics.sampling import Draw
from twinlib.physics.vocabulary import Vocabulary, known


def interior(words: Vocabulary, name: str, node: Mapping[str, Any]) -> Condition:
    """`{type: interior, equation: "diff(u, x, 2) = 1", points: 64}`; with `where: x > 0.5` in a part of the domain,
    with `density: 1/(0.1 + sdf)` the denser the nearer to its walls."""
    where = f"data.conditions.{name}"
    known(node, ("type", "in", "where", "equation", "points", "weight", "density"), where)
    domain, count = words.domain(node, where), point_count(node, where)
    residuals = stated(words, node.get("equation"), f"{where}.equation")
    pick = words.pick(node["where"], f"{where}.where") if "where" in node else None
    density = point_weight(words, domain, node, where, "density")

    def draw(draw: Draw, split: str) -> Samples:
        return domain.interior(count, draw, pick, density, where)

    return Condition(name, domain, residuals, draw, weight=point_weight(words, domain, node, where))
