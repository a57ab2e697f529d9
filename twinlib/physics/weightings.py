"""Weights of the conditions that follow from how the training goes, by name.

Each is a factor on what a condition has in the loss, beside `loss.weights`; each begins with 1. What the history says
of the loss is without them.
"""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from twinlib.physics.causal import Causal
from twinlib.physics.problem import Problem
from twinlib.physics.residuals import Residuals
from twinlib.physics.weighting import EVERY_METHOD, Weighting, Weights


class Annealing(Weighting):
    """max |grad L_inside| / mean |grad L_k| of each other condition k, smoothed (Wang, Teng & Perdikaris 2021,
    algorithm 1). Those that hold inside keep 1."""

    def __init__(self, problem: Problem, seed: int, every: int = 10, rate: float = 0.1) -> None:
        super().__init__(problem, seed, every)
        self._rate = float(rate)

    def update(self, residuals: Residuals, iteration: int) -> None:
        gradients = gradients_of_terms(residuals)
        inside = sum((gradients[name] for name in self._inside), torch.zeros(()))
        greatest = float(torch.as_tensor(inside).abs().max())
        for name, gradient in gradients.items():
            if name not in self._inside:
                wanted = greatest / max(float(gradient.abs().mean()), 1e-300)
                self.weights[name] = (1 - self._rate) * self.weights[name] + self._rate * wanted


class GradNorm(Weighting):
    """Gradients of norms that go with how slowly each condition trains (Chen et al. 2018).

    The weights w_k descend on sum_k |G_k - mean(G) r_k^alpha| with G_k = |w_k grad L_k| and r_k the part of L_k that is
    left against the mean of these parts; then they are scaled to add up to their number.
    """

    remembers = ("_first",)

    def __init__(self, problem: Problem, seed: int, every: int = 1, alpha: float = 1.5, rate: float = 0.025) -> None:
        super().__init__(problem, seed, every)
        self._alpha, self._rate = float(alpha), float(rate)
        self._first: Weights = {}

    def update(self, residuals: Residuals, iteration: int) -> None:
        gradients, losses = gradients_of_terms(residuals), _losses(residuals)
        self._first = self._first or losses
        left = {name: losses[name] / (self._first[name] or 1.0) for name in losses}
        mean_left = np.mean(list(left.values())) or 1.0
        norms = {name: float(gradient.norm()) for name, gradient in gradients.items()}
        mean = np.mean([self.weights[name] * norms[name] for name in norms])
        for name, norm in norms.items():
            away = self.weights[name] * norm - mean * (left[name] / mean_left) ** self._alpha
            # The step of the paper, on norms without a dimension.
            slope = np.sign(away) * norm / (np.mean(list(norms.values())) or 1.0)
            self.weights[name] = max(self.weights[name] - self._rate * float(slope), 1e-6)
        self.weights = _scaled(self.weights, len(self.weights))


class SoftAdapt(Weighting):
    """Softmax of how fast each condition's loss grows (Heydari, Thompson & Mehmood 2019, normalised), times their
    number."""

    remembers = ("_last",)

    def __init__(self, problem: Problem, seed: int, every: int = 1, beta: float = 0.1) -> None:
        super().__init__(problem, seed, every)
        self._beta = float(beta)
        self._last: Weights = {}

    def update(self, residuals: Residuals, iteration: int) -> None:
        losses = _losses(residuals)
        if self._last:
            slopes = np.array([losses[name] - self._last[name] for name in losses])
            slopes /= np.abs(slopes).sum() or 1.0
            self.weights = dict(zip(losses, _softmax(self._beta * slopes) * len(losses), strict=True))
        self._last = losses


