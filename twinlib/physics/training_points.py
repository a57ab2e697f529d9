"""The points of a training while it goes on: drawn anew, or where the residuals are large."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import torch

from twinlib.errors import UserError
from twinlib.physics.domain import Samples
from twinlib.physics.problem import Problem
from twinlib.physics.residuals import Residuals
from twinlib.physics.settings import require_like

_REFINE: dict[str, int | float] = {"every": 100, "power": 1.0, "constant": 1.0, "candidates": 8}


class TrainingPoints:
    """Which points the residuals are on, from iteration to iteration.

    What was measured stays where it was measured.

    Parameters
    ----------
    resample
        Iterations, from one set of points to the next; None: the same all the time.
    refine
        `every` so many iterations the points inside are chosen anew among `candidates` times as many, with a
        probability that grows as e^power / mean(e^power) + constant with the residual e there (RAD, Wu et al. 2023).

    Raises
    ------
    UserError
        Both, or settings that are not there.
    """

    def __init__(
        self, problem: Problem, seed: int, resample: int | None = None, refine: Mapping[str, Any] | None = None
    ) -> None:
        if resample is not None and refine is not None:
            raise UserError("trainer.refine: chooses the points itself; leave resample out")
        if wrong := [key for key in refine or {} if key not in _REFINE]:
            raise UserError(f"trainer.refine.{wrong[0]}: is none of {', '.join(_REFINE)}")
        for key, value in (refine or {}).items():
            require_like(f"trainer.refine.{key}", value, _REFINE[key])
        self._refine: dict[str, Any] | None = None if refine is None else {**_REFINE, **refine}
        self._every = resample if self._refine is None else self._refine["every"]
        if self._every is not None and self._every < 1:
            raise UserError(f"trainer.resample={resample}: give iterations, 1 or more")
        self._problem = problem
        self._seed = seed
        self.samples: dict[str, Samples] = problem.samples("train", seed)
        self._measured = {item.name for item in problem.conditions if item.given}

    @property
    def moving(self) -> bool:
        """Whether an optimizer that has come to an end may have something to do again."""
        return self._every is not None

    def before(self, iteration: int, residuals: Residuals) -> bool:
        """Give the residuals other points if it is time to (iterations from 1); whether it was."""
        if self._every is None or iteration == 1 or (iteration - 1) % self._every:
            return False
        number = (iteration - 1) // self._every
        if self._refine is None:
            self.samples = self._kept(self._drawn(number, 1)[0])
        else:
            drawn = self._drawn(number, int(self._refine["candidates"]))
            inside = [name for name, own in self.samples.items() if name not in self._measured and _plain(own)]
            candidates = {
                name: replace(own, inputs=np.concatenate([each[name].inputs for each in drawn]))
                if name in inside
                else own
                for name, own in self.samples.items()
            }
            residuals.take(candidates)
            rng = np.random.default_rng([self._seed, number])
            squares = residuals.squares()
            self.samples = dict(self.samples)
            for name in inside:
                at = self._chosen(squares[name].numpy(), len(self.samples[name].inputs), rng)
                self.samples[name] = Samples(candidates[name].inputs[at])
        residuals.take(self.samples)
        return True

    def state(self) -> dict[str, Any]:
        """The points inside; the others follow from the seed."""
        return {name: torch.from_numpy(own.inputs) for name, own in self.samples.items() if _plain(own)}

    def restore(self, state: Mapping[str, Any], iteration: int, residuals: Residuals) -> None:
        """Have the points that the one had after some iterations whose `state` this is."""
        if self._every is None:
            return
        number = (iteration - 1) // self._every
        if self._refine is None and number:
            self.samples = self._kept(self._drawn(number, 1)[0])
        for name, inputs in state.items():
            self.samples[name] = replace(self.samples[name], inputs=inputs.numpy())
        residuals.take(self.samples)

    def _drawn(self, number: int, times: int) -> list[dict[str, Samples]]:
        words = np.random.SeedSequence([self._seed, number]).generate_state(times)
        return [self._problem.samples("train", int(word)) for word in words]

    def _kept(self, drawn: Mapping[str, Samples]) -> dict[str, Samples]:
        return {name: self.samples[name] if name in self._measured else own for name, own in drawn.items()}

    def _chosen(self, squares: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
        assert self._refine is not None
        size = squares ** (self._refine["power"] / 2)
        density = size / (size.mean() or 1.0) + self._refine["constant"]
        return rng.choice(len(squares), count, replace=False, p=density / density.sum())


def _plain(own: Samples) -> bool:
    """Points inside that stand for themselves."""
    return own.normals is None and own.weights is None and not own.measured and not own.extra
