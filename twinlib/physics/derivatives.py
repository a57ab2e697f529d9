"""Derivatives of a network with respect to its inputs in one forward pass: Taylor mode.

A jet holds the Taylor coefficients of a function along straight lines through its points,

    f(x + s v) = f_0 + f_1 s + f_2 s^2 + …,    f_k = D_v^k f(x) / k!

as a tensor of shape (1 + orders * directions, n, features): first f_0, which all directions share, then f_1 of each
direction, f_2 of each direction, … Layers map jets to jets (Griewank & Walther, "Evaluating Derivatives", ch. 13): a
linear layer coefficient by coefficient, an activation by a recurrence. The cost grows with the square of the order in
the activations and linearly in the products; nested reverse mode grows exponentially. Mixed derivatives are combined
from those along several directions (Griewank, Utke & Walther 2000).
"""

from collections.abc import Callable, Sequence
from itertools import product
from math import factorial, gcd, prod

import numpy as np
import torch
from torch import Tensor

Index = tuple[int, ...]  # how often to derive by each input


class Directions:
    """Which lines to follow for some derivatives, and how these are put together from the coefficients.

    Parameters
    ----------
    indices
        The derivatives that are wanted, each as its orders by input: (0, 0) the value, (1, 1) the mixed one.
    """

    def __init__(self, indices: Sequence[Index]) -> None:
        self.indices = list(indices)
        self.order = max((sum(index) for index in indices), default=0)
        lines: dict[Index, int] = {}
        recipes: list[tuple[int, list[int], list[float]]] = []
        for index in self.indices:
            order = sum(index)
            along, factors = _lines(index) if order else ([], np.zeros(0))
            places = [lines.setdefault(line, len(lines)) for line in along]
            recipes.append((order, places, [float(factor) for factor in factors]))
        self.vectors = np.array(list(lines), dtype=float)
        self._recipes = recipes

    def seed(self, points: Tensor) -> Tensor:
        """The jet of the inputs themselves, shape (1 + orders * directions, n, inputs)."""
        jet = points.new_zeros(1 + self.order * len(self.vectors), *points.shape)
        jet[0] = points
        if self.order:
            jet[1 : 1 + len(self.vectors)] = torch.as_tensor(self.vectors, dtype=points.dtype)[:, None, :]
        return jet

    def derivatives(self, jet: Tensor) -> list[Tensor]:
        """Each wanted derivative, shape (n, features), out of the jet of a function."""
        found = []
        for order, places, factors in self._recipes:
            start = 1 + (order - 1) * len(self.vectors)
            terms = [jet[start + place] * factor for place, factor in zip(places, factors, strict=True)]
            found.append(sum(terms[1:], terms[0]) if order else jet[0])
        return found


def _lines(index: Index) -> tuple[list[Index], np.ndarray]:
    """Directions, and factors with which their coefficients of order |index| add up to the derivative `index`.

    The coefficient along v is the sum over all derivatives a of order k of v^a / a! D^a. The directions with whole,
    non-negative entries that add up to k determine all D^a.
    """
    order, axes = sum(index), [axis for axis, times in enumerate(index) if times]
    corners = [corner for corner in product(range(order + 1), repeat=len(axes)) if sum(corner) == order]
    matrix = np.array([[prod(v**a / factorial(a) for v, a in zip(line, alpha, strict=True)) for alpha in corners]
                       for line in corners])  # fmt: skip
    wanted = np.array([float(alpha == tuple(index[axis] for axis in axes)) for alpha in corners])
    factors = np.linalg.solve(matrix.T, wanted)
    lines, kept = [], []
    for corner, factor in zip(corners, factors, strict=True):
        if abs(factor) > 1e-12:
            # (2, 0) points where (1, 0) does; its coefficient of order k is 2^k times as large.
            divisor = gcd(*corner)
            line = [0] * len(index)
            for axis, step in zip(axes, corner, strict=True):
                line[axis] = step // divisor
            lines.append(tuple(line))
            kept.append(factor * divisor**order)
    return lines, np.array(kept)


def split(jet: Tensor, order: int) -> list[Tensor]:
    """The coefficients by order: shape (1, n, features), then (directions, n, features) each."""
    directions = (len(jet) - 1) // order if order else 0
    return [jet[:1], *(jet[1 + k * directions : 1 + (k + 1) * directions] for k in range(order))]


def tanh(jet: Tensor, order: int) -> Tensor:
    """y' = (1 - y^2) z'."""
    z = split(jet, order)
    y = [torch.tanh(z[0])]
    slope = [1 - y[0] * y[0]]
    for k in range(1, order + 1):
        y.append(_integrate(z, slope, k))
        if k < order:
            slope.append(-_square(y, k))
    return torch.cat(y)


def sine(jet: Tensor, order: int) -> Tensor:
    """s' = c z', c' = -s z'."""
    z = split(jet, order)
    s, c = [torch.sin(z[0])], [torch.cos(z[0])] if order else []
    for k in range(1, order + 1):
        s.append(_integrate(z, c, k))
        if k < order:
            c.append(-_integrate(z, s, k))
    return torch.cat(s)


def sigmoid(jet: Tensor, order: int) -> Tensor:
    """The logistic function 1 / (1 + e^-z): y' = y (1 - y) z'."""
    return torch.cat(_logistic(split(jet, order), order))


def swish(jet: Tensor, order: int) -> Tensor:
    """z / (1 + e^-z)."""
    z = split(jet, order)
    y = _logistic(z, order)
    return torch.cat([_product(z, y, k) for k in range(order + 1)])


def product_of(left: Tensor, right: Tensor, order: int) -> Tensor:
    """The jet of a product, feature by feature (Leibniz)."""
    a, b = split(left, order), split(right, order)
    return torch.cat([_product(a, b, k) for k in range(order + 1)])


def mixed(gate: Tensor, one: Tensor, zero: Tensor, order: int) -> Tensor:
    """gate * one + (1 - gate) * zero."""
    return zero + product_of(gate, one - zero, order)


def _logistic(z: Sequence[Tensor], order: int) -> list[Tensor]:
    y = [torch.sigmoid(z[0])]
    slope = [y[0] * (1 - y[0])]
    for k in range(1, order + 1):
        y.append(_integrate(z, slope, k))
        if k < order:
            slope.append(y[k] - _square(y, k))
    return y


ACTIVATIONS: dict[str, Callable[[Tensor, int], Tensor]] = {"tanh": tanh, "sine": sine, "swish": swish}


def _product(a: Sequence[Tensor], b: Sequence[Tensor], k: int) -> Tensor:
    """Coefficient k of a * b."""
    terms = [a[j] * b[k - j] for j in range(k + 1)]
    return sum(terms[1:], terms[0])


def _square(a: Sequence[Tensor], k: int) -> Tensor:
    """Coefficient k of a * a."""
    terms = [2 * a[j] * a[k - j] for j in range((k + 1) // 2)]
    if k % 2 == 0:
        terms.append(a[k // 2] * a[k // 2])
    return sum(terms[1:], terms[0])


def _integrate(z: Sequence[Tensor], slope: Sequence[Tensor], k: int) -> Tensor:
    """Coefficient k of y with y' = slope * z'."""
    terms = [z[j] * slope[k - j] * (j / k) if j < k else z[j] * slope[0] for j in range(1, k + 1)]
    return sum(terms[1:], terms[0])
