"""The course of a training, as far as no framework has a part in it: batches, learning rate, history, when to stop."""

import math
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from functools import partial
from itertools import islice
from typing import Any, TypeVar

import numpy as np

from twinlib.config.build import build
from twinlib.data.dataset import Dataset
from twinlib.data.order import parts_of, read
from twinlib.errors import UserError
from twinlib.training.evaluation import Evaluation, Forward, evaluate
from twinlib.training.outcome import Outcome, Report
from twinlib.training.watch import Watch

_T = TypeVar("_T")


class Course:
    """What an adapter asks at each step and tells after it.

    An epoch is `begin_epoch`; then for each batch of `batches` a `learning_rate`, a step of the adapter, and
    `stepped`; then `end_epoch`. When `over`, `outcome` evaluates the kept weights on the test splits.

    Parameters
    ----------
    config
        The whole resolved config.
    steps
        At most so many batches in an epoch and in an evaluation; None: all.
    rank, size
        Of `size` processes that share the training batches this is number `rank`. Each reads all of an evaluation.
    """

    def __init__(
        self,
        config: Mapping[str, Any],
        dataset: Dataset,
        report: Report,
        steps: int | None = None,
        rank: int = 0,
        size: int = 1,
    ) -> None:
        self._config = config
        self._dataset = dataset
        self._report = report
        self._limit = steps
        self._rank = rank
        self._size = size
        batches = math.ceil(dataset.size("train") / config["batch_size"])
        self.steps = batches if steps is None else min(steps, batches)  # in one epoch
        schedule = build(config["schedule"])
        if isinstance(schedule, partial):
            # Hydra's partial checks its target at each call, which at each step is felt.
            schedule = partial(schedule.func, *schedule.args, **schedule.keywords)
        self._schedule = schedule
        self._metrics = {name: build(metric) for name, metric in config["metrics"].items()}
        self._evaluation = build(config["evaluation"]) if config["evaluation"] else None
        self._watch = Watch(config["direction"], **config["early_stopping"])
        self.epoch = 0
        self.history: list[dict[str, float]] = []
        self._step = 0
        self._lr = 0.0
        self._samples = 0
        self._began = 0.0

    def begin_epoch(self) -> None:
        self.epoch += 1
        self._samples = 0
        self._began = time.perf_counter()
        self._report.epoch_begins(self.epoch, self.steps)

    def batches(self) -> Iterator[tuple[np.ndarray, np.ndarray, int]]:
        """The training batches of this epoch, shuffled by the seed and the epoch.

        Yields
        ------
        Inputs and targets of this process's part of a batch, which may be empty, and the samples of the whole batch.
        """
        left = self._dataset.size("train")
        batches = self._read("train", seed=self._config["seed"], epoch=self.epoch, rank=self._rank, size=self._size)
        waited = getattr(self._report, "waited", None)  # of a report that measures; others pay nothing for it
        for inputs, targets in batches if waited is None else _timed(batches, waited):
            samples = min(left, self._config["batch_size"])
            left -= samples
            self._samples += samples
            yield inputs, targets, samples

    def learning_rate(self) -> float:
        """The learning rate of the step to come."""
        self._lr = self._config["lr"] * self._schedule(self._step, self.steps * self._config["epochs"])
        return self._lr

    def stepped(self) -> None:
        self._step += 1
        self._report.batch()

    def end_epoch(self, loss_sum: float, forward: Forward) -> bool:
        """Evaluate the epoch and write its row. Are these the weights to keep so far?

        Parameters
        ----------
        loss_sum
            Sum of the losses of all samples of this epoch in all processes, each taken when it was trained on.

        Raises
        ------
        UserError
            A loss or the objective is not finite.
        """
        row: dict[str, float] = {"epoch": self.epoch, "train_loss": loss_sum / self._samples}
        self._require_finite(row, "train_loss")
        row |= {f"val_{name}": float(value) for name, value in self._evaluate("val", forward).values.items()}
        self._require_finite(row, "val_loss", self._config["objective"])
        row |= {"lr": float(self._lr), "seconds": time.perf_counter() - self._began}
        self.history.append(row)
        self._report.epoch_ends(row)
        best = self._watch.see(self.epoch, row[self._config["objective"]])
        return best or self._config["checkpoint"] == "last"

    def state(self) -> dict[str, Any]:
        """What `restore` needs to go on after this epoch; JSON can hold it."""
        return {"epoch": self.epoch, "step": self._step, "history": self.history, "watch": self._watch.state()}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on after the epoch that `state` is of. The report hears the rows of the epochs before."""
        self.epoch, self._step = state["epoch"], state["step"]
        self.history = [dict(row) for row in state["history"]]
        self._watch.restore(state["watch"])
        for row in self.history:
            self._report.epoch_ends(row)

    @property
    def over(self) -> bool:
        return self._watch.stop or self.epoch >= self._config["epochs"]

    def outcome(self, forward: Forward, weights: str) -> Outcome:
        """Evaluate the kept weights, which `forward` uses, on every split whose name begins with `test`."""
        tests = {
            split: self._evaluate(split, forward, collect=True)
            for split in self._dataset.schema.splits
            if split.startswith("test")
        }
        last = self._config["checkpoint"] == "last"
        kept = self.history[-1 if last else self._watch.best_epoch - 1]
        metrics: dict[str, float] = {}
        for split, test in tests.items():
            values = test.values
            if self._evaluation is not None:
                values = values | self._evaluation(self._dataset, split, test.predictions, test.targets)
            metrics |= {f"{split}_{name}": value for name, value in values.items()}
        metrics |= {name: value for name, value in kept.items() if name.startswith(("val_", "train_"))}
        metrics |= {"best_epoch": self._watch.best_epoch, "epochs": self.epoch}
        return Outcome(self.history, metrics, tests, weights)

    def _read(self, split: str, **order: Any) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        config = self._config
        reader: Any = read(self._dataset, split, config["batch_size"], workers=config["workers"], **order)
        with closing(reader):  # also when the training breaks off: its threads end with it
            yield from islice(reader, self._limit)

    def _evaluate(self, split: str, forward: Forward, collect: bool = False) -> Evaluation:
        return evaluate(forward, self._read(split), self._metrics, collect)

    def _require_finite(self, row: Mapping[str, float], *names: str) -> None:
        for name in names:
            if not math.isfinite(row[name]):
                raise UserError(
                    f"epoch {self.epoch}: {name} is {row[name]}; try a smaller lr (it is {self._config['lr']:g}), "
                    "clip_norm=1, or a schedule with warmup"
                )


def _timed(batches: Iterator[_T], waited: Callable[[float], None]) -> Iterator[_T]:
    """The same batches; `waited` hears for how long, in seconds, each was waited for."""
    began = time.perf_counter()
    for batch in batches:
        waited(time.perf_counter() - began)
        yield batch
        began = time.perf_counter()


def parts(samples: int, accumulate: int) -> list[slice]:
    """A batch of `samples` cut into `accumulate` parts whose sizes differ by one at most; none is empty."""
    return [part for part in parts_of(samples, accumulate) if part.start < part.stop]
