"""The vortex of a tropical cyclone: Holland's pressure profile, the wind in balance with it, the warm core above it."""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from twinlib.cyclones.sphere import distance_km

Array = npt.NDArray[np.floating[Any]]

AIR = 1.15  # density at the sea surface, kg/m3 (Holland 1980)
ROTATION = 7.292e-5  # of the Earth, 1/s
REDUCTION = 0.9  # wind at 10 m over the gradient wind (Franklin et al. 2003)
HOURLY = 1 / 1.11  # hourly mean over the highest one-minute mean in it, at sea (Harper et al. 2010)
GUST = {"fg10": 1.30, "i10fg": 1.23}  # three-second gust over the mean wind: in an hour, in ten minutes (same source)
STEEPNESS = (0.6, 2.5)  # bounds of Holland's B
WEAKEST = 100.0  # Pa: a record as high as its environment still has this deficit
DRIFT, DRIFT_ANGLE = 0.55, np.radians(20)  # how much of its motion a storm adds to its wind (Lin and Chavas 2012)
INNER, OUTER = 500e3, 1000e3  # m: the vortex is whole up to here, and gone from there

# Warm cores peak near 10 km (Stern and Nolan 2012); 500 and 300 hPa lie at 5.8 and 9.6 km in the tropics.
CORE_HEIGHT, CORE_DEPTH, HEIGHT = 10e3, 3.5e3, {"t_500": 5.8e3, "t_300": 9.6e3}
# The core widens with height, as surfaces of angular momentum lean outwards (Stern and Nolan 2009): its radius there
# over that at the surface.
WIDER = {"t_500": 1.5, "t_300": 2.0}
COLD_CORE = {"t_500": 0.6, "t_300": 0.35}  # of an extratropical low, against the same hydrostatic scale
TEMPERATURE, GAS, GRAVITY = 250.0, 287.0, 9.81  # mean of the layer in K, J/(kg K), m/s2


class Influence(NamedTuple):
    """What a vortex adds to the fields in a window of the grid, each of shape (rows, columns)."""

    pressure: Array  # deficit, Pa
    eastward: Array  # mean wind at 10 m, m/s
    northward: Array
    vorticity: Array  # at 850 hPa, 1/s
    warm: dict[str, Array]  # K at t_500 and t_300


@dataclass(frozen=True)
class Vortex:
    """A storm at one time.

    Parameters
    ----------
    latitude, longitude
        Of the centre, in degrees.
    deficit
        Pressure of the environment less that of the centre, Pa.
    wind
        Highest one-minute mean at 10 m, m/s.
    eastward, northward
        Motion of the centre, m/s.
    """

    latitude: float
    longitude: float
    deficit: float
    wind: float
    eastward: float = 0.0
    northward: float = 0.0

    @property
    def radius(self) -> float:
        """Radius of maximum wind, m."""
        return radius_of_maximum_wind(self.wind, self.latitude)

    @property
    def coriolis(self) -> float:
        return coriolis(self.latitude)

    @property
    def gradient_maximum(self) -> float:
        """The strongest gradient wind, m/s: the record's wind without the part that comes from its motion."""
        moved = DRIFT * np.hypot(self.eastward, self.northward)
        return float(max(self.wind - moved, 0.5 * self.wind)) / REDUCTION

    @property
    def steepness(self) -> float:
        """Holland's B."""
        return steepness(self.gradient_maximum, self.deficit, self.radius, self.coriolis)

    def on(self, latitude: Array, longitude: Array) -> Influence:
        """The vortex on a grid.

        Parameters
        ----------
        latitude, longitude
            shapes (rows,) and (columns,), degrees.
        """
        east, north, r = _offsets(self.latitude, self.longitude, latitude, longitude)
        b = self.steepness
        profile = (self.deficit, self.radius, b)
        fade = np.cos(np.pi / 2 * np.clip((r - INNER) / (OUTER - INNER), 0, 1)) ** 2
        pressure = pressure_deficit(r, *profile) * fade
        gradient, vorticity = gradient_wind(r, *profile, self.coriolis)

        hemisphere = np.sign(self.coriolis) or 1.0
        inflow = inflow_angle(r / self.radius)
        mean = gradient * (REDUCTION * HOURLY) * fade
        # Anticlockwise around the centre in the north, and turned inwards.
        cosine, sine = np.cos(inflow) * hemisphere, np.sin(inflow)
        eastward = mean * (-north * cosine - east * sine)
        northward = mean * (east * cosine - north * sine)
        turn = DRIFT_ANGLE * hemisphere
        drift_east = self.eastward * np.cos(turn) - self.northward * np.sin(turn)
        drift_north = self.eastward * np.sin(turn) + self.northward * np.cos(turn)
        moved = (DRIFT * HOURLY / max(self.gradient_maximum, 1.0)) * gradient * fade
        warm = {
            level: kelvin * fade * pressure_deficit(r, 1.0, WIDER[level] * self.radius, b)
            for level, kelvin in self.warmest.items()
        }
        return Influence(
            pressure,
            eastward + drift_east * moved,
            northward + drift_north * moved,
            vorticity * fade * hemisphere,
            warm,
        )

    @property
    def warmest(self) -> dict[str, float]:
        """Temperature anomaly above the centre, K; from 35 to 50 degrees a storm turns extratropical, its core cold."""
        tropical = 1 - 0.9 * float(np.clip((abs(self.latitude) - 35) / 15, 0, 1))
        peak = warm_core(self.deficit, CORE_HEIGHT)
        return {
            level: tropical * warm_core(self.deficit, height) - (1 - tropical) * COLD_CORE[level] * peak
            for level, height in HEIGHT.items()
        }


