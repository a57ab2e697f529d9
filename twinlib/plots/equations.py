"""Pictures of a solution of equations: the fields beside their references, and how the training went."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.figure import Figure

from twinlib.plots import style

if TYPE_CHECKING:
    from twinlib.physics.problem import Problem
    from twinlib.training.outcome import Outcome

# Okabe and Ito's remaining colours, for the terms of a loss.
COLOURS = (style.BLUE, style.VERMILLION, "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "black")
Array = npt.NDArray[np.float64]


def draw(outcome: "Outcome", problem: "Problem", folder: Path, seed: int = 0, iterations: int = 1) -> list[Path]:
    """Draw `solution.png`, where the fields depend on one or two inputs, and `training.png`.

    Parameters
    ----------
    seed
        Of the run: the points it was trained on are drawn too.
    iterations
        In one epoch.
    """
    drawn = [training(outcome.history, problem, folder / "training.png", iterations)]
    if len(problem.words.inputs) <= 2:
        drawn.insert(0, solution(outcome.predictions, problem, folder / "solution.png", seed))
    return drawn


def solution(predictions: Array, problem: "Problem", path: Path, seed: int = 0) -> Path:
    """Draw a row for each field: the solution, the reference, their difference, and the points of the training."""
    columns = problem.columns("test")
    fields = list(problem.words.fields)
    curves = len(problem.words.inputs) == 1
    drawn = style.figure(9.6 if curves else 12.4, 0.6 + 2.5 * len(fields))
    panels = drawn.subplots(len(fields), 2 if curves else 3, squeeze=False)
    for row, name in enumerate(fields):
        inside = columns["inside"][:, row]
        points, exact = columns["point"][inside], columns["solution"][inside, row]
        samples = _trained_on(problem, name, seed)
        if curves:
            _curve(panels[row], problem, name, points[:, 0], predictions[inside, row], exact, samples)
        else:
            _map(drawn, panels[row], problem, name, points, predictions[inside, row], exact, samples)
    if curves:
        lines, labels = panels[0][0].get_legend_handles_labels()
        drawn.legend(lines, labels, loc="outside lower center", ncols=len(labels), fontsize=8.5, frameon=False)
    drawn.suptitle(_title(problem), fontsize=11)
    return style.save(drawn, path)


def training(history: Sequence[Mapping[str, float]], problem: "Problem", path: Path, iterations: int = 1) -> Path:
    """Draw the terms of the loss, the error of each field and the unknown numbers over the iterations."""
    at = np.array([row["epoch"] for row in history]) * iterations
    keys = list(history[0])
    terms = [key for key in keys if key.startswith("train_") and key != "train_loss"]
    errors = [key for key in keys if key.startswith("val_relative_l2")]
    errors = [key for key in errors if key != "val_relative_l2"] or errors
    unknown = list(problem.words.unknowns)
    panels = 1 + bool(errors) + bool(unknown)
    drawn = style.figure(0.6 + 4.4 * panels, 3.6)
    axes = list(drawn.subplots(1, panels, squeeze=False)[0])
    _lines(axes[0], at, history, ["train_loss", "val_loss", *terms], "loss")
    if errors:
        _lines(axes[1], at, history, errors, "relative L2 error", only=errors == ["val_relative_l2"])
    for number, name in enumerate(unknown):
        values = [row[name] for row in history]
        axes[-1].plot(at, values, color=COLOURS[number], label=name)
        if name in problem.reference:
            known = float(problem.reference[name]({}))
            axes[-1].axhline(known, color=COLOURS[number], linestyle=":", linewidth=1.2, label=f"{name}: reference")
    if unknown:
        style.plain(axes[-1])
        axes[-1].set_ylabel("unknown numbers")
        axes[-1].legend(fontsize=8, framealpha=0.9, edgecolor="none")
    for each in axes:
        each.set_xlabel("iteration" if iterations > 1 else "epoch")
    drawn.suptitle(_title(problem), fontsize=11)
    return style.save(drawn, path)


def _curve(
    axes: Sequence[Axes], problem: "Problem", name: str, at: Array, found: Array, exact: Array, samples: Array
) -> None:
    left, right = axes
    style.plain(left)
    style.plain(right)
    left.plot(at, found, color=style.BLUE, linewidth=2, label="solution")
    left.set_ylabel(name)
    if np.isfinite(exact).all():
        left.plot(at, exact, "--", color=style.VERMILLION, linewidth=1.4, label="reference")
        right.plot(at, found - exact, color=style.GREY, linewidth=1.2)
        right.set_ylabel(f"{name} - reference")
        right.ticklabel_format(axis="y", style="sci", scilimits=(-2, 3))
    low, high = left.get_ylim()
    left.set_ylim(low - 0.12 * (high - low), high)
    foot = np.full(len(samples), low - 0.07 * (high - low))
    left.plot(samples[:, 0], foot, "|", color=style.GREY, markersize=5, markeredgewidth=0.6, label="training points")
    for each in axes:
        each.set_xlabel(problem.words.inputs[0])


def _map(
    drawn: Figure, axes: Sequence[Axes], problem: "Problem", name: str, points: Array, found: Array, exact: Array,
    samples: Array,
) -> None:  # fmt: skip
    known = bool(np.isfinite(exact).all())
    shown = [(f"{name}, solution", found, "viridis"), (f"{name}, reference", exact, "viridis")]
    shown.append((f"{name} - reference", found - exact, "RdBu_r"))
    for each, (title, values, colours) in zip(axes, shown, strict=True):
        if not known and title != f"{name}, solution":
            each.set_axis_off()
            continue
        largest = float(np.abs(values).max()) or 1.0
        limits = (
            {"vmin": -largest, "vmax": largest} if colours == "RdBu_r" else {"vmin": exact.min(), "vmax": exact.max()}
        )
        if not known:
            limits = {}
        image = _coloured(each, points, values, cmap=colours, **limits)
        drawn.colorbar(image, ax=each)
        each.set_title(title, fontsize=9)
        each.set_xlabel(problem.words.inputs[0])
        each.set_ylabel(problem.words.inputs[1])
    axes[0].plot(samples[:, 0], samples[:, 1], ".", color="white", markersize=2.2, markeredgecolor="black",
                 markeredgewidth=0.25)  # fmt: skip


def _coloured(axes: Axes, points: Array, values: Array, **settings: Any) -> ScalarMappable:
    """Values at points by colour, smooth between them; of a grid without seams, of others by triangles."""
    # Where two domains meet, both have the same points.
    _, first = np.unique(np.round(points, 9), axis=0, return_index=True)
    order = first[np.lexsort((points[first, 0], points[first, 1]))]
    rows = np.unique(points[:, 1], return_counts=True)[0].size
    if len(order) % rows == 0 and (np.ptp(points[order, 1].reshape(rows, -1), axis=1) == 0).all():
        x, y, shown = (each[order].reshape(rows, -1) for each in (points[:, 0], points[:, 1], values))
        return axes.pcolormesh(x, y, shown, shading="gouraud", **settings)
    return axes.tripcolor(points[order, 0], points[order, 1], values[order], shading="gouraud", **settings)


def _trained_on(problem: "Problem", name: str, seed: int) -> Array:
    """The points of all conditions in whose residuals a field stands."""
    field = problem.words.fields[name]
    samples = problem.samples("train", seed)
    found = [
        samples[item.name].inputs for item in problem.conditions if any(each.has(field) for each in item.residuals)
    ]
    return np.concatenate(found) if found else np.empty((0, len(problem.words.inputs)))


def _lines(
    axes: Axes, at: Array, history: Sequence[Mapping[str, float]], keys: Sequence[str], label: str, only: bool = False
) -> None:
    style.plain(axes)
    for number, key in enumerate(keys):
        name = {"train_loss": "loss, training points", "val_loss": "loss, other points"}.get(key)
        shown = name or key.removeprefix("val_relative_l2_").removeprefix("train_")
        # No zero on a logarithmic axis.
        values = [max(row[key], 1e-32) for row in history]
        axes.plot(
            at, values, "-" if name or label != "loss" else "--", color=COLOURS[number % len(COLOURS)],
            linewidth=1.8 if name else 1.2, label=None if only else shown, marker="." if len(at) == 1 else None,
        )  # fmt: skip
    axes.set_yscale("log")
    axes.set_ylabel(label)
    if not only:
        axes.legend(fontsize=7.5, framealpha=0.9, edgecolor="none")


def _title(problem: "Problem") -> str:
    measured = {"no": "", "real": " (real data)", "synthetic": " (synthetic data)"}
    return f"{problem.name}{measured[problem.schema.kind]}"
