"""Equations as text, read into SymPy without running any of it.

The text is parsed by Python's own grammar into a syntax tree, of which numbers, declared names, + - * / **, and the
functions below are taken and everything else is refused. `diff(u, x, 2)`, `diff(u, x, t)` and `u__x__x` are
derivatives; what `diff` takes may be any expression, `diff(k*diff(T, x), x)` say. On a boundary, `normal(u)` is the
derivative along the outward normal.
"""

import ast
import math
import re
from collections.abc import Callable, Mapping
from typing import Any

import sympy

from twinlib.config.mistakes import nearest
from twinlib.errors import UserError

FUNCTIONS: dict[str, Callable[..., sympy.Expr]] = {
    "sin": sympy.sin,
    "cos": sympy.cos,
    "tan": sympy.tan,
    "sinh": sympy.sinh,
    "cosh": sympy.cosh,
    "tanh": sympy.tanh,
    "exp": sympy.exp,
    "log": sympy.log,
    "sqrt": sympy.sqrt,
    "abs": sympy.Abs,
}
CONSTANTS = {"pi": sympy.pi}
LONGEST = 2000  # characters
LARGEST = 1e15  # whole numbers that float64 holds exactly
HIGHEST = 20  # exponent; and order of a derivative
MOST_TERMS = 10_000  # of an expression that is multiplied out
LARGEST_EXPONENTIAL = 700  # e to this is a number in float64

Names = Mapping[str, sympy.Expr]
_PRODUCT = re.compile(r"(?<![\w.])[\d.]+\s*(?![eE][+-]?\d)[A-Za-z(]|\)\s*[\w(]")  # 2 x, 2(x + 1) or (x + 1)(x - 1)


def equation(text: Any, names: Names, where: str, normal: Mapping[str, sympy.Expr] | None = None) -> sympy.Expr:
    """`left = right` as left - right.

    Raises
    ------
    UserError
        No equation, or as `expression`.
    """
    sides = two_sides(text, where)
    left, right = (expression(side, names, where, normal) for side in sides)
    return left - right


def two_sides(text: Any, where: str) -> tuple[str, str]:
    """What stands left and right of =.

    Raises
    ------
    UserError
        There is no =, or more than one.
    """
    sides = str(text).split("=")
    if len(sides) != 2:
        remedy = "; write a single =, not ==" if "==" in str(text) else ", as diff(u, x, 2) = 1"
        raise UserError(f"{where}: {text}: an equation has one ={remedy}")
    return sides[0], sides[1]


def expression(text: Any, names: Names, where: str, normal: Mapping[str, sympy.Expr] | None = None) -> sympy.Expr:
    """A text or number as a SymPy expression.

    Parameters
    ----------
    names
        What each declared name stands for.
    where
        The key of the config, for messages.
    normal
        By coordinate, the component of the outward normal, where there is one.

    Raises
    ------
    UserError
        No expression, a name that is not declared, or anything that is not arithmetic.
    """
    shown = str(text).strip()
    if len(shown) > LONGEST:
        raise UserError(f"{where}: longer than {LONGEST} characters; write it as several equations or constants")
    try:
        tree = ast.parse(shown, mode="eval")
        found = _Reader(shown, names, where, normal).read(tree.body)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise UserError(f"{where}: {shown[:80]}: cannot be read as an expression{_remedy(shown)}") from None
    if not is_finite(found):
        raise UserError(f"{where}: {shown[:200]}: is no real number; is there a division by zero, or a root of -1?")
    if _terms(found) > MOST_TERMS:
        raise UserError(
            f"{where}: {shown[:200]}: has more than {MOST_TERMS} terms once it is multiplied out; make a part of it a "
            f"field with an equation of its own"
        )
    return found


def is_finite(expression: sympy.Expr) -> bool:
    """Whether it has no infinite and no complex number in it."""
    return not expression.has(sympy.zoo, sympy.nan, sympy.oo, -sympy.oo, sympy.I)


def _terms(node: sympy.Expr) -> int:
    """How many there are once everything is multiplied out."""
    if isinstance(node, sympy.Add):
        return sum(_terms(part) for part in node.args)
    if isinstance(node, sympy.Mul):
        return math.prod(_terms(part) for part in node.args)
    if isinstance(node, sympy.Pow) and isinstance(node.exp, sympy.Integer):
        inner = _terms(node.base)
        return math.comb(inner + abs(int(node.exp)) - 1, inner - 1)
    return max((_terms(part) for part in node.args), default=1)


def _remedy(text: str) -> str:
    return "; a product is written with *, and numbers have no units" if _PRODUCT.search(text) else ""


