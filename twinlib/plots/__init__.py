"""Pictures of a run for its record: PNG files, the same bytes for the same numbers."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from twinlib.data.dataset import Dataset
    from twinlib.training.outcome import Outcome


def draw(outcome: "Outcome", dataset: "Dataset", folder: Path) -> list[Path]:
    """Draw what fits the run: the learning curve; of a classifier the confusion matrix, and of images the mistakes.

    Returns
    -------
    The PNG files, in `folder`.
    """
    from twinlib.plots.confusion import confusion
    from twinlib.plots.learning_curve import learning_curve
    from twinlib.plots.worst import worst

    # Real data is called real and synthetic data synthetic, in every picture.
    title = f"{dataset.name or dataset.input} ({dataset.schema.kind} data)"
    curve = folder / "learning_curve.png"
    drawn = [learning_curve(outcome.history, curve, best_epoch=outcome.metrics.get("best_epoch"), title=title)]
    targets, predictions = outcome.targets, outcome.predictions
    if dataset.classes is None or not _are_probabilities(predictions):
        return drawn
    names = dataset.schema[dataset.target].classes
    title = f"{title}, test split"
    drawn.append(confusion(targets, predictions, folder / "confusion.png", names=names, title=title))
    if _is_image(dataset.schema[dataset.input].shape):

        def images(rows: np.ndarray) -> np.ndarray:
            return dataset.batch("test", rows)[0]

        drawn.append(worst(images, targets, predictions, folder / "worst.png", names=names, title=title))
    return drawn


def _are_probabilities(predictions: np.ndarray) -> bool:
    return predictions.ndim <= 2 and bool(np.all((predictions >= 0) & (predictions <= 1)))


def _is_image(shape: tuple[int, ...]) -> bool:
    return len(shape) == 3 and shape[-1] in (1, 3)
