"""Optimizers of a sum of squared residuals, by name, in stages one after the other."""

from collections.abc import Mapping, Sequence
from inspect import signature
from typing import Any, Protocol

from twinlib.config.mistakes import nearest
from twinlib.errors import UserError
from twinlib.physics.first_order import Adam, Soap
from twinlib.physics.levenberg_marquardt import LevenbergMarquardt
from twinlib.physics.quasi_newton import LBFGS, SelfScaledBroyden
from twinlib.physics.residuals import Residuals


class Optimizer(Protocol):
    """Goes on from what the parameters are."""

    lr: float  # of the last step; of a method without one, the damping

    def step(self) -> bool:
        """One iteration; False when no further one will change anything."""

    def state(self) -> dict[str, Any]:
        """All that its next step depends on beside the parameters: tensors and numbers, in dictionaries and lists."""

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on as the one would whose `state` this is."""


OPTIMIZERS: dict[str, Any] = {
    "adam": Adam,
    "soap": Soap,
    "lbfgs": LBFGS,
    "broyden": SelfScaledBroyden,
    "levenberg_marquardt": LevenbergMarquardt,
}


class Stages:
    """A chain of optimizers.

    Parameters
    ----------
    stages
        Each has a `name`, `epochs` (without it: all that are left) and the settings of its optimizer.

    Raises
    ------
    UserError
        No such optimizer or setting, or a stage that would never begin.
    """

    def __init__(self, residuals: Residuals, stages: Sequence[Mapping[str, Any]]) -> None:
        if not stages or isinstance(stages, str) or not all(isinstance(stage, Mapping) for stage in stages):
            raise UserError("optimizer.stages: give one or more, as [{name: levenberg_marquardt}]")
        self._residuals = residuals
        self._ends: list[float] = []
        self._nodes = []
        end = 0.0
        for number, stage in enumerate(stages):
            where = f"optimizer.stages[{number}]"
            node = dict(stage)
            name = node.pop("name", None)
            if name not in OPTIMIZERS:
                raise UserError(f"{where}.name: no optimizer {name}{nearest(str(name), OPTIMIZERS)}")
            epochs = node.pop("epochs", float("inf"))
            if not isinstance(epochs, int | float):
                raise UserError(f"{where}.epochs: is {epochs}; give a number, or leave it out in the last stage")
            end += epochs
            if number < len(stages) - 1 and end == float("inf"):
                raise UserError(f"{where}.epochs: is missing; only the last stage takes all that are left")
            self._ends.append(end)
            self._nodes.append((where, name, node))
        self._current = -1
        self._optimizer: Optimizer | None = None

    def step(self, epoch: int) -> bool:
        """One iteration of the optimizer whose turn it is in this epoch (from 1); False when all have ended."""
        while epoch > self._ends[max(self._current, 0)] or self._optimizer is None:
            if not self._begin_next():
                return False
        assert self._optimizer is not None
        if self._optimizer.step():
            return True
        return self._begin_next()

    @property
    def names(self) -> list[str]:
        """Of the optimizers."""
        return [name for _, name, _ in self._nodes]

    @property
    def lr(self) -> float:
        """Of the last iteration."""
        return self._optimizer.lr if self._optimizer else 0.0

    def state(self) -> dict[str, Any]:
        """Which stage it is, and the state of its optimizer."""
        return {"stage": self._current, "optimizer": self._optimizer.state() if self._optimizer else {}}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on as the one would whose `state` this is."""
        self._current = int(state["stage"]) - 1
        if self._begin_next() and self._optimizer is not None and self._current >= 0:
            self._optimizer.restore(state["optimizer"])

    def _begin_next(self) -> bool:
        if self._current + 1 >= len(self._nodes):
            return False
        self._current += 1
        where, name, node = self._nodes[self._current]
        try:
            self._optimizer = OPTIMIZERS[name](self._residuals, **node)
        except (TypeError, ValueError) as error:
            raise UserError(f"{where}: {name}: {str(error).partition('() ')[2] or error}; {_settings(name)}") from None
        return True


def _settings(name: str) -> str:
    found = [key for key in signature(OPTIMIZERS[name]).parameters if key != "residuals"]
    return f"it has the settings epochs, {', '.join(found)}" if found else "it has the setting epochs alone"
