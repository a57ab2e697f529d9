"""A solution of equations on its way through the epochs: what Lightning's Trainer leads."""

import math
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from lightning.pytorch import LightningModule
from torch import Tensor

from twinlib.config.build import build
from twinlib.errors import UserError
from twinlib.physics.marching import marching
from twinlib.physics.problem import Problem
from twinlib.physics.residuals import Residuals
from twinlib.physics.solution import Solution
from twinlib.physics.state import packed, unpacked
from twinlib.physics.training_points import TrainingPoints
from twinlib.training.checkpoint import Checkpoints
from twinlib.training.evaluation import Evaluation
from twinlib.training.outcome import Outcome, Report
from twinlib.training.watch import Watch

WEIGHTS = "weights.pt"


class Module(LightningModule):
    """A solution on its way through the epochs."""

    def __init__(
        self,
        config: dict[str, Any],
        problem: Problem,
        report: Report,
        iterations: int,
        folder: Path,
        moving: Mapping[str, Any],
    ) -> None:
        super().__init__()
        self.automatic_optimization = False
        self.config = config
        self.problem = problem
        self.report = report
        self.iterations = iterations
        self.file = folder / WEIGHTS
        self.solution = solution_of(config, problem)
        loss = build(config["loss"])
        weights = loss.of(problem.weighable)
        self.points = TrainingPoints(problem, config["seed"], **moving)
        self.residuals = {
            split: Residuals(problem, self.solution, samples, weights, config["accumulate"])
            for split, samples in (
                ("train", self.points.samples),
                *((split, problem.samples(split, config["seed"])) for split in ("val", "test")),
            )
        }
        self.method = build(config["optimizer"], self.residuals["train"])
        self.weighting = loss.weighting(problem, config["seed"], self.method.names)
        self.errors = build(config["evaluation"]) if config["evaluation"] else None
        self.watch = Watch(config["direction"], **config["early_stopping"])
        self.before: list[dict[str, float]] = []  # rows of earlier windows of time
        self.history: list[dict[str, float]] = []
        self.best: dict[str, Tensor] = {}
        self.checkpoints = Checkpoints(None)
        self.goes_on = True

    def configure_optimizers(self) -> None:
        """None of Lightning's."""

    def training_step(self, batch: Tensor, batch_idx: int) -> None:
        began = time.perf_counter()
        epoch = len(self.history) + 1
        self.report.epoch_begins(len(self.before) + epoch, self.iterations)
        for number in range(self.iterations):
            with torch.enable_grad():
                self.goes_on = self.goes_on and self._iterate(epoch, (epoch - 1) * self.iterations + number + 1)
            self.report.batch()
        row = {"epoch": len(self.before) + epoch, **self.measured("train"), **self.measured("val")}
        row |= {name: float(value.detach()) for name, value in self.solution.unknowns.items()}
        if self.weighting is not None:
            row |= {f"weight_{name}": weight for name, weight in self.weighting.weights.items()}
        row |= {"lr": self.method.lr, "seconds": time.perf_counter() - began}
        for name in ("train_loss", "val_loss", self.config["objective"]):
            if not math.isfinite(row[name]):
                raise UserError(
                    f"epoch {row['epoch']}: {name} is {row[name]}; try another seed, or a smaller lr or frequency"
                )
        self.history.append(row)
        self.report.epoch_ends(row)
        if self.watch.see(epoch, row[self.config["objective"]]) or self.config["checkpoint"] == "last":
            self.best = {name: value.clone() for name, value in self.solution.state_dict().items()}
        self.goes_on = self.goes_on and not self.watch.stop
        self.trainer.should_stop = not self.goes_on
        if self.checkpoints.due():
            self.checkpoints.write(epoch, *self.state())

    def _iterate(self, epoch: int, iteration: int) -> bool:
        """One iteration (from 1), on the points and with the weights of its turn; False when no other will help."""
        residuals = self.residuals["train"]
        moved = self.points.before(iteration, residuals)
        if self.weighting is not None:
            if moved or iteration == 1:
                self._emphasise()
            if (iteration - 1) % self.weighting.every == 0:
                self.weighting.update(residuals, iteration)
                self._emphasise()
        return self.method.step(epoch) or self.points.moving

    def _emphasise(self) -> None:
        assert self.weighting is not None
        points = {name: own.inputs for name, own in self.points.samples.items()}
        self.weighting.emphasise(self.residuals["train"], points)

    def state(self) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        """All that the epochs to come depend on, for a checkpoint."""
        parts = {"solution": dict(self.solution.state_dict()), "best": self.best, "method": self.method.state()}
        parts |= {"points": self.points.state(), "weighting": self.weighting.state() if self.weighting else {}}
        arrays, tree = packed(parts)
        return arrays, {
            "tree": tree,
            "history": self.history,
            "watch": self.watch.state(),
            "goes_on": self.goes_on,
        }

    def restore(self, arrays: Mapping[str, np.ndarray], state: Mapping[str, Any]) -> None:
        """Go on after the epoch that the state is of. The report hears the rows of the epochs before."""
        parts = unpacked(arrays, state["tree"])
        self.solution.load_state_dict(parts["solution"])
        self.best = parts["best"]
        self.history = [dict(row) for row in state["history"]]
        self.points.restore(parts["points"], len(self.history) * self.iterations, self.residuals["train"])
        self.method.restore(parts["method"])
        if self.weighting is not None:
            self.weighting.restore(parts["weighting"])
            self._emphasise()
        self.watch.restore(state["watch"])
        self.goes_on = state["goes_on"]
        for row in self.history:
            self.report.epoch_ends(row)

    def on_train_end(self) -> None:
        self.solution.load_state_dict(self.best)
        torch.save(self.best, self.file)

    def measured(self, split: str) -> dict[str, float]:
        """The loss, what each condition has in it, and, beside the training points, how far the solution is off."""
        with torch.no_grad():
            terms = {name: float(value) for name, value in self.residuals[split].terms().items()}
        values = {"loss": sum(terms.values())} | (terms if len(terms) > 1 else {})
        if split == "val":
            values |= self.wrong(split, *self.compared(split))
        return {f"{split}_{name}": value for name, value in values.items()}

    def compared(self, split: str) -> tuple[np.ndarray, np.ndarray]:
        """Solution and reference, shape (n, fields), 0 where a field is not defined."""
        columns = self.problem.columns(split)
        return np.where(columns["inside"], evaluated(self.solution, columns["point"]), 0.0), columns["solution"]

    def wrong(self, split: str, predictions: np.ndarray, targets: np.ndarray) -> dict[str, float]:
        """The errors by name, those of unknown numbers included."""
        errors = {} if self.errors is None else self.errors(self.problem, split, predictions, targets)
        for name, value in self.solution.unknowns.items():
            if name in self.problem.reference:
                known = float(self.problem.reference[name]({}))
                errors[f"error_{name}"] = abs(float(value.detach()) - known) / (abs(known) or 1.0)
        return errors

    def outcome(self) -> Outcome:
        """Evaluate the kept weights."""
        predictions, targets = self.compared("test")
        values = {"loss": self.measured("test")["test_loss"], **self.wrong("test", predictions, targets)}
        last = self.config["checkpoint"] == "last"
        kept = self.history[-1 if last else self.watch.best_epoch - 1]
        metrics = {f"test_{name}": value for name, value in values.items()}
        # What each condition has in the loss is in the history.
        metrics |= {name: kept[name] for name in ("train_loss", "val_loss", self.config["objective"])}
        metrics |= {name: kept[name] for name in self.solution.unknowns}
        history = self.before + self.history
        metrics |= {"best_epoch": len(self.before) + self.watch.best_epoch, "epochs": len(history)}
        return Outcome(history, metrics, {"test": Evaluation(values, predictions, targets)}, self.file.name)


def solution_of(config: Mapping[str, Any], problem: Problem) -> Solution:
    """The solution of a problem as the config builds it, not trained yet."""
    return Solution(problem, marching(problem, lambda inputs, outputs: build(config["model"], inputs, outputs)))


def evaluated(solution: Solution, points: np.ndarray) -> np.ndarray:
    """Its fields at points, shape (n, inputs) -> (n, fields)."""
    with torch.no_grad():
        return solution(torch.as_tensor(points, dtype=torch.get_default_dtype())).numpy()  # type: ignore[no-any-return]
