"""Fields over two inputs by colour; of more inputs, cuts at some values of the others."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.figure import Figure

from twinlib.physics.cells import cells

if TYPE_CHECKING:
    from twinlib.physics.domain import Domain
    from twinlib.physics.problem import Problem

Array = npt.NDArray[np.float64]
_SHOWN = 800  # points of the training, at most


@dataclass(frozen=True)
class Cut:
    """Some of many points: those at which all inputs but the first two have the same values."""

    rows: npt.NDArray[np.bool_]
    title: str


def cuts(points: Array, problem: "Problem") -> list[Cut]:
    """Three cuts along the third input, at the middle of all further ones; with two inputs one, of everything.

    None where the points do not lie in planes.
    """
    names = problem.words.inputs
    if len(names) == 2:
        return [Cut(np.ones(len(points), dtype=bool), "")]
    kept = np.ones(len(points), dtype=bool)
    fixed: list[str] = []
    for column in range(len(names) - 1, 2, -1):
        value = _nearest(points[kept, column], 0.5)
        kept &= points[:, column] == value
        fixed.insert(0, f"{names[column]} = {value:.3g}")
    # Of space the ends are its walls; of time and parameters they are what one wants to see.
    parts = (0.25, 0.5, 0.75) if names[2] in problem.words.normals else (0.0, 0.5, 1.0)
    values = dict.fromkeys(_nearest(points[kept, 2], part) for part in parts)
    found = [Cut(kept & (points[:, 2] == value), ", ".join([f"{names[2]} = {value:.3g}", *fixed])) for value in values]
    return [each for each in found if _spans_a_plane(points[each.rows, :2])]


def draw_map(
    drawn: Figure, axes: Axes, problem: "Problem", domain: "Domain", points: Array, values: Array, title: str,
    limits: tuple[float, float], colours: str = "viridis",
) -> None:  # fmt: skip
    """Values at points, shape (n,), by colour over the first two inputs, and a scale beside."""
    image = _coloured(axes, domain, points, values, cmap=colours, vmin=limits[0], vmax=limits[1])
    drawn.colorbar(image, cax=axes.inset_axes((1.03, 0.0, 0.04, 1.0)))
    axes.set_title(title, fontsize=9)
    axes.set_xlabel(problem.words.inputs[0])
    axes.set_ylabel(problem.words.inputs[1])
    if len(domain.coordinates) > 1:
        axes.set_aspect("equal")


def draw_points(axes: Axes, samples: Array) -> None:
    """Points of the training, some of them where there are many."""
    step = max(1, -(-len(samples) // _SHOWN))
    axes.plot(samples[::step, 0], samples[::step, 1], ".", color="white", markersize=2.2, markeredgecolor="black",
              markeredgewidth=0.25)  # fmt: skip


def _nearest(values: Array, part: float) -> float:
    """The value that is nearest to a part of the way from the least to the greatest."""
    wanted = values.min() + part * np.ptp(values)
    return float(values[np.argmin(np.abs(values - wanted))])


def _spans_a_plane(points: Array) -> bool:
    return len(points) > 3 and len(np.unique(points[:, 0])) > 1 and len(np.unique(points[:, 1])) > 1


def _coloured(axes: Axes, domain: "Domain", points: Array, values: Array, **settings: Any) -> ScalarMappable:
    """Values at points by colour, smooth between them; of a grid without seams, of others by triangles."""
    # Where two domains meet, both have the same points.
    _, first = np.unique(np.round(points, 9), axis=0, return_index=True)
    order = first[np.lexsort((points[first, 0], points[first, 1]))]
    rows = np.unique(points[:, 1], return_counts=True)[0].size
    if len(order) % rows == 0 and (np.ptp(points[order, 1].reshape(rows, -1), axis=1) == 0).all():
        x, y, shown = (each[order].reshape(rows, -1) for each in (points[:, 0], points[:, 1], values))
        if (np.ptp(x, axis=0) == 0).all() or domain.parameters:
            return axes.pcolormesh(x, y, shown, shading="gouraud", **settings)
    corners = cells(domain, points[order], (0, 1))
    return axes.tripcolor(*points[order, :2].T, corners, values[order], shading="gouraud", **settings)


def shape_of_panels(points: Array, domain: "Domain") -> float:
    """Height of a panel over its width."""
    if len(domain.coordinates) < 2:
        return 0.7
    wide, high = np.ptp(points[:, :2], axis=0)
    return float(np.clip(high / wide, 0.2, 1.2))


def limits_of(arrays: Sequence[Array], around_zero: bool = False) -> tuple[float, float]:
    """The least and greatest of all values; the same on both sides of 0 for differences."""
    low, high = min(float(each.min()) for each in arrays), max(float(each.max()) for each in arrays)
    if around_zero:
        high = max(abs(low), abs(high)) or 1.0
        low = -high
    return low, high
