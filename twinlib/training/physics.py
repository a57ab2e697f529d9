"""Training and using solutions of equations.

An epoch is some iterations of an optimizer on all points at once, and one row of the history. Lightning's Trainer leads
through the epochs; the iterations are taken here, since second-order methods need residuals rather than a gradient.
"""

import logging
import math
import os
import signal
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

# As for all torch models: see `twinlib.training.lightning`.
os.environ.setdefault("GOMP_SPINCOUNT", "10000")

import torch
from lightning.pytorch import LightningModule, Trainer, seed_everything
from lightning.pytorch.utilities.exceptions import SIGTERMException
from torch import Tensor

from twinlib.config.build import build
from twinlib.errors import UserError
from twinlib.physics.problem import Problem
from twinlib.physics.residuals import Residuals
from twinlib.physics.solution import Solution
from twinlib.physics.transfer import begin_from
from twinlib.training.evaluation import Evaluation
from twinlib.training.outcome import Outcome, Report, Silent
from twinlib.training.watch import Watch

# The environment is written to, not read.
__code_deps__: list[str] = []

WEIGHTS = "weights.pt"
PRECISIONS = {"32": torch.float32, "64": torch.float64}


def train(
    *,
    config: dict[str, Any],
    dataset: Problem,
    folder: Path,
    report: Report | None = None,
    framework: str = "torch",
    iterations: int = 10,
    start: str | None = None,
    steps: int | None = None,
) -> Outcome:
    """Train the model of `config` on the residuals of a problem, evaluate it, and leave its weights in `folder`.

    Parameters
    ----------
    config
        The whole resolved config.
    dataset
        The problem.
    iterations
        Of the optimizer, in one epoch.
    start
        The file with the weights of an earlier run, to begin from.
    steps
        At most so many iterations in an epoch; None: all.

    Raises
    ------
    UserError
        A loss is not finite, or the config asks for what a problem does not have.
    """
    _refuse(config)
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)  # banners and tips
    logging.getLogger("lightning.fabric").setLevel(logging.ERROR)
    seed_everything(config["seed"], verbose=False)
    with in_precision(config):
        module = Module(config, dataset, report or Silent(), min(iterations, steps or iterations), folder)
        if start is not None:
            begin_from(module.solution, Path(start), "trainer.start")
        trainer = Trainer(
            accelerator="cpu",
            devices=1,
            max_epochs=config["epochs"],
            deterministic=True,
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            default_root_dir=folder,
        )
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "`isinstance.treespec, LeafSpec.` is deprecated")  # Lightning's own
            warnings.filterwarnings(
                "ignore", "`LightningModule.configure_optimizers` returned `None`"
            )  # ours are not torch's
            try:
                trainer.fit(module, train_dataloaders=[0])  # one call of `training_step` an epoch
            except SIGTERMException:  # which is an exit, with code 0
                raise SystemExit(128 + signal.SIGTERM) from None
            except SystemExit:  # what Lightning makes of Ctrl-C
                raise KeyboardInterrupt from None
        return module.outcome()


def predictor(config: Mapping[str, Any], folder: Path) -> Callable[[np.ndarray], np.ndarray]:
    """The solution as a function: points, shape (n, inputs) -> fields, shape (n, fields).

    Raises
    ------
    UserError
        The weights in `folder` do not fit the model.
    """
    with in_precision(config):
        # A file with a reference need not be where a solution is used.
        solution = _solution(config, build({**config["data"], "reference": {}}))
        try:
            solution.load_state_dict(torch.load(folder / WEIGHTS, map_location="cpu", weights_only=True))
        except RuntimeError as error:
            reason = str(error).splitlines()[-1].strip()
            raise UserError(f"{folder / WEIGHTS}: not the weights of {config['model']['_target_']}: {reason}") from None

    def predict(points: np.ndarray) -> np.ndarray:
        with in_precision(config):
            return _at(solution, points)

    return predict


