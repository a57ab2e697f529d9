"""Where the time of an epoch goes, as the process of rank 0 sees it."""

import time
from dataclasses import dataclass


@dataclass(frozen=True)
class Epoch:
    """Seconds of one epoch: in all, until the last batch was trained on, and of that spent waiting for batches."""

    seconds: float
    training: float
    waiting: float


class Clock:
    """A `Report` that takes the time. `waited` is told only to a report that has it."""

    def __init__(self) -> None:
        self.epochs: list[Epoch] = []
        self._began = self._last = self._waiting = 0.0

    def epoch_begins(self, epoch: int, steps: int) -> None:
        self._began = self._last = time.perf_counter()
        self._waiting = 0.0

    def waited(self, seconds: float) -> None:
        self._waiting += seconds

    def batch(self) -> None:
        self._last = time.perf_counter()

    def epoch_ends(self, row: dict[str, float]) -> None:
        seconds = time.perf_counter() - self._began
        self.epochs.append(Epoch(seconds, self._last - self._began, self._waiting))
