"""Fields of the atmosphere at any time: synthetic ones around real tracks, or the user's ERA5."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np
import numpy.typing as npt

from twinlib.cyclones.background import SPACING, Background, State
from twinlib.cyclones.sphere import EARTH
from twinlib.cyclones.tracks import Tracks
from twinlib.cyclones.variables import DRIVERS, VARIABLES
from twinlib.cyclones.vortex import GUST, OUTER, WEAKEST, Vortex
from twinlib.errors import UserError

SYNTHETIC = "synthetic"
REGION = {"north": 70.0, "south": 0.25, "west": 100.0, "east": 319.75}  # 280 x 880 points


class Fields(Protocol):
    """Where maps come from."""

    @property
    def latitude(self) -> npt.NDArray[np.float64]:
        """shape (rows,), decreasing, degrees north."""

    @property
    def longitude(self) -> npt.NDArray[np.float64]:
        """shape (columns,), increasing, 0 … 360 degrees east."""

    @property
    def variables(self) -> tuple[str, ...]:
        """The channels, in order."""

    @property
    def units(self) -> tuple[str, ...]:
        """Of each channel."""

    @property
    def kind(self) -> str:
        """real or synthetic"""

    @property
    def source(self) -> str: ...

    @property
    def times(self) -> npt.NDArray[np.datetime64] | None:
        """Hours of which there is a map; None when there is one for any."""

    def at(self, time: np.datetime64) -> npt.NDArray[np.float32]:
        """The map of one time, shape (rows, columns, channels).

        Raises
        ------
        UserError
            There is none, or it cannot be read.
        """


def open_fields(
    source: str,
    *,
    variables: Sequence[str] = DRIVERS,
    region: Mapping[str, float] = REGION,
    tracks: Tracks | None = None,
    seed: int = 0,
) -> Fields:
    """Open a source of maps.

    Parameters
    ----------
    source
        `synthetic`, or ERA5 as Zarr or NetCDF at a path or any fsspec URL.
    variables
        Of `twinlib.cyclones.variables`; one channel each, in this order.
    region
        north, south, west, east in degrees, all of them points of the 0.25-degree grid.
    tracks
        Storms of the synthetic fields; none of them without.
    seed
        Of the synthetic weather.

    Raises
    ------
    UserError
        A variable or region that there is not; a file that cannot be read or does not hold what it should.
    """
    latitude, longitude = grid(region)
    if unknown := [name for name in variables if name not in VARIABLES]:
        raise UserError(f"variables: no {unknown[0]}; there are {', '.join(VARIABLES)}")
    if not variables or len(set(variables)) != len(variables):
        raise UserError(f"variables: {', '.join(variables) or 'none'}; name each once")
    if str(source) == SYNTHETIC:
        return Synthetic(latitude, longitude, tuple(variables), tracks, seed)

    from twinlib.cyclones.era5 import open_era5

    return open_era5(str(source), variables=tuple(variables), latitude=latitude, longitude=longitude)


def grid(region: Mapping[str, float]) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Latitudes, decreasing, and longitudes, increasing, of a region with both of its edges."""
    if set(region) != set(REGION):
        raise UserError(f"region has {', '.join(region) or 'nothing'}; give north, south, west, east")
    north, south, west, east = (float(region[side]) for side in REGION)
    if not (90 >= north > south >= -90 and 0 <= west < east <= 360 - SPACING):
        raise UserError(
            f"region: {south:g} … {north:g} north, {west:g} … {east:g} east; needs -90 … 90 and 0 … {360 - SPACING}, "
            "south below north and west below east"
        )
    if any(side % SPACING for side in (north, south, west, east)):
        raise UserError(f"region: {south:g}, {north:g}, {west:g}, {east:g} are not all on the {SPACING}-degree grid")
    rows, columns = int((north - south) / SPACING) + 1, int((east - west) / SPACING) + 1
    return np.linspace(north, south, rows), np.linspace(west, east, columns)


@dataclass(frozen=True, eq=False)
class Synthetic:
    """Made-up weather with a vortex at every record of real tracks: no observation but the tracks is in it.

    A map depends on the grid, the seed, the time and the storms of that time only, so maps can be made in any order
    and by several processes.
    """

    latitude: npt.NDArray[np.float64]
    longitude: npt.NDArray[np.float64]
    variables: tuple[str, ...]
    tracks: Tracks | None
    seed: int
    kind: str = SYNTHETIC
    source: str = "synthetic weather; vortices (Holland 1980) at the records of IBTrACS"
    times: npt.NDArray[np.datetime64] | None = None

    @property
    def units(self) -> tuple[str, ...]:
        return tuple(VARIABLES[name].units for name in self.variables)

    def at(self, time: np.datetime64) -> npt.NDArray[np.float32]:
        hour = int(time.astype("datetime64[h]").astype(np.int64))
        if hour % 6:
            raise UserError(f"{time}: synthetic fields, as the tracks, are of 00, 06, 12 and 18 UTC")
        state = self._background.at(hour, self.variables)
        for vortex in self._vortices(hour):
            self._add(vortex, state)
        out = np.empty((len(self.latitude), len(self.longitude), len(self.variables)), np.float32)
        for channel, name in enumerate(self.variables):
            if state.wind is not None and name in GUST:
                out[..., channel] = state.wind.gust(GUST[name])
            elif name in state.temperature:
                out[..., channel] = state.temperature[name]
            else:
                out[..., channel] = {"msl": state.msl, "vo_850": state.vorticity, "sst": state.sst}[name]
        return out

    @cached_property
    def _background(self) -> Background:
        return Background(self.latitude, self.longitude, self.seed)

    def _vortices(self, hour: int) -> list[Vortex]:
        if self.tracks is None:
            return []
        storms = self.tracks.at(np.datetime64(hour, "h"))
        vortices = []
        for i in range(len(storms)):
            latitude, longitude = float(storms.latitude[i]), float(storms.longitude[i])
            environment = self._background.environment(latitude, longitude, hour)
            vortices.append(
                Vortex(
                    latitude=latitude,
                    longitude=longitude,
                    deficit=max(environment - float(storms.pressure[i]), WEAKEST),
                    wind=float(storms.wind[i]),
                    eastward=float(storms.eastward[i]),
                    northward=float(storms.northward[i]),
                )
            )
        return vortices

    def _add(self, vortex: Vortex, state: State) -> None:
        """Add a vortex to the part of the state that it reaches."""
        reach = np.degrees(OUTER / EARTH)
        rows = np.flatnonzero(np.abs(self.latitude - vortex.latitude) <= reach)
        widest = np.cos(np.radians(min(abs(vortex.latitude) + reach, 89)))
        turn = (self.longitude - vortex.longitude + 180) % 360 - 180
        columns = np.flatnonzero(np.abs(turn) <= reach / widest)
        if not (len(rows) and len(columns)):
            return
        window = np.ix_(rows, columns)
        added = vortex.on(self.latitude[rows], self.longitude[columns])
        state.msl[window] -= added.pressure
        if state.wind is not None:
            state.wind.eastward[window] += added.eastward
            state.wind.northward[window] += added.northward
        if state.vorticity is not None:
            state.vorticity[window] += added.vorticity
        for level, field in state.temperature.items():
            field[window] += added.warm[level]
