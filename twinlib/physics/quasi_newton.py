"""Methods that learn the curvature of the loss from its gradients."""

import math
import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.utils import parameters_to_vector, vector_to_parameters

from twinlib.physics.residuals import Residuals


class LBFGS:
    """L-BFGS with a line search by the strong Wolfe conditions (Liu & Nocedal 1989)."""

    def __init__(self, residuals: Residuals, history: int = 50) -> None:
        self.lr = 1.0
        self._residuals = residuals
        self._last = float("inf")
        self._method = torch.optim.LBFGS(
            residuals.parameters,
            max_iter=1,
            max_eval=25,
            history_size=history,
            tolerance_grad=0,
            tolerance_change=0,
            line_search_fn="strong_wolfe",
        )

    def step(self) -> bool:
        def closure() -> Tensor:
            self._method.zero_grad()
            return self._residuals.backward()

        loss = float(self._method.step(closure).detach())  # before the step
        progress, self._last = loss < self._last, loss
        return progress

    def state(self) -> dict[str, Any]:
        """As that of `twinlib.physics.first_order.Adam`."""
        states = self._method.state_dict()["state"]
        return {"last": self._last, "method": dict(states[0]) if states else {}}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on as the one would whose `state` this is."""
        self._last = state["last"]
        whole = self._method.state_dict()
        self._method.load_state_dict({**whole, "state": {0: state["method"]} if state["method"] else {}})


class SelfScaledBroyden:
    """The self-scaled Broyden method with a dense inverse of the Hessian (Al-Baali & Khalfan 2005; for equations Urbán,
    Stefanou & Pons 2025): for networks of some thousand parameters.

    With s the step, y the change of the gradient g and H the inverse,

        H <- (H - Hy yH / yHy + phi yHy v v') / tau + s s' / ys,    v = s / ys - Hy / yHy,

    where phi and tau follow from b = -alpha sg / ys and h = yHy / ys. phi = tau = 1 is BFGS. The line search is
    SciPy's, by the strong Wolfe conditions; where it finds nothing H begins anew.
    """

    def __init__(self, residuals: Residuals) -> None:
        self.lr = 0.0
        self._residuals = residuals
        self._inverse: Tensor | None = None

    def step(self) -> bool:
        from scipy.optimize import line_search

        start = parameters_to_vector(self._residuals.parameters).detach()
        loss, gradient = self._at(start)
        found: dict[bytes, tuple[float, Tensor]] = {}

        def at(place: np.ndarray) -> tuple[float, Tensor]:
            # The search asks for loss and gradient one after the other.
            key = place.tobytes()
            if key not in found:
                found.clear()
                found[key] = self._at(torch.from_numpy(place.copy()))
            return found[key]

        while True:
            fresh = self._inverse is None
            direction = -gradient / gradient.norm() if self._inverse is None else -(self._inverse @ gradient)
            with warnings.catch_warnings():
                warnings.filterwarnings("ignore", "The line search algorithm")
                length, *_ = line_search(
                    lambda place: at(place)[0],
                    lambda place: at(place)[1].numpy(),
                    start.numpy(),
                    direction.numpy(),
                    gradient.numpy(),
                    loss,
                    maxiter=25,
                )
            if length is not None:
                break
            self._inverse = None
            if fresh:
                self._move(start)
                return False
        self.lr = float(length)
        step = self.lr * direction
        reached, after = at((start + step).numpy())
        self._move(start + step)
        self._learn(step, after - gradient, gradient)
        return reached < loss

    def state(self) -> dict[str, Any]:
        """As that of `twinlib.physics.first_order.Adam`."""
        return {"lr": self.lr, "inverse": self._inverse}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on as the one would whose `state` this is."""
        self.lr = state["lr"]
        self._inverse = state["inverse"]

    def _learn(self, step: Tensor, change: Tensor, gradient: Tensor) -> None:
        along = float(change @ step)
        if not along > 0:
            return
        if self._inverse is None:
            self._inverse = torch.eye(len(step)) * (along / float(change @ change))
        product = self._inverse @ change
        size = float(change @ product)
        phi, tau = factors(-self.lr * float(step @ gradient) / along, size / along, len(step))
        between = step / along - product / size
        self._inverse.sub_(torch.outer(product, product / size))
        self._inverse.add_(torch.outer(between, phi * size * between))
        self._inverse.div_(tau)
        self._inverse.add_(torch.outer(step, step / along))

    def _at(self, place: Tensor) -> tuple[float, Tensor]:
        self._move(place)
        for parameter in self._residuals.parameters:
            parameter.grad = None
        loss = float(self._residuals.backward())
        gradients = [torch.zeros_like(p) if p.grad is None else p.grad for p in self._residuals.parameters]
        return loss, parameters_to_vector(gradients)

    def _move(self, to: Tensor) -> None:
        with torch.no_grad():
            vector_to_parameters(to, self._residuals.parameters)


def factors(b: float, h: float, dimensions: int) -> tuple[float, float]:
    """phi and tau of the self-scaled Broyden method; b h >= 1 (Urbán et al. 2025, their method SSBroyden)."""
    a = max(b * h - 1, 0.0)
    if a < 1e-14:  # all methods of the family agree
        return 1.0, 1.0
    lower = min(1.0, h * (1 - math.sqrt(a / (1 + a))))
    theta = max((lower - 1) / a, min(1 / lower, (1 - b) / b))
    sigma = 1 + theta * a
    root = sigma ** (1 / (1 - dimensions)) if dimensions > 1 else 1.0
    rho = min(1.0, 1 / b)
    tau = rho * min(root, 1 / theta) if theta > 0 else min(rho * root, sigma)
    return (1 - theta) / sigma, tau
