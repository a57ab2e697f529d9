"""What a twin found on maps, over what is true."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.patheffects import withStroke

from twinlib.plots import style

if TYPE_CHECKING:
    from twinlib.cyclones.detect import Detection
    from twinlib.cyclones.fields import Fields
    from twinlib.cyclones.tracks import Tracks

HALO = [withStroke(linewidth=2.5, foreground="white")]  # a mark that is seen on any colour
# Variables that show a cyclone to the eye, the first that there is, and how they are written.
SHOWN = {"msl": ("mean sea level pressure (hPa)", 0.01), "fg10": ("10 m wind gust (m/s)", 1.0)}


def draw(
    fields: "Fields",
    time: np.datetime64,
    values: npt.NDArray[np.float32],
    times: npt.NDArray[np.datetime64],
    detections: Sequence["Detection"],
    truth: "Tracks | None",
    path: Path,
) -> Path:
    """Draw the map of one time and, where there are several, the detections of all of them along the best tracks.

    Parameters
    ----------
    fields
        Where the map is from.
    time, values
        Of the map: shape (rows, columns, channels).
    times
        All times looked at.
    truth
        Records of best tracks on the map at these times.
    """
    several = len(times) > 1
    height, width = len(fields.latitude), len(fields.longitude)
    tall = float(np.clip(11 * height / width, 2.5, 11))
    drawn = style.figure(12.5, (1 + several) * tall + 0.9)
    panels = drawn.subplots(1 + several, 1, squeeze=False)[:, 0]
    _map(panels[0], fields, time, values, [one for one in detections if one.time == time], truth)
    if several:
        _course(panels[1], fields, times, detections, truth)
    kind = "" if fields.kind in fields.source else f"{fields.kind} fields: "
    drawn.suptitle(f"{kind}{fields.source}", fontsize=9)
    return style.save(drawn, path)


def _map(
    axes: Axes,
    fields: "Fields",
    time: np.datetime64,
    values: npt.NDArray[np.float32],
    detections: Sequence["Detection"],
    truth: "Tracks | None",
) -> None:
    name = next((name for name in SHOWN if name in fields.variables), fields.variables[0])
    channel = fields.variables.index(name)
    label, scale = SHOWN.get(name, (f"{name} ({fields.units[channel]})", 1.0))
    image = axes.imshow(
        values[..., channel] * scale, extent=_extent(fields), cmap="Blues_r", aspect="auto", interpolation="nearest"
    )
    axes.figure.colorbar(image, ax=axes, label=label, pad=0.01)
    if truth is not None:
        there = truth.at(time)
        axes.plot(
            _on(there.longitude, fields),
            there.latitude,
            "o",
            color="black",
            markersize=15,
            fillstyle="none",
            markeredgewidth=1.5,
            path_effects=HALO,
            label="best track",
        )
        for east, north, storm in zip(there.longitude, there.latitude, there.name, strict=True):
            _write(axes, fields, east, north, storm, 7)
    axes.plot(
        _on([one.longitude for one in detections], fields),
        [one.latitude for one in detections],
        "x",
        color=style.VERMILLION,
        markersize=9,
        markeredgewidth=2.2,
        path_effects=HALO,
        label="twin",
    )
    for one in detections:
        text = f"{one.probability:.2f}"
        _write(axes, fields, one.longitude, one.latitude, text, -12, color=style.VERMILLION, fontweight="bold")
    _frame(axes, fields, f"{time} UTC")
    if axes.get_legend_handles_labels()[0]:
        axes.legend(loc="lower right", fontsize=8, framealpha=0.9, edgecolor="none")


def _course(
    axes: Axes,
    fields: "Fields",
    times: npt.NDArray[np.datetime64],
    detections: Sequence["Detection"],
    truth: "Tracks | None",
) -> None:
    style.plain(axes)
    if truth is not None:
        lines = []
        for storm in np.unique(truth.storm):
            one = truth[truth.storm == storm]
            lines.append(np.stack([_on(one.longitude, fields), one.latitude], axis=1))
            _write(axes, fields, one.longitude[0], one.latitude[0], one.name[0], 5, color=style.GREY)
        axes.add_collection(LineCollection(lines, colors=style.GREY, linewidths=1.2, label="best track"))
        axes.plot(_on(truth.longitude, fields), truth.latitude, ".", color=style.GREY, markersize=4)
    hours = (np.array([one.time for one in detections], "datetime64[h]") - times[0]).astype(float)
    dots = axes.scatter(
        _on([one.longitude for one in detections], fields),
        [one.latitude for one in detections],
        c=hours,
        s=[12 + 60 * one.probability for one in detections],
        cmap="plasma",
        alpha=0.75,
        linewidths=0,
        vmin=0,
        vmax=float((times[-1] - times[0]).astype(int)),
        label="twin, larger where surer",
    )
    axes.figure.colorbar(dots, ax=axes, label=f"hours since {times[0]} UTC", pad=0.01)
    _frame(axes, fields, f"{len(times):,} times from {times[0]} to {times[-1]} UTC")
    axes.legend(loc="lower right", fontsize=8, framealpha=0.9, edgecolor="none")


def _write(axes: Axes, fields: "Fields", east: float, north: float, text: str, up: int, **how: Any) -> None:
    """Write beside a place, on the side where the map goes on."""
    where = float(_on(east, fields))
    west, edge, *_ = _extent(fields)
    side = 1 if where < edge - 0.15 * (edge - west) else -1
    axes.annotate(
        text,
        (where, north),
        (9 * side, up),
        textcoords="offset points",
        ha="left" if side > 0 else "right",
        fontsize=8,
        path_effects=HALO,
        **how,
    )


def _extent(fields: "Fields") -> tuple[float, float, float, float]:
    """Outer edges of the grid points: west, east, south, north."""
    half = abs(fields.latitude[1] - fields.latitude[0]) / 2
    west, east = fields.longitude[[0, -1]]
    north, south = fields.latitude[[0, -1]]
    return west - half, east + half, south - half, north + half


def _on(longitude: npt.ArrayLike, fields: "Fields") -> npt.NDArray[np.float64]:
    """Longitudes as the map counts them."""
    west = fields.longitude[0]
    return (np.asarray(longitude, dtype=np.float64) - west) % 360 + west


def _frame(axes: Axes, fields: "Fields", title: str) -> None:
    west, east, south, north = _extent(fields)
    axes.set_xlim(west, east)
    axes.set_ylim(south, north)
    axes.set_aspect(1 / np.cos(np.radians((south + north) / 2)) if east - west < 120 else "auto")
    axes.xaxis.set_major_formatter(_degrees_east)
    axes.yaxis.set_major_formatter(lambda north, _: f"{abs(north):g}°{'N' if north > 0 else 'S' if north < 0 else ''}")
    axes.set_title(title, fontsize=10)


def _degrees_east(east: float, _: object) -> str:
    east = (east + 180) % 360 - 180
    return f"{abs(east):g}°{'E' if 0 < east < 180 else 'W' if -180 < east < 0 else ''}"
