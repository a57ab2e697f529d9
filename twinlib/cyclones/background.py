"""The synthetic atmosphere without cyclones: a climate of seasons and latitudes, weather of red noise, cold lows.

Nothing of it is observed. The climate is a handful of smooth curves drawn after the known one; the weather is a random
field for pressure, winds in balance with it, and temperatures correlated with it.
"""

from collections.abc import Collection
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from twinlib.cyclones.lows import Lows, lows
from twinlib.cyclones.noise import RedNoise
from twinlib.cyclones.sphere import EARTH
from twinlib.cyclones.vortex import AIR, ROTATION

Array = npt.NDArray[np.floating[Any]]

SPACING = 0.25  # degrees
FRICTION, TURNED = 0.7, np.radians(20)  # wind at 10 m against the balanced one: its speed, and turned to the low
CURVATURE = 500e3  # m: radius of the flow around the lows that winds are balanced for
POLAR = 70.0  # degrees: from here to the pole meridians come no nearer to each other
CALM = 2.5  # m/s: mean wind of which a gust blows in calm air
SQUALL = 5.0  # m/s of gust for each standard deviation of convection above the first, in low latitudes
EQUATOR = 12.0  # degrees: here geostrophy is down to a half, and from here to the equator it ends
COLD_SHARE = {"t_500": 1.0, "t_300": 0.5}  # share of a low's cold core at each level

# name: (slope, longest and shortest wavelength in degrees, hours of persistence, degrees east an hour). Geostrophic
# kinetic energy falls with k^-3 and pressure, its potential, with k^-5; mesoscale fields with k^-5/3 (Nastrom and
# Gage 1985).
NOISE = {
    "pressure": (5.0, 40.0, 2.5, 72, 0.25),
    "cold_500": (3.0, 25.0, 1.5, 72, 0.25),
    "cold_300": (3.0, 25.0, 1.5, 72, 0.25),
    "mesoscale": (5 / 3, 5.0, 0.75, 12, 0.1),
    "convection": (5 / 3, 5.0, 0.75, 12, 0.1),
    "gustiness": (5 / 3, 8.0, 0.75, 12, 0.1),
    "sea": (3.0, 30.0, 1.5, 480, 0.0),
}


@dataclass
class Wind:
    """Mean wind at 10 m (m/s) and what makes gusts of it; float32, shape (rows, columns)."""

    eastward: Array
    northward: Array
    gustiness: Array  # factor around 1
    squalls: Array  # gusts of convection on top of it, m/s

    def gust(self, factor: float) -> Array:
        """Gusts where those of steady wind are `factor` times the mean, m/s."""
        speed = np.sqrt(self.eastward**2 + self.northward**2 + np.float32(CALM**2))
        return speed * self.gustiness * np.float32(factor) + self.squalls


@dataclass
class State:
    """The atmosphere at one time; float32 of shape (rows, columns) in SI units, None where not asked for."""

    msl: Array
    wind: Wind | None
    vorticity: Array | None  # at 850 hPa
    temperature: dict[str, Array]  # t_500 and t_300
    sst: Array | None


class Weather(NamedTuple):
    """What is random at one time; float32, shape (rows, columns)."""

    pressure: Array  # noise of variance 1 that pressure and temperature have in common
    balanced: Array  # departure of pressure from the climate, Pa, with the lows
    cooled: Array  # by the lows at 500 hPa, K
    mesoscale: Array  # noise of variance 1
    convection: Array


