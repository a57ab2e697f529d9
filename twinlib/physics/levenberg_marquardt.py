"""Levenberg-Marquardt: damped Gauss-Newton steps on a sum of squares."""

from collections.abc import Mapping
from typing import Any, Protocol

import torch
from torch import Tensor, nn
from torch.nn.utils import parameters_to_vector, vector_to_parameters

LEAST, GREATEST = 1e-16, 1e12  # damping
PANEL = 256  # columns
_AHEAD = 0.1  # part of the step after which the curvature of the path is measured
_BENT = 0.75  # how large the correction may be against the step (Transtrum & Sethna 2012)


class Squares(Protocol):
    """A sum of squared residuals, as `twinlib.physics.residuals.Residuals`."""

    parameters: list[nn.Parameter]
    size: int  # residuals
    columns: int  # numbers in the parameters

    def vector(self) -> Tensor: ...

    def jacobian(self) -> tuple[Tensor, Tensor]: ...

    def normal(self) -> tuple[Tensor, Tensor, Tensor]: ...

    def pull(self, vector: Tensor) -> Tensor: ...


class LevenbergMarquardt:
    """Steps d with (J'J + m I) d = -J'r, solved in the smaller of two spaces: d = -J'(JJ' + m I)^-1 r is the same.

    The damping m follows the ratio of the achieved to the predicted decrease (Nielsen 1999; Madsen, Nielsen &
    Tingleff, "Methods for Non-Linear Least Squares Problems", 2004, algorithm 3.16). Where there are more residuals
    than parameters the Jacobian J is never in memory as a whole.

    Parameters
    ----------
    damping
        To begin with.
    shrink
        Least factor on the damping after a good step.
    attempts
        Dampings that are tried in one iteration.
    acceleration
        Whether a step is bent along the curvature of the residuals (geodesic acceleration, Transtrum & Sethna 2012):
        one more evaluation and one more solution with the same factors.
    """

    def __init__(
        self,
        residuals: Squares,
        damping: float = 1.0,
        shrink: float = 1 / 3,
        attempts: int = 20,
        acceleration: bool = True,
    ) -> None:
        self.lr = damping
        self._residuals = residuals
        self._shrink = shrink
        self._attempts = attempts
        self._acceleration = acceleration
        self._growth = 2.0

    def step(self) -> bool:
        jacobian: Tensor | None = None
        if self._residuals.size < self._residuals.columns:
            residual, jacobian = self._residuals.jacobian()
            matrix = lower_half(jacobian)
            gradient = jacobian.T @ residual
        else:
            residual, matrix, gradient = self._residuals.normal()
        before = residual @ residual
        start = parameters_to_vector(self._residuals.parameters).detach()
        diagonal = matrix.diagonal().clone()
        for _ in range(self._attempts):
            matrix.diagonal().copy_(diagonal + self.lr)
            factor, failed = torch.linalg.cholesky_ex(matrix)
            if not failed:
                step = _solved(factor, residual, gradient, jacobian)
                # |r|^2 - |r + J d|^2, of which nothing cancels
                predicted = self.lr * step @ step - gradient @ step
                if self._acceleration:
                    step = step + self._bend(start, step, residual, gradient, jacobian, factor)
                self._move(start + step)
                reached = self._residuals.vector()
                after = reached @ reached
                if after < before:
                    ratio = float((before - after) / predicted.clamp(min=torch.finfo(predicted.dtype).tiny))
                    factor_of_damping = max(self._shrink, 1 - (2 * ratio - 1) ** 3) if ratio < 1 else self._shrink
                    self.lr = max(self.lr * factor_of_damping, LEAST)
                    self._growth = 2.0
                    return True
            self.lr *= self._growth
            self._growth *= 2
            if self.lr > GREATEST:
                break
        self._move(start)
        return False

    def state(self) -> dict[str, Any]:
        """As that of `twinlib.physics.first_order.Adam`."""
        return {"damping": self.lr, "growth": self._growth}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on as the one would whose `state` this is."""
        self.lr, self._growth = state["damping"], state["growth"]

    def _bend(
        self, start: Tensor, step: Tensor, residual: Tensor, gradient: Tensor, jacobian: Tensor | None, factor: Tensor
    ) -> Tensor:
        """Half the second derivative along the path on which the linear model is followed; 0 where it is large."""
        self._move(start + _AHEAD * step)
        change = (self._residuals.vector() - residual) / _AHEAD
        if jacobian is not None:
            bend = _solved(factor, 1 / _AHEAD * (change - jacobian @ step), gradient, jacobian)
        else:
            self._move(start)
            along = -gradient - self.lr * step  # J'J d
            bend = _solved(factor, residual, 1 / _AHEAD * (self._residuals.pull(change) - along), None)
        return bend if 2 * bend.norm() <= _BENT * step.norm() else torch.zeros_like(bend)

    def _move(self, to: Tensor) -> None:
        with torch.no_grad():
            vector_to_parameters(to, self._residuals.parameters)


def _solved(factor: Tensor, residual: Tensor, gradient: Tensor, jacobian: Tensor | None) -> Tensor:
    if jacobian is not None:
        return -(jacobian.T @ torch.cholesky_solve(residual[:, None], factor)[:, 0])
    return -torch.cholesky_solve(gradient[:, None], factor)[:, 0]


def lower_half(jacobian: Tensor) -> Tensor:
    """J J', at and below the diagonal only: a little more than half of the products."""
    matrix = jacobian.new_zeros(len(jacobian), len(jacobian))
    for start in range(0, len(jacobian), PANEL):
        end = start + PANEL
        torch.mm(jacobian[start:], jacobian[start:end].T, out=matrix[start:, start:end])
    return matrix
