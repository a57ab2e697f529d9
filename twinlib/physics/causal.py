"""Weights by time: what comes later waits for what is earlier."""

from collections.abc import Mapping

import numpy as np
import torch

from twinlib.physics.problem import Problem
from twinlib.physics.residuals import Residuals
from twinlib.physics.weighting import EVERY_METHOD, Weighting


class Causal(Weighting):
    """Later times count once earlier ones are solved: exp(-e sum of the losses of all earlier slices of time), for what
    holds inside (Wang, Sankaran & Perdikaris 2022).

    Parameters
    ----------
    slices
        Of the time interval, of equal length.
    steepness
        Of e: the next one comes when the last slice has at least `enough` of its weight.
    """

    remembers = ("_number", "_losses")
    methods = EVERY_METHOD

    def __init__(
        self,
        problem: Problem,
        seed: int,
        every: int = 1,
        slices: int = 32,
        steepness: tuple[float, ...] = (0.01, 0.1, 1.0, 10.0, 100.0),
        enough: float = 0.99,
    ) -> None:
        super().__init__(problem, seed, every)
        self._slices, self._steepness, self._enough = int(slices), tuple(map(float, steepness)), float(enough)
        self._number = 0.0
        self._losses: dict[str, list[float]] = {}
        domain = next(iter(problem.words.domains.values()))
        self._time = domain.time
        self._column = len(domain.coordinates)
        self._where: Mapping[str, np.ndarray] = {}

    @property
    def possible(self) -> bool:
        """Whether there is a time, and something that holds in it."""
        return self._time is not None and bool(self._inside)

    def update(self, residuals: Residuals, iteration: int) -> None:
        squares = residuals.squares()
        # Sums over points have no time of their own.
        inside = [name for name in self._inside if len(squares[name]) == len(self._where[name])]
        for name in inside:
            numbers, values = self._slice(self._where[name]), squares[name].numpy() * len(squares[name])
            sums = np.bincount(numbers, values, self._slices)
            self._losses[name] = list(sums / np.maximum(np.bincount(numbers, minlength=self._slices), 1))
        if min((self._of_slices(name)[-1] for name in inside), default=1.0) > self._enough:
            self._number = min(self._number + 1, len(self._steepness) - 1.0)

    def emphasise(self, residuals: Residuals, points: Mapping[str, np.ndarray]) -> None:
        self._where = points
        for name in self._losses:
            weights = self._of_slices(name)[self._slice(points[name])]
            residuals.emphasise(name, torch.as_tensor(weights, dtype=torch.get_default_dtype()))
            self.weights[name] = float(weights.mean())

    def _slice(self, inputs: np.ndarray) -> np.ndarray:
        assert self._time is not None
        _, start, end = self._time
        part = (inputs[:, self._column] - start) / (end - start)
        return np.clip((part * self._slices).astype(int), 0, self._slices - 1)

    def _of_slices(self, name: str) -> np.ndarray:
        earlier = np.concatenate([[0.0], np.cumsum(self._losses[name])[:-1]])
        return np.asarray(np.exp(-self._steepness[int(self._number)] * earlier))