@dataclass(frozen=True, eq=False)
class Background:
    """The synthetic atmosphere on a grid of `SPACING`: any time, in any order, gives the same numbers for a seed.

    Parameters
    ----------
    latitude, longitude
        shapes (rows,) decreasing and (columns,) increasing, degrees.
    """

    latitude: Array
    longitude: Array
    seed: int

    def at(self, hour: int, variables: Collection[str]) -> State:
        """The state at an hour since 1970-01-01, with what `variables` need."""
        wanted, summer = set(variables), season(hour)
        weather = self._weather(hour, summer)
        latitude, longitude = self.latitude[:, np.newaxis], self.longitude[np.newaxis, :]
        climate = climate_msl(latitude, longitude, summer).astype(np.float32)
        state = State(climate + weather.balanced + 30 * weather.mesoscale, None, None, {}, None)
        if wanted & {"fg10", "i10fg", "vo_850"}:
            balanced = self._balanced_wind(weather.balanced)
            state.wind = self._wind(*balanced, weather.convection, hour, summer)
            if "vo_850" in wanted:
                state.vorticity = self._curl(*balanced) + 1.5e-5 * weather.mesoscale
        levels = [level for level in COLD_SHARE if level in wanted]
        if levels:
            state.temperature = self._temperature(levels, weather, hour, summer)
        if "sst" in wanted:
            warm = climate_sst(latitude, longitude, season(hour - 30 * 24)).astype(np.float32)
            state.sst = np.maximum(warm + np.float32(0.7) * self._noise("sea", hour), np.float32(271.35))
        return state

    def environment(self, latitude: float, longitude: float, hour: int) -> float:
        """Sea level pressure of the climate at one place, Pa: what a storm's deficit is measured against."""
        return float(climate_msl(np.array(latitude), np.array(longitude), season(hour)))

    def _weather(self, hour: int, summer: float) -> Weather:
        steep = self._noise("pressure", hour)
        lowered, cooled = self._decoys(lows(self.seed, hour, summer))
        balanced = steep * _pressure_noise(self.latitude[:, np.newaxis], summer) - lowered
        return Weather(steep, balanced, cooled, self._noise("mesoscale", hour), self._noise("convection", hour))

    def _wind(self, east: Array, north: Array, convection: Array, hour: int, summer: float) -> Wind:
        """Of the balanced wind, at 10 m: slower, turned to the low, with the climate's trades and westerlies."""
        latitude = self.latitude[:, np.newaxis]
        turned = np.sign(latitude).astype(np.float32) * np.float32(FRICTION * np.sin(TURNED))
        along = np.float32(FRICTION * np.cos(TURNED))
        u, v = _climate_wind(latitude, summer)
        stormy = (SQUALL / (1 + np.exp((np.abs(latitude) - 35) / 5))).astype(np.float32)
        return Wind(
            eastward=along * east - turned * north + u,
            northward=turned * east + along * north + v,
            gustiness=np.exp(np.float32(0.13) * self._noise("gustiness", hour)),
            squalls=np.maximum(convection - 1, 0) * stormy,
        )

    def _temperature(self, levels: list[str], weather: Weather, hour: int, summer: float) -> dict[str, Array]:
        """Climate, weather that goes with pressure, convection, and cold lows."""
        latitude = self.latitude[:, np.newaxis]
        noise = {"t_500": np.float32(0.9) * self._noise("cold_500", hour) + np.float32(0.43) * weather.pressure}
        small = {"t_500": 0.3 * weather.convection}
        if "t_300" in levels:
            noise["t_300"] = np.float32(0.6) * noise["t_500"] + np.float32(0.8) * self._noise("cold_300", hour)
            small["t_300"] = 0.2 * weather.convection + 0.3 * weather.mesoscale
        return {
            level: climate_temperature(level, latitude, summer).astype(np.float32)
            + noise[level] * _temperature_noise(level, latitude)
            + small[level]
            - np.float32(COLD_SHARE[level]) * weather.cooled
            for level in levels
        }

    def _noise(self, name: str, hour: int) -> npt.NDArray[np.float32]:
        slope, longest, shortest, persistence, drift = NOISE[name]
        shape = (len(self.latitude), len(self.longitude))
        stream = list(NOISE).index(name)
        return RedNoise(self.seed, stream, shape, SPACING, slope, longest, shortest, persistence, drift).at(hour)

    def _decoys(self, decoys: Lows) -> tuple[Array, Array]:
        """Pressure and temperature that the lows take away: sums of Gaussians, each a product of a row and a column."""
        a, b = decoys.latitude[:, np.newaxis], decoys.longitude[:, np.newaxis]
        north = np.radians(self.latitude - a) * EARTH
        east = np.radians((self.longitude - b + 180) % 360 - 180) * np.cos(np.radians(a)) * EARTH
        width = decoys.radius[:, np.newaxis]
        rows, columns = (np.exp(-0.5 * (side / width) ** 2) for side in (north, east))
        wide = [np.exp(-0.5 * (side / (1.2 * width)) ** 2) for side in (north, east)]
        # By one thread: a millisecond's work. Others would spin for tens of milliseconds after it, waiting for more to
        # do, on processors that the other processes want.
        with _threads().limit(limits=1, user_api="blas"):
            pressure = (rows * decoys.deficit[:, np.newaxis]).T @ columns
            cold = (wide[0] * decoys.cold[:, np.newaxis]).T @ wide[1]
        return pressure.astype(np.float32), cold.astype(np.float32)

    @cached_property
    def _metres(self) -> tuple[Array, float]:
        """Distance of neighbours: eastwards, shape (rows, 1), and southwards."""
        step = np.radians(SPACING) * EARTH
        # The noise is as fine in degrees at the poles as elsewhere: nearer in metres, its gradients had no bound.
        widths = step * np.cos(np.radians(np.minimum(np.abs(self.latitude), POLAR)))
        return widths[:, np.newaxis].astype(np.float32), float(step)

    def _balanced_wind(self, pressure: Array) -> tuple[Array, Array]:
        """Wind (east, north) along the isobars: geostrophic, but slower where it is fast, as in a curved flow.

        The gradient wind around a low is 2 G / (1 + sqrt(1 + 4 G / (f R))), with G the geostrophic wind and R the
        radius of its curvature (Holton and Hakim 2013, section 3.2.5), which is `CURVATURE` here.
        """
        east, south = self._metres
        f = 2 * ROTATION * np.sin(np.radians(self.latitude))
        soft = np.hypot(f, 2 * ROTATION * np.sin(np.radians(EQUATOR)))
        scale = (f / (AIR * soft**2))[:, np.newaxis].astype(np.float32)  # 1 / f, but 0 at the equator
        down, across = np.gradient(pressure)
        u, v = down * (scale / np.float32(south)), across * (scale / east)
        rossby = np.sqrt(u * u + v * v) * (4 / (CURVATURE * soft))[:, np.newaxis].astype(np.float32)
        slower = 2 / (1 + np.sqrt(1 + rossby))
        return u * slower, v * slower

    def _curl(self, eastward: Array, northward: Array) -> Array:
        east, south = self._metres
        return np.gradient(northward, axis=1) / east + np.gradient(eastward, axis=0) / np.float32(south)