class _Reader:
    def __init__(self, text: str, names: Names, where: str, normal: Mapping[str, sympy.Expr] | None) -> None:
        self._text = text
        self._names = names
        self._where = where
        self._normal = normal

    def read(self, node: ast.expr) -> sympy.Expr:
        match node:
            case ast.Constant(value=bool()):
                raise self._refusal(node)
            case ast.Constant(value=int() | float() as value):
                return self._number(value)
            case ast.Name(id=name):
                return self._name(name)
            case ast.UnaryOp(op=ast.USub() | ast.UAdd()):
                inner = self.read(node.operand)
                return -inner if isinstance(node.op, ast.USub) else inner
            case ast.BinOp(op=ast.Add() | ast.Sub() | ast.Mult() | ast.Div() | ast.Pow()):
                return self._arithmetic(node)
            case ast.Call(func=ast.Name(id=name), keywords=[]):
                return self._call(name, node)
        raise self._refusal(node)

    def _number(self, value: float) -> sympy.Expr:
        if not math.isfinite(value):
            raise self._error("a number is not finite")
        if isinstance(value, int) and value <= LARGEST:
            return sympy.Integer(value)
        return sympy.Float(float(value))

    def _name(self, name: str) -> sympy.Expr:
        if name in self._names:
            return self._names[name]
        if name in CONSTANTS:
            return CONSTANTS[name]
        field, *inputs = name.split("__")
        if inputs and field in self._names:
            return self._derivative(self._names[field], [(self._input(each), 1) for each in inputs])
        field, *inputs = name.split("_")
        if inputs and field in self._names and all(each in self._names for each in "".join(inputs)):
            raise self._error(f"{name} is not declared; a derivative is diff({field}, {', '.join(''.join(inputs))})")
        raise self._error(f"{name} is not declared{nearest(name, [*self._names, *CONSTANTS, *FUNCTIONS])}")

    def _arithmetic(self, node: ast.BinOp) -> sympy.Expr:
        left, right = self.read(node.left), self.read(node.right)
        match node.op:
            case ast.Add():
                return left + right
            case ast.Sub():
                return left - right
            case ast.Mult():
                return left * right
            case ast.Div():
                if right == 0:
                    raise self._error("division by zero")
                return left / right
        if right.is_number:
            if not right.is_real or abs(float(right)) > HIGHEST:
                raise self._error(f"an exponent is at most {HIGHEST}")
            if left == 0 and right < 0:
                raise self._error("division by zero")
        power = left**right
        if power.is_number and left.is_real and abs(float(right)) * abs(math.log10(abs(float(left)) or 1)) > 300:
            raise self._error("a number is too large or too small")
        if isinstance(power, sympy.Pow) and power.exp.is_number and abs(float(power.exp)) > HIGHEST:
            raise self._error(f"an exponent is at most {HIGHEST}")  # of a power of a power
        return power

    def _call(self, name: str, node: ast.Call) -> sympy.Expr:
        if name == "diff":
            return self._diff(node)
        if name == "normal":
            return self._along_normal(node)
        if name not in FUNCTIONS:
            raise self._error(f"there is no function {name}{nearest(name, [*FUNCTIONS, 'diff', 'normal'])}")
        if len(node.args) != 1:
            raise self._error(f"{name} takes one argument")
        inner = self.read(node.args[0])
        if name in ("exp", "sinh", "cosh") and inner.is_number and inner.is_real and inner > LARGEST_EXPONENTIAL:
            raise self._error("a number is too large")
        return FUNCTIONS[name](inner)

    def _diff(self, node: ast.Call) -> sympy.Expr:
        if len(node.args) < 2:
            raise self._error("diff takes an expression and what to derive by: diff(u, x) or diff(u, x, 2)")
        steps: list[tuple[sympy.Symbol, int]] = []
        for each in node.args[1:]:
            if isinstance(each, ast.Constant) and type(each.value) is int and steps and 1 <= each.value <= HIGHEST:
                steps[-1] = (steps[-1][0], each.value)
            elif isinstance(each, ast.Name):
                steps.append((self._input(each.id), 1))
            else:
                raise self._error("diff takes coordinates and small whole numbers after the expression")
        return self._derivative(self.read(node.args[0]), steps)

    def _along_normal(self, node: ast.Call) -> sympy.Expr:
        if self._normal is None:
            raise self._error("normal() has a meaning on a boundary only")
        if len(node.args) != 1:
            raise self._error("normal takes one argument")
        inner = self.read(node.args[0])
        terms = [component * inner.diff(self._input(name)) for name, component in self._normal.items()]
        return sympy.Add(*terms)

    def _input(self, name: str) -> sympy.Symbol:
        found = self._names.get(name)
        if not isinstance(found, sympy.Symbol):
            symbols = [each for each, value in self._names.items() if isinstance(value, sympy.Symbol)]
            raise self._error(f"{name} is nothing to derive by{nearest(name, symbols)}")
        return found

    def _derivative(self, inner: sympy.Expr, steps: list[tuple[sympy.Symbol, int]]) -> sympy.Expr:
        for symbol, times in steps:
            inner = inner.diff(symbol, times)
        return inner

    def _refusal(self, node: ast.expr) -> UserError:
        part = ast.get_source_segment(self._text, node) or self._text
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitXor):
            return self._error(f"{part[:80]}: a power is written **")
        return self._error(f"{part[:80]} is no arithmetic: use numbers, declared names, + - * / ** and functions")

    def _error(self, message: str) -> UserError:
        return UserError(f"{self._where}: {self._text[:200]}: {message}")
