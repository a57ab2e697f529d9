"""Optimizers of a sum of squared residuals, by name, in stages one after the other."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import torch

from twinlib.config.mistakes import nearest
from twinlib.errors import UserError
from twinlib.physics.levenberg_marquardt import LevenbergMarquardt
from twinlib.physics.residuals import Residuals


class Optimizer(Protocol):
    """Goes on from what the parameters are."""

    lr: float  # of the last step; of a method without one, the damping

    def step(self) -> bool:
        """One iteration; False when no further one will change anything."""


class Adam:
    """Adam on all points at once (Kingma & Ba 2015)."""

    def __init__(self, residuals: Residuals, lr: float = 1e-3, betas: Sequence[float] = (0.9, 0.999)) -> None:
        self.lr = lr
        self._residuals = residuals
        self._adam = torch.optim.Adam(residuals.parameters, lr=lr, betas=tuple(betas))  # type: ignore[arg-type]

    def step(self) -> bool:
        self._adam.zero_grad()
        self._residuals.loss().backward()
        self._adam.step()
        return True


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
        def closure() -> torch.Tensor:
            self._method.zero_grad()
            loss = self._residuals.loss()
            loss.backward()
            return loss

        loss = float(self._method.step(closure).detach())  # before the step
        progress, self._last = loss < self._last, loss
        return progress


OPTIMIZERS: dict[str, Any] = {"adam": Adam, "lbfgs": LBFGS, "levenberg_marquardt": LevenbergMarquardt}


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
        if not stages:
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
            end += node.pop("epochs", float("inf"))
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
    def lr(self) -> float:
        """Of the last iteration."""
        return self._optimizer.lr if self._optimizer else 0.0

    def _begin_next(self) -> bool:
        if self._current + 1 >= len(self._nodes):
            return False
        self._current += 1
        where, name, node = self._nodes[self._current]
        try:
            self._optimizer = OPTIMIZERS[name](self._residuals, **node)
        except TypeError as error:
            raise UserError(f"{where}: {name}: {str(error).partition('() ')[2] or error}") from None
        return True
