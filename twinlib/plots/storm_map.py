"""Maps of the fields around one storm of the best tracks: what a twin that looks for cyclones is shown.

python -m twinlib.plots.storm_map Haiyan 2013-11-07T12 haiyan.png
"""

import argparse
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.patheffects import withStroke

from twinlib.cyclones.fields import REGION, SYNTHETIC, Fields, open_fields
from twinlib.cyclones.sphere import EARTH
from twinlib.cyclones.tracks import KNOT, Tracks, read_tracks
from twinlib.errors import UserError
from twinlib.plots import style
from twinlib.plots.coast import draw_coast

VARIABLES = ("msl", "fg10", "t_500", "t_300")
FAR, NEAR = 22.0, 7.0  # degrees from the storm to the edge of its maps
ISOBARS = np.concatenate([np.arange(880, 992, 16), np.arange(992, 1049, 4)])
HALO = [withStroke(linewidth=2.5, foreground="white")]


@dataclass(frozen=True, eq=False)
class Scene:
    """A storm at one time: its record, its track, the records of all storms then, the maps (hPa, m/s, K)."""

    fields: Fields
    now: Tracks
    track: Tracks
    others: Tracks
    maps: Mapping[str, npt.NDArray[np.floating[Any]]]

    @property
    def centre(self) -> tuple[float, float]:
        """Longitude and latitude."""
        return float(self.now.longitude[0]), float(self.now.latitude[0])

    @property
    def point(self) -> tuple[int, int]:
        """Row and column of the grid next to the centre."""
        east, north = self.centre
        return int(np.abs(self.fields.latitude - north).argmin()), int(np.abs(self.fields.longitude - east).argmin())

    def near(self, name: str, degrees: float) -> npt.NDArray[np.floating[Any]]:
        """The part of a map within some degrees of the centre."""
        east, north = self.centre
        rows = np.abs(self.fields.latitude - north) <= degrees
        columns = np.abs(self.fields.longitude - east) <= degrees
        return self.maps[name][np.ix_(rows, columns)]


def storm_map(fields: Fields, tracks: Tracks, storm: str, time: np.datetime64, path: Path) -> Path:
    """Draw pressure, gusts and warm core of a storm at one time, and a section through its centre.

    Parameters
    ----------
    fields
        With msl, fg10, t_500 and t_300.
    tracks
        The best tracks, in which `storm` is a name or an identifier.
    path
        The PNG file.

    Raises
    ------
    UserError
        There is no such storm, not at this time, or not on the map.
    """
    scene = _scene(fields, tracks, storm, time)
    drawn = style.figure(11.5, 9.0)
    panels = drawn.subplots(2, 2)
    kind = "Synthetic fields around" if fields.kind == SYNTHETIC else "ERA5 at"
    record = (
        f"{scene.now.wind[0] / KNOT:.0f} kt and {scene.now.pressure[0] / 100:.0f} hPa in its record (one-minute wind)"
    )
    hour = str(time.astype("datetime64[h]")).replace("T", " ")
    drawn.suptitle(f"{kind} the real track of {scene.now.name[0]}, {hour} UTC\n{record}", fontsize=12)

    limit = float(np.ceil(max(4, np.abs(scene.near("warm_300", 1.5)).max())))
    gust = float(max(30, 5 * np.ceil(scene.near("fg10", 3).max() / 5)))
    for axes, name, degrees, title, look in (
        (panels[0, 0], "msl", FAR, "Sea level pressure (hPa)", {"cmap": "RdYlBu_r", "vmin": 990, "vmax": 1030}),
        (panels[0, 1], "fg10", NEAR, "Gusts at 10 m (m/s)", {"cmap": "BuPu", "vmin": 0, "vmax": gust}),
        (
            panels[1, 0],
            "warm_300",
            NEAR,
            "Temperature at 300 hPa against its surroundings (K)",
            {"cmap": "RdBu_r", "vmin": -limit, "vmax": limit},
        ),
    ):
        _frame(axes, scene, degrees)
        shown = axes.pcolormesh(fields.longitude, fields.latitude, scene.maps[name], rasterized=True, **look)
        extend = {"msl": "both", "fg10": "neither"}.get(name, "both")
        drawn.colorbar(shown, ax=axes, shrink=0.85, extend=extend)
        _isobars(axes, scene)
        draw_coast(axes)
        _draw_tracks(axes, scene)
        axes.set_title(title, fontsize=10)
    _section(panels[1, 1], scene)
    return style.save(drawn, path)