def coriolis(latitude: float) -> float:
    """Coriolis parameter, 1/s."""
    return float(2 * ROTATION * np.sin(np.radians(latitude)))


def radius_of_maximum_wind(wind: float, latitude: float) -> float:
    """In m: 46.4 exp(-0.0155 V + 0.0169 |latitude|) km (Willoughby et al. 2006, eq. 7a)."""
    return float(46.4e3 * np.exp(-0.0155 * wind + 0.0169 * abs(latitude)))


def steepness(maximum: float, deficit: float, radius: float, f: float) -> float:
    """Holland's B for which the gradient wind at `radius` is `maximum`, kept within `STEEPNESS`.

    At the radius of maximum wind the gradient wind equation reads V^2 + |f| R V = B dp / (rho e). Where a bound holds,
    pressure keeps the record's value and wind departs from it.
    """
    b = AIR * np.e * (maximum**2 + abs(f) * radius * maximum) / deficit
    return float(np.clip(b, *STEEPNESS))


def pressure_deficit(r: Array, deficit: float, radius: float, b: float) -> Array:
    """How much lower pressure is at the distance r (m) than far away, Pa (Holland 1980, eq. 3)."""
    return deficit * -np.expm1(-((radius / np.maximum(r, 1.0)) ** b))


def gradient_wind(r: Array, deficit: float, radius: float, b: float, f: float) -> tuple[Array, Array]:
    """Gradient wind (m/s) at the distance r (m), and its relative vorticity (1/s), both cyclonic positive.

    V = sqrt(G + (r f / 2)^2) - r |f| / 2 with G = B dp / rho x exp(-x), x = (R / r)^B (Holland 1980, eq. 5); the
    vorticity is V / r + dV/dr, differentiated by hand.
    """
    r = np.maximum(r, 1.0)
    x = (radius / r) ** b
    g = (b * deficit / AIR) * x * np.exp(-x)
    half = 0.5 * abs(f)
    root = np.sqrt(g + (r * half) ** 2)
    wind = root - r * half
    # At the centre g vanishes faster than any power of r, and at the equator so does the root.
    slope = (0.5 * b * g * (x - 1) / r + r * half**2) / np.maximum(root, 1e-9) - half
    return wind, np.where(g > 1e-12, wind / r + slope, 0.0)


def inflow_angle(ratio: Array) -> Array:
    """Radians by which wind turns inwards at a distance in radii of maximum wind (Sobey et al. 1977)."""
    degrees = np.where(ratio < 1, 10 * ratio, np.clip(10 + 75 * (ratio - 1), 10, 25))
    return np.radians(degrees)


def warm_core(deficit: float, height: float) -> float:
    """Temperature anomaly (K) at a height (m) of the column whose warmth lowers surface pressure by `deficit` (Pa).

    Hydrostatic: d ln p = -g / (R T^2) times the integral of the anomaly over height, which is a Gaussian here.
    """
    column = CORE_DEPTH * np.sqrt(2 * np.pi)
    peak = deficit / 101_325 * GAS * TEMPERATURE**2 / (GRAVITY * column)
    return float(peak * np.exp(-((height - CORE_HEIGHT) ** 2) / (2 * CORE_DEPTH**2)))


def _offsets(latitude: float, longitude: float, rows: Array, columns: Array) -> tuple[Array, Array, Array]:
    """Unit vector from the centre to each point (east, north), and the great-circle distance in m."""
    turn = np.radians((columns - longitude + 180) % 360 - 180)[np.newaxis, :]
    there, here = np.radians(rows)[:, np.newaxis], np.radians(latitude)
    east = np.cos(there) * np.sin(turn)
    north = np.cos(here) * np.sin(there) - np.sin(here) * np.cos(there) * np.cos(turn)
    length = np.maximum(np.hypot(east, north), 1e-12)
    away = 1000 * distance_km(latitude, longitude, rows[:, np.newaxis], columns[np.newaxis, :])
    return east / length, north / length, away
