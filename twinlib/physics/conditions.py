"""What a solution has to satisfy, by name: where points are drawn and which residuals vanish there.

A kind of condition is a function of a node of `data.conditions` and is entered in `KINDS`.
"""

from collections.abc import Callable, Mapping
from typing import Any

from twinlib.config.mistakes import nearest
from twinlib.errors import UserError
from twinlib.physics.beginning import initial
from twinlib.physics.boundaries import dirichlet, interface, neumann, robin
from twinlib.physics.condition import Condition
from twinlib.physics.inside import interior
from twinlib.physics.integral import integral
from twinlib.physics.observations import observations
from twinlib.physics.periodic import periodic
from twinlib.physics.vocabulary import Vocabulary
from twinlib.physics.weak import weak

KINDS: dict[str, Callable[[Vocabulary, str, Mapping[str, Any]], Condition]] = {
    "interior": interior,
    "weak": weak,
    "dirichlet": dirichlet,
    "neumann": neumann,
    "robin": robin,
    "interface": interface,
    "periodic": periodic,
    "initial": initial,
    "integral": integral,
    "observations": observations,
}


def condition(words: Vocabulary, name: str, node: Mapping[str, Any]) -> Condition:
    """The condition that a node of `data.conditions` describes.

    Raises
    ------
    UserError
        No such type, a wrong key, or a text that cannot be read.
    """
    if not isinstance(node, Mapping):
        raise UserError(f"data.conditions.{name}: is {node!r}; it has keys, as {{type: dirichlet, values: {{u: 0}}}}")
    kind = str(node.get("type", ""))
    if kind not in KINDS:
        what = f"no condition {kind}" if kind else "is missing"
        raise UserError(f"data.conditions.{name}.type: {what}{nearest(kind, KINDS)}")
    return KINDS[kind](words, name, node)