def main(arguments: Sequence[str] | None = None) -> int:
    """Draw what the command line says; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m twinlib.plots.storm_map", description="Draw the fields around a storm of the best tracks."
    )
    parser.add_argument("storm", help="a name such as Haiyan, or an IBTrACS identifier")
    parser.add_argument("time", help="UTC, such as 2013-11-07T12")
    parser.add_argument("picture", type=Path, help="the PNG file")
    parser.add_argument(
        "--fields", default=SYNTHETIC, help="synthetic, or a Zarr or NetCDF file (default: %(default)s)"
    )
    parser.add_argument("--tracks", type=Path, default=Path("data/raw/cyclones/ibtracs_wmo.csv"), metavar="FILE")
    parser.add_argument("--seed", type=int, default=0, help="of the synthetic weather (default: %(default)s)")
    options = parser.parse_args(arguments)
    try:
        time = np.datetime64(options.time, "h")
    except ValueError:
        parser.error(f"{options.time} is no time; give one such as 2013-11-07T12")
    try:
        tracks = read_tracks(options.tracks)
        fields = open_fields(options.fields, variables=VARIABLES, region=REGION, tracks=tracks, seed=options.seed)
        print(storm_map(fields, tracks, options.storm, time, options.picture))
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


def _scene(fields: Fields, tracks: Tracks, storm: str, time: np.datetime64) -> Scene:
    track = tracks[(tracks.storm == storm) | (tracks.name == storm)]
    if not len(track):
        raise UserError(f"no storm {storm} in the tracks; give its IBTrACS identifier, such as 2013306N07162")
    now = track.at(time)
    if not len(now):
        raise UserError(
            f"{storm} has no record at {time}, but from {track.time[0]} to {track.time[-1]} every six hours"
        )
    scene = Scene(fields, now, track, tracks.at(time), {})
    (east, north), (row, column) = scene.centre, scene.point
    if max(abs(fields.latitude[row] - north), abs(fields.longitude[column] - east)) > 1:
        raise UserError(f"{storm} is at {north:g} N {east:g} E at {time}, which is not on the map")
    maps = dict(zip(fields.variables, np.moveaxis(fields.at(time), -1, 0), strict=True))
    maps["msl"] = maps["msl"] / 100
    for level in (300, 500):
        values = maps[f"t_{level}"]
        maps[f"warm_{level}"] = values - _surroundings(values, scene)
    return Scene(fields, now, track, tracks.at(time), maps)


def _surroundings(values: npt.NDArray[np.floating[Any]], scene: Scene) -> npt.NDArray[np.floating[Any]]:
    """For each latitude the mean between 7 and 12 degrees east and west of the storm, shape (rows, 1)."""
    apart = np.abs(scene.fields.longitude - scene.centre[0])
    return values[:, (apart >= NEAR) & (apart <= 12)].mean(axis=1, keepdims=True)


def _frame(axes: Axes, scene: Scene, degrees: float) -> None:
    east, north = scene.centre
    latitude, longitude = scene.fields.latitude, scene.fields.longitude
    stretch = 1 / np.cos(np.radians(north))  # a degree of latitude is as long as this many of longitude
    axes.set_xlim(max(east - degrees * stretch, longitude[0]), min(east + degrees * stretch, longitude[-1]))
    axes.set_ylim(max(north - degrees, latitude[-1]), min(north + degrees, latitude[0]))
    axes.set_aspect(stretch)
    axes.xaxis.set_major_formatter(lambda x, _: f"{x:g}°E" if x <= 180 else f"{360 - x:g}°W")
    axes.yaxis.set_major_formatter(lambda y, _: f"{abs(y):g}°{'N' if y >= 0 else 'S'}")
    axes.tick_params(labelsize=8)


def _isobars(axes: Axes, scene: Scene) -> None:
    fields = scene.fields
    lines = axes.contour(
        fields.longitude, fields.latitude, scene.maps["msl"], ISOBARS, colors="black", linewidths=0.5, alpha=0.8
    )
    axes.clabel(lines, np.arange(992, 1049, 8), fontsize=6.5)


def _draw_tracks(axes: Axes, scene: Scene) -> None:
    track, others = scene.track, scene.others[scene.others.storm != scene.now.storm[0]]
    axes.plot(track.longitude, track.latitude, "-", color=style.VERMILLION, linewidth=1.2, path_effects=HALO)
    axes.plot(track.longitude, track.latitude, ".", color=style.VERMILLION, markersize=3)
    axes.plot(others.longitude, others.latitude, "x", color="black", markersize=6, path_effects=HALO)
    axes.plot(*scene.centre, "o", color=style.VERMILLION, markersize=11, markeredgewidth=1.5, fillstyle="none")


def _section(axes: Axes, scene: Scene) -> None:
    """Pressure, gusts and warm core along the latitude of the centre."""
    row, _ = scene.point
    east, north = scene.centre
    km = np.radians(scene.fields.longitude - east) * np.cos(np.radians(north)) * EARTH / 1000
    axes.plot(km, scene.maps["fg10"][row], color=style.BLUE, label="gusts (m/s)")
    axes.plot(km, scene.maps["warm_300"][row], color=style.VERMILLION, label="warmth at 300 hPa (K)")
    axes.plot(km, scene.maps["warm_500"][row], color=style.VERMILLION, linestyle="--", label="warmth at 500 hPa (K)")
    axes.set_xlim(-600, 600)
    axes.set_xlabel("km east of the centre", fontsize=9)
    axes.set_title(
        f"Section along {scene.fields.latitude[row]:g}°N, through the grid points next to the centre", fontsize=10
    )
    style.plain(axes)
    pressure = axes.twinx()
    pressure.plot(km, scene.maps["msl"][row], color="black", label="pressure (hPa, right)")
    pressure.spines[["top"]].set_visible(False)
    for side in (axes, pressure):  # room for the legend
        low, high = side.get_ylim()
        side.set_ylim(low, high + 0.2 * (high - low))
    for side in (axes, pressure):
        side.tick_params(labelsize=8)
    handles = [line for side in (axes, pressure) for line in side.get_lines()]
    axes.legend(handles=handles, fontsize=7.5, frameon=False, loc="upper left", ncols=2)


if __name__ == "__main__":
    sys.exit(main())
