"""Learning rate schedules: the factor on `lr` at each step of a training.

A schedule is a function `(step, steps, …) -> factor` with `step` from 0 to `steps - 1` over the whole training.
`warmup` is the part of all steps, from 0 to 1, in which the factor rises linearly, to 1 at its last step.
"""

import math
from collections.abc import Sequence


def constant(step: int, steps: int, warmup: float = 0.0) -> float:
    """1 after the warmup."""
    return _warmup(step, steps, warmup)


def cosine(step: int, steps: int, warmup: float = 0.0, floor: float = 0.0) -> float:
    """Half a cosine from 1 down to `floor` (Loshchilov & Hutter 2017, eq. 5, without restarts)."""
    falling = 0.5 * (1 + math.cos(math.pi * _progress(step, steps, warmup)))
    return _warmup(step, steps, warmup) * (floor + (1 - floor) * falling)


def step(step: int, steps: int, warmup: float = 0.0, at: Sequence[float] = (0.5, 0.75), factor: float = 0.1) -> float:
    """Times `factor` after each of the parts `at` of all steps."""
    return _warmup(step, steps, warmup) * factor ** sum(step >= part * steps for part in at)


def exponential(step: int, steps: int, warmup: float = 0.0, floor: float = 0.01) -> float:
    """From 1 down to `floor`, by the same ratio at each step."""
    return _warmup(step, steps, warmup) * floor ** _progress(step, steps, warmup)


def _warmup(step: int, steps: int, warmup: float) -> float:
    return min(1.0, (step + 1) / (warmup * steps)) if warmup else 1.0


def _progress(step: int, steps: int, warmup: float) -> float:
    """How much of what comes after the warmup is done, from 0 to nearly 1."""
    start = warmup * steps
    return max(0.0, (step - start) / (steps - start)) if step >= start else 0.0