@cache
def _threads() -> Any:
    """The libraries of this process that compute with several threads."""
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()


def season(hour: int) -> float:
    """From -1 in the last days of January to 1 in the last of July, at an hour since 1970-01-01."""
    return float(np.cos(2 * np.pi * (hour / 24 - 209) / 365.25))


def climate_msl(latitude: Array, longitude: Array, summer: float) -> Array:
    """Mean sea level pressure, Pa: equatorial trough, subtropical ridge over the oceans, subpolar lows."""
    a, s = np.abs(latitude), summer * np.sign(latitude)
    ridge = 9 * np.exp(-(((a - 31 - 4 * s) / 11) ** 2)) * (1 + 0.35 * np.cos(np.radians(longitude - 215) * 360 / 105))
    low = (9 - 5 * s) * np.exp(-(((a - 60) / 11) ** 2)) * (1 + 0.4 * np.cos(np.radians(longitude - 190) * 360 / 130))
    monsoon = 1.5 * s * np.exp(-(((a - 18) / 8) ** 2))
    return 100 * (1010.5 + ridge - low - monsoon)


def climate_temperature(level: str, latitude: Array, summer: float) -> Array:
    """Mean temperature at t_500 or t_300, K."""
    equator, fall, seasonal = {"t_500": (268.0, 25.0, 9.0), "t_300": (242.0, 26.0, 8.0)}[level]
    s = summer * np.sign(latitude)
    return equator - (fall - seasonal * s) * np.sin(np.radians(latitude)) ** 2


def climate_sst(latitude: Array, longitude: Array, summer: float) -> Array:
    """Mean sea surface temperature, K, over land too: there are no coasts here."""
    from_warmest = np.maximum(np.abs(latitude) - 5 * (1 + summer * np.sign(latitude)), 0)
    return 302 - 30 * -np.expm1(-((from_warmest / 42) ** 2)) + 1.5 * np.cos(np.radians(longitude - 150) * 360 / 160)


def _climate_wind(latitude: Array, summer: float) -> tuple[Array, Array]:
    """Mean wind at 10 m, m/s: trades and westerlies, shape (rows, 1)."""
    a, s = np.abs(latitude), summer * np.sign(latitude)
    trades = np.exp(-(((a - 14) / 9) ** 2))
    u = -6 * trades + (5 - 2.5 * s) * np.exp(-(((a - 45) / 14) ** 2))
    return u.astype(np.float32), (-1.5 * np.sign(latitude) * trades).astype(np.float32)


def _pressure_noise(latitude: Array, summer: float) -> Array:
    """Standard deviation of pressure, Pa: small in the tropics, largest in the winter's storm track."""
    winter = 1 - 0.3 * summer * np.sign(latitude)
    return (150 + 600 * winter * np.exp(-(((np.abs(latitude) - 52) / 15) ** 2))).astype(np.float32)


def _temperature_noise(level: str, latitude: Array) -> Array:
    """Standard deviation of temperature, K."""
    tropics, more = {"t_500": (0.7, 2.8), "t_300": (0.8, 2.2)}[level]
    return (tropics + more / (1 + np.exp(-(np.abs(latitude) - 32) / 6))).astype(np.float32)
