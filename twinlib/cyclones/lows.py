"""Decoys: extratropical lows and small ones of lower latitudes, as deep in pressure as a cyclone, with a cold core."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from twinlib.cyclones.sphere import EARTH

STREAM = 100  # of random numbers; those of the noise have smaller numbers
EPOCH = 2**20  # days: keeps the number of a day positive
BIRTHS = 8.0  # a day, on the whole Earth
LONGEST_LIFE = 7  # days
SMALL = 0.6  # share of lows of the tropics and subtropics


class Lows(NamedTuple):
    """Cold lows at one time; each array has shape (n,)."""

    latitude: npt.NDArray[np.float64]
    longitude: npt.NDArray[np.float64]
    deficit: npt.NDArray[np.float64]  # Pa
    radius: npt.NDArray[np.float64]  # standard deviation of a Gaussian, m
    cold: npt.NDArray[np.float64]  # K at 500 hPa


def lows(seed: int, hour: int, summer: float) -> Lows:
    """The lows at an hour since 1970-01-01: a function of the seed and the time alone.

    Each is born on some day, moves, deepens, fills and is gone after four to seven days.

    Parameters
    ----------
    summer
        From -1, January, to 1, July: extratropical lows of the winter half are deeper.
    """
    today = hour // 24
    days = range(today - LONGEST_LIFE - 1, today + 1)
    born = [_born(seed, day) for day in days]
    u = np.concatenate(born).T
    age = hour - 24 * (np.repeat(days, [len(one) for one in born]) + u[0])
    life = 24 * (4 + (LONGEST_LIFE - 4) * u[1])
    alive = (age > 0) & (age < life)
    u, age, life = u[:, alive], age[alive], life[alive]

    small = u[2] < SMALL
    side = np.where(u[3] < 0.5, -1.0, 1.0)
    radius = np.where(small, 130 + 220 * u[4], 350 + 450 * u[4]) * 1e3
    winter = 1 - 0.3 * summer * side
    deficit = np.where(small, (250 + 500 * u[5]) * radius / 250e3, (1200 + 2800 * u[5]) * winter)
    grown = np.sin(np.pi * age / life) ** 2
    eastward = np.where(small, -3 + 11 * u[6], 6 + 8 * u[6])  # m/s
    poleward = np.where(small, 3 * u[7], 1 + 3 * u[7])
    latitude = side * (np.where(small, 8 + 30 * u[8], 33 + 25 * u[8]) + np.degrees(poleward * age * 3600 / EARTH))
    travelled = np.degrees(eastward * age * 3600 / (EARTH * np.cos(np.radians(np.minimum(np.abs(latitude), 80)))))
    return Lows(
        latitude=latitude,
        longitude=(360 * u[9] + travelled) % 360,
        deficit=deficit * grown,
        radius=radius,
        cold=np.where(small, 1.5 + 2.5 * u[5], 2.5 + 2.5 * u[5]) * grown,
    )


def _born(seed: int, day: int) -> npt.NDArray[np.float64]:
    """Uniform numbers of the lows that are born on a day since 1970-01-01, shape (n, 10)."""
    random = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(STREAM, EPOCH + day)))
    return random.random((random.poisson(BIRTHS), 10))
