"""What a training gives back, and whom it tells on the way."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from twinlib.training.evaluation import Evaluation


@dataclass(frozen=True)
class Outcome:
    """The result of one training.

    Attributes
    ----------
    history
        One row an epoch: epoch (from 1), train_loss, val_loss, val_<metric>, lr (of its last step), seconds.
    metrics
        test_loss, test_<metric> of the kept weights, and the same of every other split whose name begins with `test`;
        train_loss, val_loss, val_<metric> of the epoch they are from; best_epoch, epochs.
    tests
        What the kept weights make of each test split, with predictions and targets in the order of the split.
    weights
        Name of the file in the run's folder that holds the weights.
    """

    history: list[dict[str, float]]
    metrics: dict[str, float]
    tests: dict[str, Evaluation]
    weights: str

    @property
    def predictions(self) -> np.ndarray:
        """Shape (n_test, …), the model's output after `output` for the split `test`, channels last."""
        return self.tests["test"].predictions

    @property
    def targets(self) -> np.ndarray:
        """Shape (n_test, …), the targets of the split `test`."""
        return self.tests["test"].targets


class Report(Protocol):
    """Hears how a training gets on."""

    def epoch_begins(self, epoch: int, steps: int) -> None:
        """Epoch `epoch` (from 1) of `steps` batches begins."""

    def batch(self) -> None:
        """One more batch has been trained on."""

    def epoch_ends(self, row: dict[str, float]) -> None:
        """An epoch has been evaluated; `row` is its row of the history."""


class Silent:
    """The report that says nothing."""

    def epoch_begins(self, epoch: int, steps: int) -> None:
        pass

    def batch(self) -> None:
        pass

    def epoch_ends(self, row: dict[str, float]) -> None:
        pass
