"""From a classifier's predictions to classes, their probability and their names."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt


def probabilities(predictions: npt.NDArray[np.floating]) -> npt.NDArray[np.float64]:
    """The probability of every class, shape (n, classes).

    Parameters
    ----------
    predictions
        Shape (n, classes); or the probability of the second of two classes, shape (n,) or (n, 1).
    """
    given = np.asarray(predictions, dtype=np.float64)
    if given.ndim == 1 or given.shape[1] == 1:
        second = given.reshape(-1)
        return np.stack([1 - second, second], axis=1)
    return given


def decide(predictions: npt.NDArray[np.floating]) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]:
    """The most probable class of each sample and its probability.

    Parameters
    ----------
    predictions
        As `probabilities` takes them.

    Returns
    -------
    Classes, shape (n,), and probabilities, shape (n,).
    """
    each = probabilities(predictions)
    classes = each.argmax(axis=1)
    return classes, each[np.arange(len(classes)), classes]


def labels(names: Sequence[str], classes: int) -> list[str]:
    """The names of the classes, or their numbers where they have none."""
    return list(names) if len(names) == classes else [str(number) for number in range(classes)]
