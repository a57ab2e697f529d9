"""What all weights of conditions that follow the training have in common."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from twinlib.physics.problem import Problem
from twinlib.physics.residuals import Residuals

Weights = dict[str, float]
EVERY_METHOD = ("adam", "soap", "levenberg_marquardt")
FIRST_ORDER = ("adam", "soap")


class Weighting:
    """Gives weights anew from time to time.

    Attributes
    ----------
    methods
        The optimizers that it makes sense with: those that learn a curvature need the same loss from step to step.
    remembers
        What it needs, beside the weights, to go on: numbers, and dictionaries or lists of them.
    weights
        By condition.
    """

    methods: tuple[str, ...] = FIRST_ORDER
    remembers: tuple[str, ...] = ()

    def __init__(self, problem: Problem, seed: int, every: int) -> None:
        self.every = every
        self.weights: Weights = {item.name: 1.0 for item in problem.conditions if item.residuals}
        self._inside = [
            item.name for item in problem.conditions if item.residuals and item.along is None and not item.given
        ]
        self._problem = problem
        self._seed = seed

    def update(self, residuals: Residuals, iteration: int) -> None:
        """New weights, out of what the residuals are now."""
        raise NotImplementedError

    def emphasise(self, residuals: Residuals, points: Mapping[str, np.ndarray]) -> None:
        """Let the residuals have the weights; `points` are theirs, by condition."""
        for name, weight in self.weights.items():
            residuals.emphasise(name, weight)

    def state(self) -> dict[str, Any]:
        """What it remembers."""
        return {key: getattr(self, key) for key in ("weights", *self.remembers)}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on as the one would whose `state` this is."""
        vars(self).update(state)
