"""The mistakes that a classifier is surest of, as a page of pictures."""

from collections.abc import Callable, Sequence
from math import ceil
from pathlib import Path

import numpy as np
import numpy.typing as npt

from twinlib.plots import style
from twinlib.plots.classes import decide, labels, probabilities

_COLUMNS = 6


def worst(
    images: Callable[[npt.NDArray[np.int64]], npt.NDArray[np.generic]],
    targets: npt.NDArray[np.integer],
    predictions: npt.NDArray[np.floating],
    path: Path,
    *,
    names: Sequence[str] = (),
    most: int = 24,
    title: str = "",
) -> Path:
    """Draw the wrong predictions with the highest probability first.

    Parameters
    ----------
    images
        Gives the images of some samples by their rows: shape (rows, height, width, 1 or 3 channels). Only those that
        are drawn are read.
    targets
        True classes, shape (n,).
    predictions
        Probabilities, shape (n, classes); or of the second of two classes, shape (n,) or (n, 1).
    path
        The PNG file.
    names
        Of the classes; their numbers are shown where there are none.
    most
        Number of mistakes on the page.
    """
    predicted, probability = decide(predictions)
    wrong = np.flatnonzero(predicted != targets)
    shown = wrong[np.argsort(-probability[wrong], kind="stable")][:most]
    rows = ceil(len(shown) / _COLUMNS)
    drawn = style.figure(1.5 * _COLUMNS, 0.75 + 1.85 * rows)
    head = f"{len(wrong):,} of {len(targets):,} samples wrong"
    if len(shown) < len(wrong):
        head += f"; the {len(shown)} surest mistakes"
    drawn.suptitle(f"{title}\n{head}".strip(), fontsize=10)
    called = labels(names, probabilities(predictions).shape[1])
    if len(shown):
        panels = drawn.subplots(rows, _COLUMNS, squeeze=False).flatten()
        for axes in panels:
            axes.set_axis_off()
        for axes, row, image in zip(panels, shown, _displayed(images(shown)), strict=False):
            axes.imshow(image, cmap="gray", vmin=0, vmax=1, interpolation="nearest")
            said = f"predicted {called[predicted[row]]} ({_percent(probability[row])})"
            axes.set_title(f"true {called[targets[row]]}\n{said}", fontsize=7.5)
    return style.save(drawn, path)


def _displayed(images: npt.NDArray[np.generic]) -> npt.NDArray[np.float64]:
    """Brightness from 0 to 1 over the whole page, whatever the scaling was; grey images without their channel axis."""
    bright = np.asarray(images, dtype=np.float64)
    low, high = bright.min(), bright.max()
    bright = (bright - low) / ((high - low) or 1.0)
    return bright[..., 0] if bright.shape[-1] == 1 else bright


def _percent(probability: float) -> str:
    # 99.97 % is no certainty.
    return f"{min(probability, 0.999):.1%}" if probability > 0.99 else f"{probability:.0%}"
