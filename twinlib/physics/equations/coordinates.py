"""Derivatives in space and time, of which all equations are made."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import sympy

from twinlib.errors import UserError

Vector: TypeAlias = tuple[sympy.Expr, ...]  # a component for each coordinate
Complex: TypeAlias = tuple[sympy.Expr, sympy.Expr]  # real and imaginary part


@dataclass(frozen=True)
class Coordinates:
    """Cartesian coordinates and, where there is one, time; `name` is that of the equation, for messages."""

    space: tuple[sympy.Symbol, ...]
    time: sympy.Symbol | None
    name: str

    def gradient(self, u: sympy.Expr) -> Vector:
        return tuple(u.diff(x) for x in self.space)

    def divergence(self, flux: Sequence[sympy.Expr]) -> sympy.Expr:
        return sympy.Add(*(component.diff(x) for component, x in zip(flux, self.space, strict=True)))

    def spread(self, k: sympy.Expr, u: sympy.Expr) -> sympy.Expr:
        """div(k grad u)."""
        return self.divergence([k * slope for slope in self.gradient(u)])

    def carried(self, velocity: Vector, u: sympy.Expr) -> sympy.Expr:
        """velocity . grad u."""
        return sympy.Add(*(speed * slope for speed, slope in zip(velocity, self.gradient(u), strict=True)))

    def rate(self, u: sympy.Expr, order: int = 1) -> sympy.Expr:
        """The derivative by time.

        Raises
        ------
        UserError
            There is no time.
        """
        if self.time is None:
            raise UserError(f"{self.name} is an equation in time: declare data.time, such as {{t: [0, 1]}}")
        return u.diff(self.time, order)

    def rate_if_any(self, u: sympy.Expr) -> sympy.Expr:
        """The derivative by time; 0 in a problem without time, which is steady."""
        return u.diff(self.time) if self.time is not None else sympy.Integer(0)

    def or_zero(self, vector: Vector) -> Vector:
        """A vector that was left out is zero."""
        return vector or tuple(sympy.Integer(0) for _ in self.space)
