"""The weak form: an equation in the mean, with each of some test functions (Kharazmi, Zhang & Karniadakis 2019)."""

from collections.abc import Callable, Mapping
from itertools import product
from typing import Any

import numpy as np
import sympy

from twinlib.config.mistakes import nearest
from twinlib.errors import UserError
from twinlib.physics.condition import Condition, listed, whole_number
from twinlib.physics.domain import Domain, Samples
from twinlib.physics.equations.coordinates import Vector
from twinlib.physics.equations.stated import is_by_name, named
from twinlib.physics.expressions import equation
from twinlib.physics.geometry import Array
from twinlib.physics.quadrature import gauss
from twinlib.physics.sampling import Draw
from twinlib.physics.vocabulary import Vocabulary, known

_KEYS = ("type", "in", "equation", "test", "functions", "tests", "box", "boxes", "points", "values")


def legendre(number: int, order: int, points: Array) -> Array:
    """P_(n+1) - P_(n-1), which is 0 at -1 and 1; its derivative of an order."""
    series = np.polynomial.legendre.Legendre.basis(number + 1) - np.polynomial.legendre.Legendre.basis(number - 1)
    return np.asarray((series.deriv(order) if order else series)(points))


def sine(number: int, order: int, points: Array) -> Array:
    """sin(n pi (x + 1) / 2), n half waves; its derivative of an order."""
    rate = number * np.pi / 2
    return np.asarray(rate**order * np.sin(rate * (points + 1) + order * np.pi / 2))


FUNCTIONS: dict[str, Callable[[int, int, Array], Array]] = {"legendre": legendre, "sine": sine}


def weak(words: Vocabulary, name: str, node: Mapping[str, Any]) -> Condition:
    """`{type: weak, equation: "diff(u, x)*diff(v, x) + v = 0", tests: 6, boxes: 2, points: 12}`.

    The equation is linear in the test function (`test: v`), of which derivatives may stand in it; who integrates by
    parts writes the result. Of an equation by name, `{poisson: {u: u, source: 1}}`, each residual is multiplied by each
    test function as it is. Test functions are products over the axes, with time, of `tests` Legendre functions or
    sines on each of `boxes` parts of each axis, and vanish at the ends of the parts. Integrals are sums over `points`
    Gauss points an axis. With parameters it holds for `values` of them. `box: {x: [0, 1]}` is a part of the domain.
    """
    where = f"data.conditions.{name}"
    known(node, _KEYS, where)
    domain = words.domain(node, where)
    kind = node.get("functions", "legendre")
    if kind not in FUNCTIONS:
        raise UserError(f"{where}.functions: no functions {kind}{nearest(str(kind), FUNCTIONS)}")
    wholes, parts = _equations(words, domain, node, where)
    axes = [each for each in domain.inputs if each not in domain.parameters]
    tests = whole_number(node, "tests", where, 4)
    rule = _Rule(
        FUNCTIONS[kind],
        tests,
        whole_number(node, "points", where, 2 * tests + 4),
        whole_number(node, "boxes", where, 1),
        [{orders[: len(axes)]: words.magnitude(factor, {}) for orders, factor in each.items()} for each in parts],
    )
    values = whole_number(node, "values", where, 16) if domain.parameters else 1
    limits = _limits(words, domain, axes, node, where)

    def draw(draw: Draw, split: str) -> Samples:
        return rule.samples(domain, limits(domain.interior(values, draw).inputs), where)

    residuals = tuple(factor for each in parts for factor in each.values())
    return Condition(name, domain, residuals, draw, times=True, stands_for=wholes)


Parts = dict[tuple[int, ...], sympy.Expr]


def _equations(words: Vocabulary, domain: Domain, node: Mapping[str, Any], where: str) -> tuple[Vector, list[Parts]]:
    """What is said, one expression an equation, and of what parts each equation is made."""
    stated, *more = listed(node, "equation", where)
    if more:
        raise UserError(f"{where}.equation: a condition of type weak has one; make each equation a condition")
    if is_by_name(stated, f"{where}.equation"):
        if "test" in node:
            raise UserError(f"{where}.test: stands in no equation by name; leave it out, or write the equation as text")
        residuals = named(words, stated, words.names, f"{where}.equation")
        return residuals, [{(0,) * len(words.symbols): each} for each in residuals]
    test = str(node.get("test", "v"))
    if not test.isidentifier() or "__" in test or test in words.names:
        raise UserError(f"{where}.test: {test} is declared already, or no name")
    symbol = sympy.Function(test, real=True)(*words.symbols)
    whole = equation(stated, {**words.names, test: symbol}, f"{where}.equation")
    return (whole,), [_parts(words, domain, whole, symbol, stated, f"{where}.equation")]


def _parts(words: Vocabulary, domain: Domain, whole: sympy.Expr, symbol: sympy.Expr, text: Any, where: str) -> Parts:
    """What each derivative of the test function is multiplied by, by how often it is derived by each input."""
    expanded = sympy.expand(whole)
    found: Parts = {}
    atoms = [each for each in expanded.atoms(sympy.Derivative) if each.expr == symbol] + [symbol]
    plain = {atom: sympy.Dummy() for atom in atoms}  # derivatives come first: the function stands in them
    rest = expanded
    for atom, stand_in in plain.items():
        rest = rest.subs(atom, stand_in)
    rest = sympy.expand(rest)
    for atom, stand_in in plain.items():
        times = dict(atom.variable_count) if isinstance(atom, sympy.Derivative) else {}
        orders = tuple(int(times.get(each, 0)) for each in words.symbols)
        factor = rest.coeff(stand_in, 1)
        if any(factor.has(other) for other in plain.values()):
            factor = sympy.nan
        if any(orders[words.symbols.index(words.names[each])] for each in domain.parameters):
            raise UserError(f"{where}: {text}: {symbol.func} is no function of the parameters")
        found[orders] = factor
        rest = sympy.expand(rest - factor * stand_in)
    if rest != 0 or not any(found.values()):
        raise UserError(f"{where}: {text}: each term has {symbol.func} or one of its derivatives once as a factor")
    # SymPy's sets have another order in each process, and sums another last digit in each order.
    return {orders: found[orders] for orders in sorted(found, reverse=True) if found[orders] != 0}


