"""Loss and metrics over a whole split, each sample counted once."""

import copy
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

# (inputs, targets) -> (losses, shape (n,); predictions, shape (n, …))
Forward = Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]


class Metric(Protocol):
    """A number that is computed from all samples, batch by batch."""

    def update(self, prediction: np.ndarray, target: np.ndarray) -> None: ...

    def compute(self) -> float: ...


@dataclass(frozen=True)
class Evaluation:
    """Loss and metrics by name; predictions and targets, shape (samples, …), or (0,) where they were not asked for."""

    values: dict[str, float]
    predictions: np.ndarray = field(default_factory=lambda: np.empty(0))
    targets: np.ndarray = field(default_factory=lambda: np.empty(0))


def evaluate(
    forward: Forward,
    batches: Iterable[tuple[np.ndarray, np.ndarray]],
    metrics: Mapping[str, Metric],
    collect: bool = False,
) -> Evaluation:
    """Mean loss and metrics over `batches`. The metrics given stay as they are: copies of them are filled.

    Raises
    ------
    ZeroDivisionError
        There are no batches.
    """
    metrics = {name: copy.deepcopy(metric) for name, metric in metrics.items()}
    total, samples = 0.0, 0
    predictions, targets = [], []
    for inputs, target in batches:
        losses, prediction = forward(inputs, target)
        # float64: the sum over a split must not depend on how it is cut into batches
        total += float(losses.sum(dtype=np.float64))
        samples += len(losses)
        for metric in metrics.values():
            metric.update(prediction, target)
        if collect:
            predictions.append(prediction)
            targets.append(target)
    values = {"loss": total / samples, **{name: metric.compute() for name, metric in metrics.items()}}
    if collect:
        return Evaluation(values, np.concatenate(predictions), np.concatenate(targets))
    return Evaluation(values)
