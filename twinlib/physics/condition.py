"""A condition that a solution has to satisfy, and what the nodes of all kinds of conditions have in common."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import sympy

from twinlib.config.mistakes import nearest
from twinlib.errors import UserError
from twinlib.physics.domain import Domain, Pick, Samples
from twinlib.physics.geometry import Array
from twinlib.physics.sampling import Draw
from twinlib.physics.vocabulary import Vocabulary

if TYPE_CHECKING:
    from twinlib.physics.exact import Side


@dataclass(frozen=True)
class Condition:
    """One condition.

    Attributes
    ----------
    residuals
        Expressions that have to vanish at each point, or whose sums have to: see `Samples.weights`.
    draw
        (sampler, split) -> points.
    along
        The coordinate, or time, at whose ends it is imposed; None for one that holds inside.
    imposed
        How many numbers it fixes at these ends: residuals times ends.
    sides
        By field, the sides on which it holds by the form of the field.
    held
        The residuals of such a condition, which has none left.
    given
        Measured fields, and the symbols that their values have in `residuals`.
    kind
        Of what is measured: real or synthetic.
    weight
        Points with all inputs, shape (n, inputs) -> factor on the square of each residual, shape (n,); None: 1.
    covers
        Which points of a boundary it says something about; None for one that holds inside.
    whole
        Whether it says something of a whole, such as an integral, and nothing of any single point.
    periodic
        The input in which, by the form of the network, all fields are periodic.
    extra
        Further symbols of the residuals, with their typical sizes; `Samples.extra` has their values.
    times
        Whether its points are at times of their own, that cannot be moved.
    stands_for
        What the residuals say together where they are only parts of an equation.
    """

    name: str
    domain: Domain
    residuals: tuple[sympy.Expr, ...]
    draw: Callable[[Draw, str], Samples]
    along: str | None = None
    imposed: int = 0
    sides: Mapping[str, tuple["Side", ...]] = field(default_factory=dict)
    held: tuple[sympy.Expr, ...] = ()
    given: Mapping[str, sympy.Symbol] = field(default_factory=dict)
    kind: str = "no"
    weight: Callable[[Array], Array] | None = None
    covers: Pick | None = None
    whole: bool = False
    periodic: str | None = None
    extra: Mapping[sympy.Symbol, float] = field(default_factory=dict)
    times: bool = False
    stands_for: tuple[sympy.Expr, ...] = ()

    @property
    def equations(self) -> tuple[sympy.Expr, ...]:
        """What it says, one expression an equation."""
        return self.stands_for or self.residuals

    @property
    def inside(self) -> bool:
        """Whether its residuals are equations that hold all over the domain."""
        return self.along is None and not self.given and not self.whole


def field_values(words: Vocabulary, node: Mapping[str, Any], key: str, where: str) -> dict[str, sympy.Expr]:
    """`{u: sin(x), v: 0}` as expressions of coordinates, time and parameters."""
    if not isinstance(node.get(key), Mapping) or not node[key]:
        raise UserError(f"{where}.{key}: give a value for each field, as {{u: 0}}")
    for each in node[key]:
        require_field(words, each, f"{where}.{key}")
    return {each: words.formula(text, f"{where}.{key}.{each}").expression for each, text in node[key].items()}


def require_field(words: Vocabulary, name: Any, where: str) -> None:
    if name not in words.fields:
        raise UserError(f"{where}: no field {name}{nearest(str(name), words.fields)}")


def fields_of(words: Vocabulary, node: Mapping[str, Any], where: str, default: list[str]) -> list[str]:
    """The fields that a node names under `fields`, one or several."""
    names = listed(node, "fields", where) if node.get("fields") else default
    for each in names:
        require_field(words, each, f"{where}.fields")
    return names


def listed(node: Mapping[str, Any], key: str, where: str) -> list[Any]:
    """One or several texts."""
    if not node.get(key):
        raise UserError(f"{where}.{key}: is missing")
    return list(node[key]) if isinstance(node[key], list | tuple) else [node[key]]


def whole_number(node: Mapping[str, Any], key: str, where: str, default: int | None = None) -> int:
    """1 or more."""
    count = node.get(key, default)
    if type(count) is not int or count < 1:
        raise UserError(f"{where}.{key}: is {count}; give a number, 1 or more")
    return count


def point_count(node: Mapping[str, Any], where: str, default: int | None = None) -> int:
    """The number of points."""
    count = node.get("points", default)
    if type(count) is not int or count < 1:
        raise UserError(f"{where}.points: is {count}; give a whole number of points, as 1000")
    return count


def is_exact(node: Mapping[str, Any], where: str) -> bool:
    """Whether a condition shall hold by the form of the field."""
    if node.get("exact", False) is False:
        return False
    if "weight" in node:
        raise UserError(f"{where}.weight: has no meaning with exact; leave one of them out")
    return True


def point_weight(
    words: Vocabulary, domain: Domain, node: Mapping[str, Any], where: str, key: str = "weight"
) -> Callable[[Array], Array] | None:
    """`weight: sdf`, a formula of coordinates, time, parameters and `sdf`, the distance to the walls of the domain."""
    if key not in node:
        return None
    where, text = f"{where}.{key}", node[key]
    profile = words.profile(text, domain, where)

    def weight(inputs: Array) -> Array:
        with np.errstate(all="ignore"):
            weights = np.broadcast_to(profile(domain.named(inputs)), len(inputs))
        wrong = ~(np.isfinite(weights) & (weights >= 0))
        if wrong.any():
            row = int(np.argmax(wrong))
            place = ", ".join(f"{name} = {value:.4g}" for name, value in zip(domain.inputs, inputs[row], strict=True))
            raise UserError(f"{where}: {text}: is {weights[row]:.4g} at {place}; a {key} is 0 or greater")
        return weights

    return weight