class ReLoBRaLo(Weighting):
    """Relative loss balancing with random lookback (Bischof & Kraus 2021, equation 9).

    w(t) = alpha (rho w(t - 1) + (1 - rho) b(t, 0)) + (1 - alpha) b(t, t - 1) with b(t, t') = m softmax of
    L_k(t) / (T L_k(t')), where rho is 1 with the probability `lookback`, else 0.
    """

    remembers = ("_first", "_last")

    def __init__(
        self,
        problem: Problem,
        seed: int,
        every: int = 1,
        alpha: float = 0.999,
        temperature: float = 0.1,
        lookback: float = 0.999,
    ) -> None:
        super().__init__(problem, seed, every)
        self._alpha, self._temperature, self._lookback = float(alpha), float(temperature), float(lookback)
        self._first: Weights = {}
        self._last: Weights = {}

    def update(self, residuals: Residuals, iteration: int) -> None:
        losses = _losses(residuals)
        if self._last:
            rho = float(np.random.default_rng([self._seed, iteration]).random() < self._lookback)
            from_first, from_last = self._balanced(losses, self._first), self._balanced(losses, self._last)
            for name, weight in self.weights.items():
                before = rho * weight + (1 - rho) * from_first[name]
                self.weights[name] = self._alpha * before + (1 - self._alpha) * from_last[name]
        self._first = self._first or losses
        self._last = losses

    def _balanced(self, losses: Weights, before: Weights) -> Weights:
        ratios = np.array([losses[name] / (self._temperature * (before[name] or 1e-300)) for name in losses])
        return dict(zip(losses, _softmax(ratios) * len(losses), strict=True))


class Homoscedastic(Weighting):
    """1 / s_k^2 with trained s_k, of the likelihood sum_k L_k / (2 s_k^2) + log s_k (Kendall, Gal & Cipolla 2018).

    log s_k^2 descends with `rate`. At the minimum s_k^2 = L_k.
    """

    remembers = ("_logarithms",)

    def __init__(self, problem: Problem, seed: int, every: int = 1, rate: float = 1e-2) -> None:
        super().__init__(problem, seed, every)
        self._rate = float(rate)
        self._logarithms: Weights = dict.fromkeys(self.weights, 0.0)

    def update(self, residuals: Residuals, iteration: int) -> None:
        for name, loss in _losses(residuals).items():
            slope = 0.5 - 0.5 * np.exp(-self._logarithms[name]) * loss
            self._logarithms[name] -= self._rate * float(slope)
            self.weights[name] = float(np.exp(-self._logarithms[name]))


class TangentKernel(Weighting):
    """trace of all / trace of its own of the neural tangent kernel J J' (Wang, Yu & Perdikaris 2022), exactly."""

    methods = EVERY_METHOD

    def __init__(self, problem: Problem, seed: int, every: int = 50) -> None:
        super().__init__(problem, seed, every)

    def update(self, residuals: Residuals, iteration: int) -> None:
        for name in self.weights:
            residuals.emphasise(name, 1.0)
        traces = dict.fromkeys(self.weights, 0.0)
        for name, square in residuals.kernel_traces():
            traces[name] += square
        total = sum(traces.values())
        self.weights = {name: total / (trace or 1.0) for name, trace in traces.items()}


WEIGHTINGS: dict[str, Callable[..., Weighting]] = {
    "annealing": Annealing,
    "gradnorm": GradNorm,
    "softadapt": SoftAdapt,
    "relobralo": ReLoBRaLo,
    "homoscedastic": Homoscedastic,
    "tangent_kernel": TangentKernel,
    "causal": Causal,
}


def gradients_of_terms(residuals: Residuals) -> dict[str, Tensor]:
    """The gradient of what each condition has in the loss, shape (parameters,), without any weights."""
    found = {}
    for name, term in residuals.terms().items():
        parts = torch.autograd.grad(
            term, residuals.parameters, retain_graph=True, allow_unused=True, materialize_grads=True
        )
        found[name] = torch.cat([part.reshape(-1) for part in parts])
    return found


def _losses(residuals: Residuals) -> Weights:
    with torch.no_grad():
        return {name: float(term) for name, term in residuals.terms().items()}


def _softmax(values: np.ndarray) -> np.ndarray:
    powers = np.exp(values - values.max())
    return np.asarray(powers / powers.sum())


def _scaled(weights: Weights, total: float) -> Weights:
    factor = total / sum(weights.values())
    return {name: float(weight * factor) for name, weight in weights.items()}
