"""Loss and metrics over the epochs."""

from collections.abc import Mapping, Sequence
from math import ceil
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from twinlib.plots import style

_COLUMNS = 3


def learning_curve(
    history: Sequence[Mapping[str, float]], path: Path, *, best_epoch: float | None = None, title: str = ""
) -> Path:
    """Draw one panel for the loss and one for each metric, training beside validation where both are known.

    Parameters
    ----------
    history
        One row an epoch: `epoch`, `train_<quantity>`, `val_<quantity>`; other keys are left out.
    path
        The PNG file.
    best_epoch
        Marked in every panel.
    """
    keys = dict.fromkeys(key for row in history for key in row)
    quantities = dict.fromkeys(key.split("_", 1)[1] for key in keys if key.startswith(("train_", "val_")))
    columns = min(len(quantities), _COLUMNS)
    rows = ceil(len(quantities) / _COLUMNS)
    drawn = style.figure(0.6 + 4.2 * columns, 0.5 + 3.1 * rows)
    panels = drawn.subplots(rows, columns, squeeze=False).flatten()
    for axes, quantity in zip(panels, quantities, strict=False):
        _panel(axes, history, quantity, best_epoch)
    for axes in panels[len(quantities) :]:
        axes.set_axis_off()
    drawn.suptitle(title, fontsize=11)
    return style.save(drawn, path)


def _panel(axes: Axes, history: Sequence[Mapping[str, float]], quantity: str, best_epoch: float | None) -> None:
    style.plain(axes)
    values: list[float] = []
    for split, label, colour, line in (
        ("train", "training", style.BLUE, "--"),
        ("val", "validation", style.VERMILLION, "-"),
    ):
        key = f"{split}_{quantity}"
        points = [(row["epoch"], row[key]) for row in history if key in row]
        if not points:
            continue
        values += [value for _, value in points]
        # One epoch is a point, not a line.
        marker = "o" if len(points) <= 30 else None
        axes.plot(*zip(*points, strict=True), line, color=colour, label=label, marker=marker, markersize=3.5)
        if split == "val":
            best = [(epoch, value) for epoch, value in points if epoch == best_epoch]
            for epoch, value in best:
                axes.plot(epoch, value, "o", color=colour, markersize=9, fillstyle="none", markeredgewidth=1.6)
    if best_epoch is not None:
        axes.axvline(best_epoch, color=style.GREY, linewidth=1, linestyle=":", label=f"best epoch: {best_epoch:g}")
    if min(values) > 0 and max(values) > 50 * min(values):
        axes.set_yscale("log")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    axes.set_xlabel("epoch")
    axes.set_ylabel(quantity.replace("_", " "))
    axes.legend(fontsize=8, framealpha=0.9, edgecolor="none")
