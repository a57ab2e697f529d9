"""Levenberg-Marquardt: damped Gauss-Newton steps on a sum of squares."""

import torch
from torch import Tensor
from torch.nn.utils import parameters_to_vector, vector_to_parameters

from twinlib.physics.residuals import Residuals

LEAST, GREATEST = 1e-16, 1e12  # damping


class LevenbergMarquardt:
    """Steps d with (J'J + m I) d = -J'r, solved in the smaller of two spaces: d = -J'(JJ' + m I)^-1 r is the same.

    The damping m follows the ratio of the achieved to the predicted decrease (Nielsen 1999; Madsen, Nielsen &
    Tingleff, "Methods for Non-Linear Least Squares Problems", 2004, algorithm 3.16).

    Parameters
    ----------
    damping
        To begin with.
    shrink
        Least factor on the damping after a good step.
    attempts
        Dampings that are tried in one iteration.
    """

    def __init__(self, residuals: Residuals, damping: float = 1.0, shrink: float = 1 / 3, attempts: int = 20) -> None:
        self.lr = damping
        self._residuals = residuals
        self._shrink = shrink
        self._attempts = attempts
        self._growth = 2.0

    def step(self) -> bool:
        residual, jacobian = self._residuals.jacobian()
        before = residual @ residual
        in_residuals = len(jacobian) < jacobian.shape[1]
        matrix = jacobian @ jacobian.T if in_residuals else jacobian.T @ jacobian
        start = parameters_to_vector(self._residuals.parameters).detach()
        for _ in range(self._attempts):
            step = self._solve(matrix, residual, jacobian, in_residuals)
            if step is not None:
                self._move(start + step)
                reached = self._residuals.vector()
                after = reached @ reached
                linear = residual + jacobian @ step
                predicted = before - linear @ linear
                if after < before:
                    ratio = float((before - after) / predicted.clamp(min=torch.finfo(predicted.dtype).tiny))
                    factor = max(self._shrink, 1 - (2 * ratio - 1) ** 3) if ratio < 1 else self._shrink
                    self.lr = max(self.lr * factor, LEAST)
                    self._growth = 2.0
                    return True
            self.lr *= self._growth
            self._growth *= 2
            if self.lr > GREATEST:
                break
        self._move(start)
        return False

    def _solve(self, matrix: Tensor, residual: Tensor, jacobian: Tensor, in_residuals: bool) -> Tensor | None:
        damped = matrix.clone()
        damped.diagonal().add_(self.lr)
        factor, failed = torch.linalg.cholesky_ex(damped)
        if failed:
            return None
        if in_residuals:
            return -(jacobian.T @ torch.cholesky_solve(residual[:, None], factor)[:, 0])
        return -torch.cholesky_solve((jacobian.T @ residual)[:, None], factor)[:, 0]

    def _move(self, to: Tensor) -> None:
        with torch.no_grad():
            vector_to_parameters(to, self._residuals.parameters)
