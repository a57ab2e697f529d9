"""Times of an epoch as a table and as a picture."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from twinlib.errors import UserError
from twinlib.scaling.measure import Measured

PARTS = ("compute", "data", "communication", "evaluation")
COLORS = ("#0072B2", "#E69F00", "#D55E00", "#999999")  # Okabe and Ito (2008), as in twinlib.plots.style


def rows(measured: Sequence[Measured]) -> list[dict[str, Any]]:
    """All numbers; speed-up and efficiency are against the first row."""
    first = measured[0]
    return [
        {
            "devices": one.devices,
            "seconds": one.seconds,
            "speed_up": first.seconds / one.seconds,
            "efficiency": first.seconds * first.devices / (one.seconds * one.devices),
            **{part: getattr(one, part) for part in PARTS},
        }
        for one in measured
    ]


def table(measured: Sequence[Measured]) -> list[str]:
    """Lines of text: seconds of an epoch and of its parts."""
    head = ["devices", "s/epoch", "speed-up", "efficiency", *PARTS]
    lines = [head]
    for row in rows(measured):
        parts = ["-" if row[part] is None else f"{row[part]:.3f}" for part in PARTS]
        ratios = [f"{row['speed_up']:.2f}", f"{row['efficiency']:.0%}"]
        lines.append([str(row["devices"]), f"{row['seconds']:.3f}", *ratios, *parts])
    widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
    return ["  ".join(cell.rjust(width) for cell, width in zip(line, widths, strict=True)) for line in lines]


def require_png(path: Path) -> None:
    """Refuse, before anything is measured, a file that `draw` could not write.

    Raises
    ------
    UserError
        Its name does not end with .png, or its folder is not there.
    """
    if path.suffix != ".png":
        raise UserError(f"{path}: the picture is a PNG; let its name end with .png")
    if not path.absolute().parent.is_dir():
        raise UserError(f"{path}: {path.parent} is no folder; make it first")


def draw(measured: Sequence[Measured], title: str, path: Path) -> None:
    """Speed-up beside the ideal one, and the parts of an epoch, as a PNG."""
    from twinlib.plots.style import BLUE, GREY, figure, plain, save

    numbers = rows(measured)
    devices = [row["devices"] for row in numbers]
    drawn = figure(8.5, 3.6)
    left, right = drawn.subplots(1, 2)
    left.plot(devices, [count / devices[0] for count in devices], color=GREY, linestyle="--", label="ideal")
    left.plot(devices, [row["speed_up"] for row in numbers], color=BLUE, marker="o", label="measured")
    left.set(xlabel="devices", ylabel="speed-up", xticks=devices, title=title)
    left.set_ylim(bottom=0)
    left.legend(frameon=False)
    _stack(right, numbers)
    right.set(xlabel="devices", ylabel="seconds of an epoch")
    for axes in (left, right):
        plain(axes)
    save(drawn, path)


def _stack(axes: Any, numbers: Sequence[Mapping[str, Any]]) -> None:
    below = [0.0] * len(numbers)
    names = [str(row["devices"]) for row in numbers]
    for part, color in zip(PARTS, COLORS, strict=True):
        heights = [row[part] or 0.0 for row in numbers]
        axes.bar(names, heights, bottom=below, color=color, label=part, width=0.6)
        below = [sum(pair) for pair in zip(below, heights, strict=True)]
    axes.legend(frameon=False, fontsize=8)
