"""Fields written so that conditions hold whatever the network gives (Lagaris, Likas & Fotiadis 1998).

A field is lift + factor N, where the factor vanishes on the sides that have a condition and the lift has their values.
Between opposite sides the lift is straight; with sides along several axes it is their Boolean sum (Coons 1967), built
up axis by axis: each adds what the lift so far lacks on its own sides. The beginning is a side along time.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import sympy

from twinlib.errors import UserError
from twinlib.physics.boxes import Box
from twinlib.physics.domain import Domain, Pick
from twinlib.physics.geometry import Formula, Line, Values
from twinlib.physics.rounds import Ball, Ellipse
from twinlib.physics.vocabulary import Vocabulary

_LOOKS = 64  # points on a side


@dataclass(frozen=True)
class Ends:
    """One or both sides of an interval along an axis.

    Attributes
    ----------
    low, high
        Where the interval begins and ends, and the value there; without a value the side has no condition.
    """

    axis: sympy.Symbol
    low: tuple[sympy.Expr, sympy.Expr | None]
    high: tuple[sympy.Expr, sympy.Expr | None]

    def joined(self, other: "Ends") -> "Ends | None":
        """With the sides of another condition; None where a side has two."""
        if other.axis != self.axis or (other.low[0], other.high[0]) != (self.low[0], self.high[0]):
            return None
        pairs = ((self.low, other.low), (self.high, other.high))
        if any(one[1] is not None and two[1] is not None for one, two in pairs):
            return None
        low, high = (one if two[1] is None else two for one, two in pairs)
        return Ends(self.axis, low, high)

    def lift(self, before: sympy.Expr) -> sympy.Expr:
        """Added to a lift, gives the values at the ends: with s = (x - a) / (b - a) value(a) (1 - s) + value(b) s, with
        one end alone its value."""
        (a, at_a), (b, at_b) = self.low, self.high
        s = (self.axis - a) / (b - a)
        lacking = [value - before.subs(self.axis, end) for end, value in (self.low, self.high) if value is not None]
        if at_a is not None and at_b is not None:
            return lacking[0].subs(self.axis, a) * (1 - s) + lacking[1].subs(self.axis, b) * s
        return lacking[0].subs(self.axis, b if at_a is None else a)

    def factor(self) -> sympy.Expr:
        """4 s (1 - s), which is 1 in the middle, or for one end s, 1 - s."""
        (a, at_a), (b, at_b) = self.low, self.high
        s = (self.axis - a) / (b - a)
        if at_a is not None and at_b is not None:
            return 4 * s * (1 - s)
        return s if at_b is None else 1 - s


@dataclass(frozen=True)
class Start:
    """The beginning of time, with a value or value and rate.

    With s = (t - start) / a tenth of the interval, value + s / (1 + s) N; with the rate as well
    value + rate (t - start) / (1 + s^2) + s^2 / (1 + s^2) N. The factors of N go to 1, so that late times do not weigh
    more than early ones.
    """

    axis: sympy.Symbol
    start: float
    end: float
    value: sympy.Expr
    rate: sympy.Expr | None = None

    def joined(self, other: "Side") -> None:
        return None

    def lift(self, before: sympy.Expr) -> sympy.Expr:
        first, s = self._first(), self._scaled()
        lacking = self.value - before.subs(self.axis, first)
        if self.rate is None:
            return lacking
        rate = self.rate - before.diff(self.axis).subs(self.axis, first)
        return lacking + rate * (self.axis - first) / (1 + s**2)

    def factor(self) -> sympy.Expr:
        s = self._scaled()
        return s / (1 + s) if self.rate is None else s**2 / (1 + s**2)

    def _first(self) -> sympy.Expr:
        return _number(self.start)

    def _scaled(self) -> sympy.Expr:
        return (self.axis - self._first()) / (_number(self.end) - self._first()) * 10


@dataclass(frozen=True)
class Everywhere:
    """A boundary on which a formula vanishes; the values are a formula that is known inside too."""

    vanishing: sympy.Expr
    value: sympy.Expr

    def joined(self, other: "Side") -> None:
        return None

    def lift(self, before: sympy.Expr) -> sympy.Expr:
        return self.value - before

    def factor(self) -> sympy.Expr:
        return self.vanishing


Side = Ends | Start | Everywhere


@dataclass(frozen=True)
class Form:
    """lift + factor N, N being what the network gives."""

    lift: sympy.Expr
    factor: sympy.Expr

    def __call__(self, network: sympy.Expr) -> sympy.Expr:
        return self.lift + self.factor * network


def form(sides: Sequence[tuple[str, Side]], field: str) -> Form:
    """The form of a field for all its exact conditions.

    Parameters
    ----------
    sides
        With the key of the condition each belongs to.
    field
        Its name, for messages.

    Raises
    ------
    UserError
        Two conditions are of the same side.
    """
    joined: list[Side] = []
    # A boundary that is given by a formula is no product of axes: its values come first.
    for where, side in sorted(sides, key=lambda each: not isinstance(each[1], Everywhere)):
        for number, other in enumerate(joined):
            if isinstance(side, Ends) and isinstance(other, Ends) and side.axis == other.axis:
                both = other.joined(side)
                if both is None:
                    raise UserError(f"{where}: {field} is exact in another condition already, on the same side")
                joined[number] = both
                break
            if isinstance(side, Start | Everywhere) and type(side) is type(other):
                raise UserError(f"{where}: {field} is exact in another condition already, on the same side")
        else:
            joined.append(side)
    lift, factor = sympy.Integer(0), sympy.Integer(1)
    for each in joined:
        lift, factor = lift + each.lift(lift), factor * each.factor()
    return Form(lift, factor)


def sides_of(
    words: Vocabulary, domain: Domain, covers: Pick | None, value: sympy.Expr, exact: Any, where: str
) -> tuple[Side, ...]:
    """The sides that a Dirichlet condition is imposed on.

    Parameters
    ----------
    covers
        Which points of the boundary are meant.
    exact
        True, for lines, rectangles, boxes and, with the whole boundary, circles, spheres and ellipses; or a formula
        that vanishes on the boundary and nowhere inside.

    Raises
    ------
    UserError
        The shape has no such sides, or only a part of one is meant.
    """
    if exact is not True:
        return (Everywhere(words.formula(exact, where).expression, value),)
    shape = domain.shape
    if not isinstance(shape, Line | Box | Ball | Ellipse):
        raise UserError(
            f"{where}: true is there for lines, boxes, circles; give a formula that vanishes on the boundary"
        )
    covered_by = _covered(domain, covers)
    if partly := [number for number, share in covered_by.items() if 0 < share < 1]:
        along = "" if isinstance(shape, Ball | Ellipse) else f" along {domain.coordinates[partly[0] // 2]}"
        raise UserError(f"{where}: a side{along} is meant in part only; exact is for whole sides")
    if isinstance(shape, Ball | Ellipse):
        radii = shape.radii if isinstance(shape, Ellipse) else dict.fromkeys(shape.coordinates, shape.radius)
        away = [((words.names[key] - shape.centre[key].expression) / radii[key].expression) ** 2 for key in radii]
        return (Everywhere(1 - sympy.Add(*away), value),)
    intervals = {shape.coordinates[0]: (shape.start, shape.end)} if isinstance(shape, Line) else shape.intervals
    sides = []
    for column, (name, (start, end)) in enumerate(intervals.items()):
        low, high = (value if covered_by[2 * column + number] else None for number in (0, 1))
        if low is not None or high is not None:
            sides.append(Ends(words.names[name], (start.expression, low), (end.expression, high)))
    return tuple(sides)


def require_held(forms: Mapping[sympy.Expr, Form], held: Sequence[sympy.Expr], points: Values, where: str) -> None:
    """Refuse forms with which residuals do not vanish at the points of their condition.

    Parameters
    ----------
    forms
        By field.
    held
        The residuals.

    Raises
    ------
    UserError
        The values of several conditions differ where their sides meet, or a formula does not vanish on the boundary.
    """
    # Whatever the network gives: 0, and 1, say.
    for network in (sympy.Integer(0), sympy.Integer(1)):
        meant = {name: each(network) for name, each in forms.items()}
        for residual in held:
            found = Formula(residual.subs(meant, simultaneous=True).doit())
            wrong = np.broadcast_to(np.abs(found(points)), len(next(iter(points.values()))))
            size = max([1.0, *(float(np.abs(Formula(each.lift)(points)).max()) for each in forms.values())])
            if not wrong.max() <= 1e-8 * size:
                row = int(np.argmax(wrong))
                place = ", ".join(f"{name} = {values[row]:.4g}" for name, values in points.items())
                raise UserError(
                    f"{where}.exact: does not hold at {place}: another exact condition has other values there, or the "
                    f"formula does not vanish; leave exact out in one of them"
                )


def require_free(found: Form, points: Values, where: str) -> None:
    """Refuse a form in which the network does not count somewhere inside."""
    factor = np.asarray(Formula(found.factor)(points))
    if factor.ndim and not ((factor > 0).all() or (factor < 0).all()):
        row = int(np.argmin(np.abs(factor)))
        place = ", ".join(f"{name} = {values[row]:.4g}" for name, values in points.items())
        raise UserError(f"{where}: the formula of exact vanishes inside as well, near {place}")


def _covered(domain: Domain, covers: Pick | None) -> dict[int, float]:
    """Which part of each face of the shape is meant."""
    assert domain.shape is not None
    rng = np.random.default_rng(0)
    inputs = domain.interior(_LOOKS, lambda size: rng.random((size, len(domain.inputs)))).inputs
    found = {}
    for number, face in enumerate(domain.shape.faces()):
        points = domain.named(inputs)
        parameters = {name: points[name] for name in domain.parameters}
        place, _ = face.place(rng.random((len(inputs), len(domain.coordinates) - 1)), parameters)
        points |= dict(zip(domain.coordinates, place.T, strict=True))
        found[number] = float(np.mean(covers(points))) if covers else float(not face.open)
    return found


def _number(value: float) -> sympy.Expr:
    return sympy.Float(value) if value != int(value) else sympy.Integer(int(value))
