"""Pictures of a solution of equations: the fields beside their references, and how the training went."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from twinlib.plots import style
from twinlib.plots.fields import Cut, cuts, draw_map, draw_points, limits_of, shape_of_panels

if TYPE_CHECKING:
    from twinlib.physics.problem import Problem
    from twinlib.training.outcome import Outcome

# Okabe and Ito's remaining colours, for the terms of a loss.
COLOURS = (style.BLUE, style.VERMILLION, "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "black")
Array = npt.NDArray[np.float64]


def draw(outcome: "Outcome", problem: "Problem", folder: Path, seed: int = 0, iterations: int = 1) -> list[Path]:
    """Draw `solution.png`, of fields that depend on more than two inputs by some cuts, and `training.png`.

    Parameters
    ----------
    seed
        Of the run: the points it was trained on are drawn too.
    iterations
        In one epoch.
    """
    drawn = [training(outcome.history, problem, folder / "training.png", iterations)]
    one = len(problem.words.inputs) == 1
    if one or all(_cuts(problem, row) for row in range(len(problem.words.fields))):
        drawn.insert(0, solution(outcome.predictions, problem, folder / "solution.png", seed))
    return drawn


def solution(predictions: Array, problem: "Problem", path: Path, seed: int = 0) -> Path:
    """Draw the solution of each field, the reference, their difference, and the points of the training."""
    one = len(problem.words.inputs) == 1
    drawn = _curves(predictions, problem, seed) if one else _maps(predictions, problem, seed)
    drawn.suptitle(_title(problem), fontsize=11)
    return style.save(drawn, path)


def _curves(predictions: Array, problem: "Problem", seed: int) -> Figure:
    fields = list(problem.words.fields)
    drawn = style.figure(9.6, 0.6 + 2.5 * len(fields))
    panels = drawn.subplots(len(fields), 2, squeeze=False)
    for row, name in enumerate(fields):
        points, found, exact = _column(predictions, problem, row)
        _curve(panels[row], problem, name, points[:, 0], found, exact, _trained_on(problem, name, seed))
    lines, labels = panels[0][0].get_legend_handles_labels()
    drawn.legend(lines, labels, loc="outside lower center", ncols=len(labels), fontsize=8.5, frameon=False)
    return drawn


def _maps(predictions: Array, problem: "Problem", seed: int) -> Figure:
    """For each field a row of the solution, its reference and their difference; with several cuts one of the solution
    and, where it is known, one of the difference."""
    fields = list(problem.words.fields)
    columns = [_column(predictions, problem, row) for row in range(len(fields))]
    known = [bool(np.isfinite(exact).all()) for _, _, exact in columns]
    several = len(_cuts(problem, 0)) > 1
    rows = [1 + int(several and each) for each in known]
    high = shape_of_panels(columns[0][0], problem.words.homes[fields[0]])
    drawn = style.figure(12.4, 0.6 + sum(rows) * (0.75 + 2.7 * high))
    panels = drawn.subplots(sum(rows), 3, squeeze=False)
    for each in panels.ravel():
        each.set_axis_off()
    for number, name in enumerate(fields):
        first = sum(rows[:number])
        domain, (points, found, exact) = problem.words.homes[name], columns[number]
        of_value = limits_of([exact] if known[number] else [found])
        of_difference = limits_of([found - exact], around_zero=True) if known[number] else (0.0, 1.0)
        tiles = [
            (f"{name}, solution", found, of_value, "viridis"),
            (f"{name}, reference", exact, of_value, "viridis"),
            (f"{name} - reference", found - exact, of_difference, "RdBu_r"),
        ]
        for column, cut in enumerate(_cuts(problem, number)):
            # Side by side, or, where there are several cuts, below each other and without the reference itself.
            wanted = tiles[:: 2 if several else 1] if known[number] else tiles[:1]
            for place, (title, values, limits, colours) in enumerate(wanted):
                axes = panels[first + place, column] if several else panels[first, place]
                axes.set_axis_on()
                shown = f"{title}, {cut.title}" if cut.title else title
                draw_map(drawn, axes, problem, domain, points[cut.rows], values[cut.rows], shown, limits, colours)
        if not several:
            draw_points(panels[first, 0], _trained_on(problem, name, seed))
    return drawn


def _column(predictions: Array, problem: "Problem", row: int) -> tuple[Array, Array, Array]:
    """Where a field is compared, the solution and the reference there."""
    columns = problem.columns("test")
    inside = columns["inside"][:, row]
    return columns["point"][inside], predictions[inside, row], columns["solution"][inside, row]


def _cuts(problem: "Problem", row: int) -> list[Cut]:
    columns = problem.columns("test")
    return cuts(columns["point"][columns["inside"][:, row]], problem)


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
