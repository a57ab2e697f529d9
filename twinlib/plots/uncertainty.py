"""Fields of uncertain parameters: mean and band over one coordinate, maps of mean and deviation over two."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from twinlib.plots import style
from twinlib.plots.fields import draw_map, limits_of, shape_of_panels

if TYPE_CHECKING:
    from twinlib.physics.problem import Problem
    from twinlib.physics.uncertainty import Uncertainty

Array = npt.NDArray[np.float64]


def curves(found: "Uncertainty", problem: "Problem", points: Array, path: Path) -> list[Path]:
    """Draw each field over the first input: mean, and the band between the quantiles.

    Parameters
    ----------
    points
        With all inputs, shape (n, inputs).
    """
    fields = list(problem.words.fields)
    drawn = style.figure(0.6 + 4.4 * len(fields), 3.4)
    order = np.argsort(points[:, 0], kind="stable")
    at = points[order, 0]
    for number, axes in enumerate(drawn.subplots(1, len(fields), squeeze=False)[0]):
        style.plain(axes)
        low, high = (values[order, number] for values in found.quantiles.values())
        axes.fill_between(at, low, high, color=style.BLUE, alpha=0.25, linewidth=0, label="5 % to 95 %")
        axes.plot(at, found.mean[order, number], color=style.BLUE, linewidth=2, label="mean")
        axes.set_xlabel(problem.words.inputs[0])
        axes.set_ylabel(fields[number])
        axes.legend(fontsize=8, framealpha=0.9, edgecolor="none")
    drawn.suptitle(problem.name, fontsize=11)
    return [style.save(drawn, path)]


def maps(found: "Uncertainty", problem: "Problem", points: Array, path: Path) -> list[Path]:
    """Draw each field over the first two inputs: mean and deviation; nothing where the points lie in a line.

    Parameters
    ----------
    points
        With all inputs, shape (n, inputs); the parameters are constant.
    """
    fields = problem.words.homes
    defined = ~np.isnan(found.mean)
    for column in defined.T:
        own = points[column, :2]
        if np.linalg.matrix_rank(own - own.mean(axis=0), tol=1e-9 * float(np.abs(own).max())) < 2:
            return []
    drawn = style.figure(9.0, 0.6 + len(fields) * (0.75 + 2.7 * shape_of_panels(points, next(iter(fields.values())))))
    panels = drawn.subplots(len(fields), 2, squeeze=False)
    for number, (name, domain) in enumerate(fields.items()):
        own = defined[:, number]
        tiles = [("mean", found.mean, "viridis"), ("standard deviation", found.deviation, "magma")]
        for axes, (title, values, colours) in zip(panels[number], tiles, strict=True):
            shown = values[own, number]
            draw_map(drawn, axes, problem, domain, points[own], shown, f"{name}, {title}", limits_of([shown]), colours)
    drawn.suptitle(problem.name, fontsize=11)
    return [style.save(drawn, path)]
