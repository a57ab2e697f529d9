"""The variables a cyclone may be seen in, and what ERA5 calls them."""

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Variable:
    """One field of the atmosphere on a latitude-longitude grid.

    `short` and `long` are the names that files have: ECMWF's and ARCO-ERA5's. `level` is in hPa where the variable is
    one level of a field of several. `lowest` and `highest` bound what it can be in `units`.
    """

    units: str
    short: tuple[str, ...]
    long: str
    lowest: float
    highest: float
    level: int | None = None


VARIABLES = {
    "fg10": Variable("m s**-1", ("fg10", "10fg"), "10m_wind_gust_since_previous_post_processing", -1, 150),
    "msl": Variable("Pa", ("msl",), "mean_sea_level_pressure", 85_000, 109_000),
    "t_500": Variable("K", ("t",), "temperature", 200, 300, 500),
    "t_300": Variable("K", ("t",), "temperature", 180, 280, 300),
    "vo_850": Variable("s**-1", ("vo",), "vorticity", -0.05, 0.05, 850),
    "i10fg": Variable("m s**-1", ("i10fg",), "instantaneous_10m_wind_gust", -1, 150),
    "sst": Variable("K", ("sst",), "sea_surface_temperature", 260, 320),
}
DRIVERS = ("fg10", "msl", "t_500", "t_300")

# units as files spell them, in small letters, without spaces, powers, degrees and a last s: factor and offset to SI
_UNITS = {
    "Pa": {"pa": (1.0, 0.0), "hpa": (100.0, 0.0), "mbar": (100.0, 0.0), "mb": (100.0, 0.0), "millibar": (100.0, 0.0)},
    "K": {"k": (1.0, 0.0), "kelvin": (1.0, 0.0), "c": (1.0, 273.15), "celsiu": (1.0, 273.15)},
    "m s**-1": {"ms-1": (1.0, 0.0), "m/": (1.0, 0.0), "kt": (1852 / 3600, 0.0), "knot": (1852 / 3600, 0.0)},
    "s**-1": {"s-1": (1.0, 0.0), "1/": (1.0, 0.0)},
}


def to_si(said: str, units: str) -> tuple[float, float] | None:
    """Factor and offset from what a file calls its units to `units`, None where nobody knows."""
    plain = re.sub(r"[ *^._]|deg(rees?)?", "", said.lower()).removesuffix("s")
    return _UNITS[units].get(plain)