class Module(LightningModule):
    """A solution on its way through the epochs."""

    def __init__(self, config: dict[str, Any], problem: Problem, report: Report, iterations: int, folder: Path) -> None:
        super().__init__()
        self.automatic_optimization = False
        self.config = config
        self.problem = problem
        self.report = report
        self.iterations = iterations
        self.file = folder / WEIGHTS
        self.solution = _solution(config, problem)
        weights = build(config["loss"]).of([item.name for item in problem.conditions if item.residuals])
        self.residuals = {
            split: Residuals(problem, self.solution, problem.samples(split, config["seed"]), weights)
            for split in ("train", "val", "test")
        }
        self.method = build(config["optimizer"], self.residuals["train"])
        self.errors = build(config["evaluation"]) if config["evaluation"] else None
        self.watch = Watch(config["direction"], **config["early_stopping"])
        self.history: list[dict[str, float]] = []
        self.best: dict[str, Tensor] = {}

    def configure_optimizers(self) -> None:
        """None of Lightning's."""

    def training_step(self, batch: Tensor, batch_idx: int) -> None:
        began = time.perf_counter()
        epoch = len(self.history) + 1
        self.report.epoch_begins(epoch, self.iterations)
        goes_on = True
        for _ in range(self.iterations):
            with torch.enable_grad():
                goes_on = goes_on and self.method.step(epoch)
            self.report.batch()
        row = {"epoch": epoch, **self.measured("train"), **self.measured("val")}
        row |= {name: float(value.detach()) for name, value in self.solution.unknowns.items()}
        row |= {"lr": self.method.lr, "seconds": time.perf_counter() - began}
        for name in ("train_loss", "val_loss", self.config["objective"]):
            if not math.isfinite(row[name]):
                raise UserError(f"epoch {epoch}: {name} is {row[name]}; try another seed, or a smaller lr or frequency")
        self.history.append(row)
        self.report.epoch_ends(row)
        if self.watch.see(epoch, row[self.config["objective"]]) or self.config["checkpoint"] == "last":
            self.best = {name: value.clone() for name, value in self.solution.state_dict().items()}
        self.trainer.should_stop = self.watch.stop or not goes_on

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
        return np.where(columns["inside"], _at(self.solution, columns["point"]), 0.0), columns["solution"]

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
        metrics |= {"best_epoch": self.watch.best_epoch, "epochs": len(self.history)}
        return Outcome(self.history, metrics, {"test": Evaluation(values, predictions, targets)}, self.file.name)


@contextmanager
def in_precision(config: Mapping[str, Any]) -> Iterator[None]:
    """New tensors have the precision of the strategy."""
    precision = config["strategy"]["precision"]
    if precision not in PRECISIONS:
        raise UserError(f"strategy.precision={precision}: an equation is solved in 64, or in 32")
    before = torch.get_default_dtype()
    torch.set_default_dtype(PRECISIONS[precision])
    try:
        yield
    finally:
        torch.set_default_dtype(before)


def _solution(config: Mapping[str, Any], problem: Problem) -> Solution:
    return Solution(problem, build(config["model"], problem.network_inputs, problem.outputs))


def _at(solution: Solution, points: np.ndarray) -> np.ndarray:
    with torch.no_grad():
        return solution(torch.as_tensor(points, dtype=torch.get_default_dtype())).numpy()  # type: ignore[no-any-return]


def _refuse(config: Mapping[str, Any]) -> None:
    """Keys that would do nothing."""
    for key, off in (("accumulate", 1), ("clip_norm", None), ("clip_value", None), ("metrics", {})):
        if config[key] != off:
            raise UserError(f"{key}={config[key]}: has no meaning in a problem of equations; leave it out")
    if config["strategy"]["accelerator"] == "gpu":
        raise UserError("strategy.accelerator=gpu: equations are solved on the CPU; use auto or cpu")
