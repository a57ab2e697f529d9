"""SymPy expressions as functions of arrays, NumPy's or torch's, without generating any code."""

from collections.abc import Callable, Mapping, Sequence
from types import ModuleType
from typing import Any

import sympy

Values = Mapping[sympy.Basic, Any]
_Step = Callable[[list[Any]], Any]

UNARY = {
    sympy.sin: "sin",
    sympy.cos: "cos",
    sympy.tan: "tan",
    sympy.sinh: "sinh",
    sympy.cosh: "cosh",
    sympy.tanh: "tanh",
    sympy.exp: "exp",
    sympy.log: "log",
    sympy.Abs: "abs",
    sympy.sign: "sign",  # the derivative of abs
}


class Compiled:
    """Several expressions that are computed together, what they share once.

    Parameters
    ----------
    expressions
        Of symbols, functions of the inputs and their derivatives. The latter two are arguments as they stand.
    library
        `numpy` or `torch`.
    """

    def __init__(self, expressions: Sequence[sympy.Expr], library: ModuleType) -> None:
        self._functions = {kind: getattr(library, name) for kind, name in UNARY.items()}
        atoms = arguments(expressions)
        # Derivatives become plain symbols before anything looks into them.
        plain = {atom: sympy.Symbol(f"argument{number}") for number, atom in enumerate(atoms)}
        shared, results = sympy.cse([_replaced(each, plain) for each in expressions], optimizations=None)
        self.arguments = atoms
        place: dict[sympy.Symbol, int] = {symbol: number for number, symbol in enumerate(plain.values())}
        self._steps: list[_Step] = []
        for symbol, value in shared:
            self._steps.append(self._step(value, place))
            place[symbol] = len(place)
        self._results = [self._step(value, place) for value in results]

    def __call__(self, values: Values) -> list[Any]:
        """The value of each expression, an array or, where it depends on no argument, a float."""
        stack = [values[atom] for atom in self.arguments]
        for step in self._steps:
            stack.append(step(stack))
        return [step(stack) for step in self._results]

    def _step(self, node: sympy.Expr, place: Mapping[sympy.Symbol, int]) -> _Step:
        if node.is_number:
            number = float(node)
            return lambda stack: number
        if isinstance(node, sympy.Symbol):
            at = place[node]
            return lambda stack: stack[at]
        if isinstance(node, sympy.Add | sympy.Mul):
            parts = [self._step(part, place) for part in node.args]
            return _folded(parts, product=isinstance(node, sympy.Mul))
        if isinstance(node, sympy.Pow):
            return self._power(node, place)
        function = self._functions[type(node)]
        inner = self._step(node.args[0], place)
        return lambda stack: function(inner(stack))

    def _power(self, node: sympy.Pow, place: Mapping[sympy.Symbol, int]) -> _Step:
        inner = self._step(node.base, place)
        if node.exp == 2:
            return lambda stack: _square(inner(stack))
        if node.exp == -1:
            return lambda stack: 1.0 / inner(stack)
        exponent = self._step(node.exp, place)
        return lambda stack: inner(stack) ** exponent(stack)


def arguments(expressions: Sequence[sympy.Expr]) -> list[sympy.Basic]:
    """The symbols, functions and derivatives that expressions are made of, in a fixed order."""
    found: set[sympy.Basic] = set()
    for each in expressions:
        _collect(each, found)
    return sorted(found, key=sympy.default_sort_key)


def _collect(node: sympy.Basic, found: set[sympy.Basic]) -> None:
    if isinstance(node, sympy.Symbol | sympy.Derivative | sympy.core.function.AppliedUndef):
        found.add(node)
    else:
        for part in node.args:
            _collect(part, found)


def _replaced(node: sympy.Basic, plain: Mapping[sympy.Basic, sympy.Symbol]) -> sympy.Basic:
    if node in plain:
        return plain[node]
    return node.func(*(_replaced(part, plain) for part in node.args)) if node.args else node


def _folded(parts: Sequence[_Step], product: bool) -> _Step:
    first, *rest = parts

    def fold(stack: list[Any]) -> Any:
        value = first(stack)
        for part in rest:
            value = value * part(stack) if product else value + part(stack)
        return value

    return fold


def _square(value: Any) -> Any:
    return value * value
