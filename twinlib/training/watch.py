"""Which epoch is the best so far, and when training has gone on long enough without progress."""

from collections.abc import Mapping
from typing import Any


class Watch:
    """Follows the objective from epoch to epoch.

    Best is what beats every epoch before it, by however little. Progress is a change of more than `min_delta` since the
    last progress; training should stop after `patience` epochs without any.

    Parameters
    ----------
    direction
        "minimize" or "maximize"
    patience
        Epochs; None never stops.
    min_delta
        In units of the objective.
    """

    def __init__(self, direction: str, patience: int | None, min_delta: float) -> None:
        self._sign = -1.0 if direction == "maximize" else 1.0
        self._patience = patience
        self._min_delta = min_delta
        self._best = self._reference = float("inf")
        self._progress_at = 0
        self.best_epoch = 0
        self.stop = False

    def see(self, epoch: int, value: float) -> bool:
        """Take in the (finite) objective of an epoch; is it the best so far?"""
        value *= self._sign
        if value < self._reference - self._min_delta:
            self._reference, self._progress_at = value, epoch
        self.stop = self._patience is not None and epoch - self._progress_at >= self._patience
        if value < self._best:
            self._best, self.best_epoch = value, epoch
        return self.best_epoch == epoch

    def state(self) -> dict[str, Any]:
        """What `restore` needs; JSON can hold it."""
        return {
            "best": self._best,
            "reference": self._reference,
            "progress_at": self._progress_at,
            "best_epoch": self.best_epoch,
            "stop": self.stop,
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on as the watch whose `state` it is."""
        self._best, self._reference = state["best"], state["reference"]
        self._progress_at, self.best_epoch, self.stop = state["progress_at"], state["best_epoch"], state["stop"]
