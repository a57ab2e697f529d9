"""Pictures of flows: boundary, solver, prediction, error and streamlines."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes

from twinlib.plots import style

if TYPE_CHECKING:
    from twinlib.flow.dataset import Flows
    from twinlib.training.outcome import Outcome

SOLID = "#bdbdbd"
_COLUMNS = ("boundary", "solver: speed", "prediction: speed", "error", "prediction: streamlines")


def flows(outcome: "Outcome", dataset: "Flows", folder: Path) -> list[Path]:
    """Draw the best, the typical (median) and the worst predicted flow of every test split.

    Returns
    -------
    One PNG file for each split, `flows_<split>.png` in `folder`.
    """
    from twinlib.flow.evaluation import relative_l2

    drawn = []
    for split, test in outcome.tests.items():
        columns = dataset.columns(split)
        count = len(test.predictions)
        errors = relative_l2(test.predictions, test.targets, columns["fluid"][:count])
        order = np.argsort(errors, kind="stable")
        rows = {"best": order[0], "typical": order[(count - 1) // 2], "worst": order[-1]}
        drawn.append(
            compare(
                {f"{name} ({errors[row]:.1%})": row for name, row in rows.items()},
                dataset.batch(split, np.arange(count))[0],
                test.targets,
                test.predictions,
                folder / f"flows_{split}.png",
                title=f"{dataset.name or 'flow'} ({dataset.schema.kind} data), split {split}: relative L2 error",
            )
        )
    return drawn


def compare(
    rows: dict[str, Any],
    inputs: npt.NDArray[np.floating],
    targets: npt.NDArray[np.floating],
    predictions: npt.NDArray[np.floating],
    path: Path,
    *,
    title: str = "",
) -> Path:
    """Draw some flows, one below the other.

    Parameters
    ----------
    rows
        Which, by what they are called.
    inputs
        Shape (n, rows, columns, 2): what the network sees, and the mask.
    targets, predictions
        Velocity in units of u_max, shape (n, rows, columns, 2).
    path
        The PNG file.
    """
    high, wide = inputs.shape[1:3]
    panel = 3.1
    drawn = style.figure(panel * len(_COLUMNS), 0.7 + len(rows) * (panel * high / wide + 0.2))
    drawn.suptitle(title, fontsize=10)
    panels = drawn.subplots(len(rows), len(_COLUMNS), squeeze=False)
    for line, (name, row) in zip(panels, rows.items(), strict=True):
        fluid = inputs[row, ..., 1] > 0.5
        true, found = speed(targets[row]), speed(predictions[row])
        wrong = speed(predictions[row] - targets[row])
        top = true.max()
        _image(line[0], inputs[row, ..., 0], np.ones_like(fluid), cmap="cividis")
        _bar(line[1], _image(line[1], true, fluid, cmap="viridis", vmin=0, vmax=top))
        _bar(line[2], _image(line[2], found, fluid, cmap="viridis", vmin=0, vmax=top))
        _bar(line[3], _image(line[3], wrong, fluid, cmap="magma", vmin=0))
        streamlines(line[4], predictions[row], fluid)
        line[0].set_ylabel(name, fontsize=9)
        for axes, column in zip(line, _COLUMNS, strict=True):
            axes.set_title(column, fontsize=8)
    return style.save(drawn, path)


def field(velocity: npt.NDArray[np.floating], fluid: npt.NDArray[np.bool_], path: Path, *, title: str = "") -> Path:
    """Draw one flow: its speed and its streamlines.

    Parameters
    ----------
    velocity
        Shape (rows, columns, 2), in units of u_max.
    fluid
        Shape (rows, columns).
    path
        The PNG file.
    """
    high, wide = fluid.shape
    drawn = style.figure(6.4, 0.7 + 2 * (5.4 * high / wide + 0.3))
    drawn.suptitle(title, fontsize=9)
    upper, lower = drawn.subplots(2, 1)
    _bar(upper, _image(upper, speed(velocity), fluid, cmap="viridis", vmin=0))
    upper.set_title("speed in units of u_max", fontsize=8)
    streamlines(lower, velocity, fluid)
    lower.set_title("streamlines", fontsize=8)
    return style.save(drawn, path)


def speed(velocity: npt.NDArray[np.floating]) -> npt.NDArray[np.floating]:
    """The length of the vectors on the last axis."""
    return np.hypot(velocity[..., 0], velocity[..., 1])


def streamlines(axes: Axes, velocity: npt.NDArray[np.floating], fluid: npt.NDArray[np.bool_]) -> None:
    """Streamlines over the obstacles; the flow goes from left to right, row 0 is at the bottom."""
    rows, columns = fluid.shape
    y, x = np.arange(rows) + 0.5, np.arange(columns) + 0.5
    u, v = (np.where(fluid, component, np.nan) for component in np.moveaxis(velocity, -1, 0))
    axes.streamplot(x, y, u, v, density=(1.6, 1.0), linewidth=0.5, arrowsize=0.5, color=style.BLUE)
    axes.contourf(x, y, (~fluid).astype(float), levels=[0.5, 1.5], colors=[SOLID])
    axes.set(xlim=(0, columns), ylim=(0, rows), aspect="equal", xticks=[], yticks=[])


def _image(axes: Axes, values: npt.NDArray[np.floating], fluid: npt.NDArray[np.bool_], **options: Any) -> Any:
    rows, columns = fluid.shape
    axes.set(facecolor=SOLID, xticks=[], yticks=[])
    shown = np.ma.masked_array(values, ~fluid.astype(bool))
    return axes.imshow(shown, origin="lower", extent=(0, columns, 0, rows), interpolation="nearest", **options)


def _bar(axes: Axes, image: Any) -> None:
    bar = axes.figure.colorbar(image, ax=axes, shrink=0.62, pad=0.02)
    bar.ax.tick_params(labelsize=6)
