"""The names of a problem and what they stand for: coordinates, time, parameters, constants, unknown numbers, fields."""

from collections.abc import Callable, Mapping
from functools import cached_property
from keyword import iskeyword
from typing import Any

import numpy as np
import sympy

from twinlib.config.mistakes import nearest
from twinlib.errors import UserError
from twinlib.physics.compiled import Compiled, arguments
from twinlib.physics.domain import Domain
from twinlib.physics.expressions import CONSTANTS, FUNCTIONS, equation, expression
from twinlib.physics.geometry import Array, Formula, Values
from twinlib.physics.parts import Pick, part
from twinlib.physics.shapes import Shapes

SDF = "sdf"  # in weights and densities: the distance to the walls of a domain
RESERVED = {*FUNCTIONS, *CONSTANTS, "diff", "normal", "and", "on", SDF}


class Vocabulary:
    """Reads the texts of a problem; see `twinlib.physics.problem.Problem` for its parts.

    Raises
    ------
    UserError
        A name is declared twice, is reserved or no name, or a part does not have the form it should have.
    """

    def __init__(
        self,
        geometry: Mapping[str, Any],
        time: Mapping[str, Any] | None,
        parameters: Mapping[str, Any],
        constants: Mapping[str, Any],
        unknowns: Mapping[str, Any],
        fields: Mapping[str, Any],
    ) -> None:
        require_names(geometry, "data.geometry", "{rod: {shape: line, x: [0, 1]}}")
        require_names(parameters, "data.parameters", "{l: [1, 2]}")
        require_names(constants, "data.constants", "{k: 4}")
        require_names(unknowns, "data.unknowns", "{k: 1}")
        require_names(fields, "data.fields", "{u: {range: [0, 1]}}")
        if isinstance(geometry.get("shape"), str):
            raise UserError("data.geometry: give each shape a name, as {rod: {shape: line, x: [0, 1]}}")
        if not fields:
            raise UserError("data.fields: nothing is looked for; give a name, as {u: {range: [0, 1]}}")
        self.names: dict[str, sympy.Expr] = {}
        self._declare_constants(dict(constants))
        self.parameters = {key: self._range(value, f"data.parameters.{key}") for key, value in parameters.items()}
        for key in parameters:
            self._declare(key, _symbol(key), f"data.parameters.{key}")
        self.shapes = Shapes(geometry, self._end)
        for key in dict.fromkeys(name for shape in self.shapes.by_name.values() for name in shape.coordinates):
            self._declare(key, _symbol(key), "data.geometry")
        interval = None
        if time:
            if not isinstance(time, Mapping) or len(time) != 1:
                raise UserError("data.time: there is one time: {t: [0, 10]}")
            ((key, limits),) = time.items()
            self._declare(key, _symbol(key), "data.time")
            interval = (key, *self._range(limits, f"data.time.{key}"))
        self.unknowns = {key: self._number(value, f"data.unknowns.{key}") for key, value in unknowns.items()}
        for key in unknowns:
            self._declare(key, _symbol(key), f"data.unknowns.{key}")
        self.places = self._places(interval)
        first = next(iter(self.places.values()))
        self.inputs = first.inputs
        for domain in self.places.values():
            if domain.inputs != self.inputs:
                own, others = ", ".join(domain.coordinates), ", ".join(first.coordinates)
                raise UserError(f"data.geometry.{domain.name}: has the coordinates {own}, {first.name} has {others}")
        self.symbols = [self.names[name] for name in self.inputs]
        self.fields: dict[str, sympy.Expr] = {}
        self.homes: dict[str, Domain] = {}  # of each field
        self.ranges: dict[str, tuple[float, float]] = {}
        for key, node in fields.items():
            where = f"data.fields.{key}"
            known(node, ("in", "range"), where)
            self.fields[key] = sympy.Function(key, real=True)(*self.symbols)
            self._declare(key, self.fields[key], where)
            self.homes[key] = self.domain(node, where)
            self.ranges[key] = self._range(node.get("range", [-1, 1]), f"{where}.range")
        # The other places are only for conditions, or what these are made of.
        self.domains = {domain.name: domain for domain in self.homes.values()}
        for domain in self.domains.values():
            _require_inside(domain)

    def domain(self, node: Mapping[str, Any], where: str, key: str = "in") -> Domain:
        """The domain that a node names under `key`; without that the only one which no other is made of."""
        whole = [name for name in self.places if name not in self.shapes.parts]
        name = node.get(key)
        if name is None and len(whole) == 1:
            return self.places[whole[0]]
        if name is None:
            raise UserError(f"{where}.{key}: is missing; there are {', '.join(whole or self.places)}")
        if name not in self.places:
            raise UserError(f"{where}.{key}: no geometry {name}{nearest(str(name), self.places)}")
        return self.places[name]

    def equation(self, text: Any, where: str, on_boundary: bool = False) -> sympy.Expr:
        """`left = right` as left - right."""
        return equation(text, self.names, where, self.normals if on_boundary else None)

    def formula(self, text: Any, where: str) -> Formula:
        """A function of coordinates, time and parameters, in which no field and no unknown number stands."""
        found = expression(text, self.names, where)
        for each in arguments([found]):
            if each not in self.symbols:
                raise UserError(
                    f"{where}: {text}: {each} is not known beforehand; use coordinates, parameters, constants"
                )
        return Formula(found)

    @cached_property
    def normals(self) -> dict[str, sympy.Symbol]:
        """The components of the outward normal, by coordinate."""
        coordinates = next(iter(self.places.values())).coordinates
        return {name: sympy.Symbol(f"normal__{name}", real=True) for name in coordinates}

    def pick(self, text: Any, where: str) -> Pick:
        """Which points are meant, such as `x = 1`: see `twinlib.physics.parts`."""
        size = max(np.ptp(place.box(), axis=1).max() for place in self.places.values())
        return part(text, lambda side: self._of_inputs(side, where), self.shapes.by_name, size, where)

    def profile(self, text: Any, domain: Domain, where: str) -> Callable[[Values], Array]:
        """A function of coordinates, time and parameters, and of `sdf`, the distance to the walls of a domain."""
        distance = _symbol(SDF)
        found = expression(text, {**self.names, SDF: distance}, where)
        for each in arguments([found]):
            if each not in self.symbols and each != distance:
                raise UserError(f"{where}: {text}: {each} is not known beforehand; use coordinates, parameters, sdf")
        formula = Formula(found)
        if distance not in found.free_symbols:
            return formula
        if domain.shape is None:
            raise UserError(f"{where}: {text}: {domain.name} has no boundary that sdf could be the distance to")
        shape = domain.shape
        return lambda points: formula({**points, SDF: np.maximum(shape.clearance(points), 0.0)})

    def magnitude(self, residual: sympy.Expr, guesses: Mapping[sympy.Basic, float]) -> float:
        """The largest term of a residual when every quantity has its typical size: what makes it dimensionless.

        A field has the size of its range, a derivative that divided by half the size of the box, as if the field were
        a straight line, coordinates and parameters their greatest values, unknown numbers the first guess.
        """
        terms = sympy.Add.make_args(sympy.expand(residual))
        sizes = dict(guesses)
        limits = np.abs(np.array([domain.box() for domain in self.domains.values()])).max(axis=(0, 2))
        spans = np.array([np.ptp(domain.box(), axis=1) for domain in self.domains.values()]).max(axis=0)
        for symbol, size in zip(self.symbols, limits, strict=True):
            sizes[symbol] = float(size)
        for name, guess in self.unknowns.items():
            sizes[self.names[name]] = abs(guess)
        for name, field in self.fields.items():
            sizes[field] = max(map(abs, self.ranges[name]))
        for symbol in self.normals.values():
            sizes[symbol] = 1.0
        for each in arguments(terms):
            if isinstance(each, sympy.Derivative):
                size = sizes[each.expr]
                for symbol, times in each.variable_count:
                    size /= (spans[self.symbols.index(symbol)] / 2) ** int(times)
                sizes[each] = size
        compiled = Compiled(terms, np)
        with np.errstate(all="ignore"):
            values = np.abs(
                np.array(compiled({each: np.float64(sizes[each]) for each in compiled.arguments}), dtype=float)
            )
        largest = float(np.max(values[np.isfinite(values)], initial=0.0))
        return largest or 1.0

    def _declare_constants(self, waiting: dict[str, Any]) -> None:
        """In whatever order they stand: a config has none."""
        while waiting:
            failed: UserError | None = None
            for key, value in list(waiting.items()):
                where = f"data.constants.{key}"
                try:
                    meaning = expression(value, self.names, where)
                except UserError as error:
                    failed = failed or error
                    continue
                self._declare(key, meaning, where)
                del waiting[key]
                failed = None
                break
            if failed:
                raise failed

    def _places(self, time: tuple[str, float, float] | None) -> dict[str, Domain]:
        if self.shapes.by_name:
            return {name: Domain(name, shape, time, self.parameters) for name, shape in self.shapes.by_name.items()}
        if time is None:
            raise UserError("data.geometry: a problem needs a geometry or a time: {bar: {shape: line, x: [0, 1]}}")
        return {"time": Domain("time", None, time, self.parameters)}

    def _of_inputs(self, text: Any, where: str) -> Formula:
        found = expression(text, self.names, where)
        if unfit := [each for each in arguments([found]) if each not in self.symbols]:
            raise UserError(f"{where}: {text}: {unfit[0]} is no coordinate or parameter")
        return Formula(found)

    def _end(self, text: Any, where: str) -> Formula:
        found = expression(text, self.names, where)
        for each in arguments([found]):
            if str(each) not in self.parameters:
                raise UserError(f"{where}: {text}: {each} is no parameter and no constant")
        return Formula(found)

    def _declare(self, name: str, meaning: sympy.Expr, where: str) -> None:
        word = isinstance(name, str) and name.isidentifier() and not iskeyword(name)  # lambda is Python's
        if not word or "__" in name or name in RESERVED:
            raise UserError(f"{where}: {name} cannot be a name here; take letters, digits and single _")
        if name in self.names:
            raise UserError(f"{where}: {name} is declared twice")
        self.names[name] = meaning

    def _range(self, value: Any, where: str) -> tuple[float, float]:
        if not isinstance(value, list | tuple) or len(value) != 2:
            raise UserError(f"{where}: give the least and the greatest value, as [0, 1]")
        low, high = (self._number(each, where) for each in value)
        if not low < high:
            raise UserError(f"{where}: {low:g} is not less than {high:g}")
        return low, high

    def _number(self, value: Any, where: str) -> float:
        found = expression(value, self.names, where)
        if not found.is_number or not found.is_real:
            raise UserError(f"{where}: {value} is no number")
        return float(found)


def known(node: Any, keys: tuple[str, ...], where: str) -> None:
    """Refuse a node that is no mapping or has other keys.

    Raises
    ------
    UserError
        Names the key and the nearest right one.
    """
    if not isinstance(node, Mapping):
        raise UserError(f"{where}: is {node!r}; it has the keys {', '.join(keys)}")
    for key in node:
        if key not in keys:
            raise UserError(f"{where}.{key}: no such key{nearest(str(key), keys)}")


def require_names(node: Any, where: str, example: str) -> None:
    """Refuse a list or text where names with their meanings stand.

    Raises
    ------
    UserError
        With the example.
    """
    if not isinstance(node, Mapping):
        raise UserError(f"{where}: is {node!r}; give names, as {example}")


def _require_inside(domain: Domain) -> None:
    if domain.is_empty():
        some = " for some parameters" if domain.parameters else "; do its parts meet, and are its sizes positive?"
        raise UserError(f"data.geometry.{domain.name}: is empty{some}")


def _symbol(name: str) -> sympy.Symbol:
    return sympy.Symbol(name, real=True)