def _limits(
    words: Vocabulary, domain: Domain, axes: list[str], node: Mapping[str, Any], where: str
) -> Callable[[Array], tuple[Array, Array, Array]]:
    """From inputs to these, and the ends of the axes for their parameters, each of shape (n, axes)."""
    own = node.get("box") or {}
    if not isinstance(own, Mapping):
        raise UserError(f"{where}.box: give two ends for a coordinate, as {{x: [0, 1]}}")
    for key in own:
        if key not in axes or not isinstance(own[key], list | tuple) or len(own[key]) != 2:
            raise UserError(f"{where}.box.{key}: give two ends for a coordinate, as {{x: [0, 1]}}")
    formulas = {key: [words.formula(each, f"{where}.box.{key}") for each in ends] for key, ends in own.items()}

    def limits(inputs: Array) -> tuple[Array, Array, Array]:
        named = domain.named(inputs)
        ends = np.empty((2, len(inputs), len(axes)))
        if domain.shape is not None:
            ends[:, :, : len(domain.coordinates)] = [np.broadcast_to(each, (len(inputs), each.shape[1]))
                                                     for each in domain.shape.box(named)]  # fmt: skip
        if domain.time is not None:
            ends[:, :, len(domain.coordinates)] = np.array(domain.time[1:])[:, None]
        for key, pair in formulas.items():
            for number, formula in enumerate(pair):
                ends[number, :, axes.index(key)] = formula(named)
        if key := next(
            (axis for axis, upward in zip(axes, (ends[0] < ends[1]).all(axis=0), strict=True) if not upward), None
        ):
            raise UserError(f"{where}.box.{key}: gives its ends the wrong way round, or twice the same")
        return inputs, ends[0], ends[1]

    return limits


class _Rule:
    """Gauss points and what each test function has at them, on the cube -1 … 1.

    `equations` have for each of their parts how often the test function is derived by each axis, and its size.
    """

    def __init__(
        self,
        function: Callable[[int, int, Array], Array],
        tests: int,
        points: int,
        boxes: int,
        equations: list[dict[tuple[int, ...], float]],
    ) -> None:
        self._boxes = boxes
        self._owners = np.repeat(range(len(equations)), [len(each) for each in equations])
        self._orders = orders = [each for parts in equations for each in parts]
        self._magnitudes = np.array([each for parts in equations for each in parts.values()])
        unit, weights = gauss(points)
        axes = len(orders[0])
        self._grid = np.array(list(product(unit, repeat=axes)))
        self._weights = np.prod(list(product(weights, repeat=axes)), axis=1)
        place = 2 * unit - 1
        lines = {order: np.array([function(number, order, place) for number in range(1, tests + 1)])
                 for order in {each for several in orders for each in several}}  # fmt: skip
        self._values = np.array([_outer([lines[order] for order in several]) for several in orders])

    def samples(self, domain: Domain, limits: tuple[Array, Array, Array], where: str) -> Samples:
        inputs, lower, upper = limits
        axes = lower.shape[1]
        corners = np.array(list(product(range(self._boxes), repeat=axes)))
        sides = (upper - lower) / self._boxes
        starts = lower[:, None] + corners * sides[:, None]  # shape (values, boxes, axes)
        places = starts[:, :, None] + self._grid * sides[:, None, None]
        found = np.empty((*places.shape[:3], inputs.shape[1]))
        found[..., :axes] = places
        found[..., axes:] = inputs[:, None, None, axes:]
        flat = found.reshape(-1, inputs.shape[1])
        if not domain.contains(flat).all():
            raise UserError(f"{where}.box: reaches out of {domain.name}; give a box of it, as {{x: [0, 1], y: [0, 1]}}")
        # Each row is divided by its largest part, so that it has no dimension and no test function weighs more.
        stretched = np.prod((2 / sides[:, None]) ** np.array(self._orders)[None], axis=2)  # shape (values, parts)
        weights = stretched[:, None, :, None] * (self._values * self._weights).transpose(1, 0, 2)[None]
        sizes = np.abs(weights).sum(axis=3) * self._magnitudes
        rows = []  # of each equation, in which the parts of others do not count
        for number in range(self._owners[-1] + 1):
            own = self._owners == number
            largest = sizes[:, :, own].max(axis=2)
            rows.append(np.where(own[:, None], weights / largest[:, :, None, None], 0.0))
        return Samples(flat, weights=np.repeat(np.concatenate(rows, axis=1), len(corners), axis=0))


def _outer(lines: list[Array]) -> Array:
    """Products of functions of each axis, shape (tests^axes, points^axes)."""
    found = lines[0]
    for each in lines[1:]:
        found = (found[:, None, :, None] * each[None, :, None, :]).reshape(
            len(found) * len(each), found.shape[1] * each.shape[1]
        )
    return found
