"""Optimizers of torch. The fused variants do the same arithmetic in one pass over the memory."""

from collections.abc import Iterable, Sequence

from torch import optim
from torch.nn import Parameter


def adam(
    parameters: Iterable[Parameter], lr: float, betas: Sequence[float] = (0.9, 0.999), eps: float = 1e-7
) -> optim.Optimizer:
    """Adam (Kingma & Ba 2015, algorithm 1)."""
    return optim.Adam(parameters, lr, (betas[0], betas[1]), eps, fused=True)


def adamw(
    parameters: Iterable[Parameter],
    lr: float,
    betas: Sequence[float] = (0.9, 0.999),
    eps: float = 1e-7,
    weight_decay: float = 1e-2,
) -> optim.Optimizer:
    """Adam after a step in which every parameter loses `lr * weight_decay` of itself (Loshchilov & Hutter 2019)."""
    return optim.AdamW(parameters, lr, (betas[0], betas[1]), eps, weight_decay, fused=True)


def sgd(parameters: Iterable[Parameter], lr: float, momentum: float = 0.9, nesterov: bool = False) -> optim.Optimizer:
    """Gradient descent: `m = momentum * m + g`, then minus `lr * m`, or `lr * (g + momentum * m)` with `nesterov`."""
    return optim.SGD(parameters, lr, momentum, nesterov=nesterov and momentum > 0, fused=True)


def rmsprop(parameters: Iterable[Parameter], lr: float, rho: float = 0.9, eps: float = 1e-7) -> optim.Optimizer:
    """Minus `lr * g / (sqrt(v) + eps)` with `v`, from 0, the mean of `g²` that forgets by `rho`."""
    return optim.RMSprop(parameters, lr, rho, eps)
