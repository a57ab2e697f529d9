"""Which class is taken for which."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from matplotlib.colors import PowerNorm

from twinlib.plots import style
from twinlib.plots.classes import decide, labels, probabilities

_MOST_NUMBERS = 20  # classes up to which a cell has room for its count
_TICKS = (0, 0.01, 0.05, 0.1, 0.25, 0.5, 1)


def matrix(targets: npt.NDArray[np.integer], predicted: npt.NDArray[np.integer], classes: int) -> npt.NDArray[np.int64]:
    """Counts of samples, shape (true class, predicted class)."""
    counts = np.bincount(np.asarray(targets) * classes + np.asarray(predicted), minlength=classes**2)
    return counts.reshape(classes, classes)


def confusion(
    targets: npt.NDArray[np.integer],
    predictions: npt.NDArray[np.floating],
    path: Path,
    *,
    names: Sequence[str] = (),
    title: str = "",
) -> Path:
    """Draw the confusion matrix: counts in the cells, the share of the true class as colour.

    Parameters
    ----------
    targets
        True classes, shape (n,).
    predictions
        Probabilities, shape (n, classes); or of the second of two classes, shape (n,) or (n, 1).
    path
        The PNG file.
    names
        Of the classes; their numbers are shown where there are none.
    """
    predicted, _ = decide(predictions)
    classes = probabilities(predictions).shape[1]
    counts = matrix(targets, predicted, classes)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    size = 2.6 + 0.42 * min(classes, _MOST_NUMBERS)
    drawn = style.figure(size + 0.8, size)
    axes = drawn.subplots()
    # The square root of the share: one sample in a hundred taken for another class is to be seen.
    image = axes.imshow(shares, cmap="Blues", norm=PowerNorm(0.5, vmin=0, vmax=1))
    if classes <= _MOST_NUMBERS:
        shown = labels(names, classes)
        long = max(map(len, shown)) > 3
        axes.set_xticks(range(classes), shown, rotation=45 if long else 0, ha="right" if long else "center")
        axes.set_yticks(range(classes), shown)
        for row, column in np.argwhere(counts):
            shade = "white" if shares[row, column] > 0.3 else "black"
            axes.text(column, row, f"{counts[row, column]:,}", ha="center", va="center", color=shade, fontsize=8)
    axes.set_xlabel("predicted class")
    axes.set_ylabel("true class")
    axes.tick_params(length=0)
    drawn.colorbar(image, label="share of the true class", shrink=0.8, ticks=_TICKS, format="{x:g}")
    right = np.trace(counts) / max(counts.sum(), 1)
    axes.set_title(f"{title}\n{right:.1%} of {counts.sum():,} samples right".strip(), fontsize=10)
    return style.save(drawn, path)
