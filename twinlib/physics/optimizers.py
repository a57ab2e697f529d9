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
from twinlib.physics.settings import require_like


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
        No such optimizer or setting, one of another kind than its default, or a stage that would never begin.
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
            if not isinstance(epochs, int | float) or isinstance(epochs, bool) or epochs < 0:
                raise UserError(f"{where}.epochs: is {epochs}; give a number, or leave it out in the last stage")
            end += epochs
            if number < len(stages) - 1 and end == float("inf"):
                raise UserError(f"{where}.epochs: is missing; only the last stage takes all that are left")
            _refuse_wrong(where, name, node)
            self._ends.append(end)
            self._nodes.append((name, node))
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
        return [name for name, _ in self._nodes]

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
        name, node = self._nodes[self._current]
        self._optimizer = OPTIMIZERS[name](self._residuals, **node)
        return True


def _refuse_wrong(where: str, name: str, settings: Mapping[str, Any]) -> None:
    """Before the first stage begins: the last one may begin hours later."""
    known = {key: each.default for key, each in signature(OPTIMIZERS[name]).parameters.items() if key != "residuals"}
    for key, value in settings.items():
        if key not in known:
            raise UserError(f"{where}: {name}: has no setting {key}; it has {', '.join(['epochs', *known])}")
        require_like(f"{where}.{key}", value, known[key])
