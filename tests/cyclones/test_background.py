import time

import numpy as np
import pytest
from threadpoolctl import threadpool_info

from twinlib.cyclones.background import (
    CALM,
    CURVATURE,
    Background,
    Wind,
    climate_msl,
    climate_sst,
    climate_temperature,
    season,
)
from twinlib.cyclones.variables import VARIABLES
from twinlib.cyclones.vortex import AIR, ROTATION

HOUR = 380_000
LATITUDE, LONGITUDE = np.arange(70, 0, -0.25), np.arange(100, 200, 0.25)
NORTH = Background(LATITUDE, LONGITUDE, 0)


@pytest.fixture(scope="module")
def weather():
    """Ten independent times."""
    return [NORTH.at(HOUR + 240 * n, VARIABLES) for n in range(10)]


def test_july_is_the_warmest_month_of_the_north():
    hours = np.arange("2001-01", "2002-01", dtype="datetime64[D]").astype("datetime64[h]").astype(int)
    seasons = [season(int(hour)) for hour in hours]
    assert np.argmax(seasons) in range(200, 215) and np.argmin(seasons) in range(20, 32)
    assert max(seasons) == pytest.approx(1, abs=1e-3)


def test_climate_has_the_known_shape():
    """Ranges of reanalysis climatologies, with room: subtropical highs, subpolar lows, falling temperatures."""
    a = np.array([0.0, 15.0, 32.0, 60.0])[:, np.newaxis]
    for summer in (-1.0, 1.0):
        msl = climate_msl(a, np.array([[215.0]]), summer)[:, 0] / 100
        assert msl.argmax() == 2 and msl.argmin() == 3
        assert 1008 < msl[0] < 1013 and 1016 < msl[2] < 1026 and 994 < msl[3] < 1010
        warm = {level: climate_temperature(level, a, summer)[:, 0] for level in ("t_500", "t_300")}
        for level, tropics in (("t_500", 268), ("t_300", 242)):
            assert (np.diff(warm[level]) < 0).all() and warm[level][0] == tropics
        assert ((warm["t_500"] - warm["t_300"]) > 18).all()
    sst = climate_sst(a, np.array([[180.0]]), 1.0)[:, 0]
    assert 300 < sst[0] < 304 and 292 < sst[2] < 300 and 273 < sst[3] < 284


def test_hemispheres_have_each_others_seasons():
    east = np.array([[150.0]])
    for field in (climate_msl, climate_sst, lambda a, _, s: climate_temperature("t_300", a, s)):
        north, south = field(np.array([[35.0]]), east, 0.6), field(np.array([[-35.0]]), east, -0.6)
        assert north == pytest.approx(south)


def test_wind_is_that_of_a_gaussian_low_by_closed_form():
    """Cyclonic around it in both hemispheres, and V^2 / R + f V = f G with the geostrophic wind G."""
    centre, width, depth = 150.0, 3.0, 2000.0
    for middle in (45.0, -45.0):
        latitude = middle + np.arange(10, -10.01, -0.25)
        longitude = np.arange(centre - 10, centre + 10.01, 0.25)
        apart = ((latitude - middle) ** 2)[:, None] + ((longitude - centre) ** 2)[None, :]
        pressure = (-depth * np.exp(-apart / (2 * width**2))).astype(np.float32)
        u, v = Background(latitude, longitude, 0)._balanced_wind(pressure)
        column, row = np.flatnonzero(longitude == centre)[0], np.flatnonzero(latitude == middle + width)[0]
        f = 2 * ROTATION * np.sin(np.radians(middle + width))
        soft = np.hypot(f, 2 * ROTATION * np.sin(np.radians(12)))
        slope = depth / width * np.exp(-0.5) / (np.radians(1) * 6.371e6)
        geostrophic = slope * abs(f) / (AIR * soft**2)
        speed = abs(u[row, column])
        assert speed**2 / CURVATURE + soft * speed == pytest.approx(soft * geostrophic, rel=0.01)
        assert speed < geostrophic
        assert np.sign(u[row, column]) == -np.sign(middle)  # north of it: to the west in the north
        assert abs(v[row, column]) < 1e-3 * speed


def test_vorticity_is_the_curl_of_the_wind():
    """Of a flow u = a y, v = b x on a plane: b - a."""
    background = Background(np.arange(1, -1.01, -0.25), np.arange(100, 110, 0.25), 0)
    metres = np.radians(0.25) * 6.371e6
    y = -metres * np.arange(9)[:, None] * np.ones((1, 40))
    x = metres * np.arange(40)[None, :] * np.ones((9, 1))
    curl = background._curl((2e-5 * y).astype(np.float32), (5e-5 * x).astype(np.float32))
    assert curl[1:-1, 1:-1] == pytest.approx(3e-5, rel=1e-3)


def test_strong_wind_blows_where_pressure_changes(weather):
    for state in weather[:3]:
        band = slice(80, 160)  # 50 to 30 degrees north
        south, east = np.gradient(state.msl[band])
        speed = np.hypot(state.wind.eastward, state.wind.northward)[band]
        assert np.corrcoef(np.hypot(south, east).ravel(), speed.ravel())[0, 1] > 0.35


def test_weather_is_correlated_across_variables(weather):
    """In middle latitudes high pressure is warm at 500 hPa, and 300 hPa goes with 500."""
    band = slice(60, 140)

    def anomalies(fields):
        fields = np.stack([field[band] for field in fields])
        return (fields - fields.mean(axis=0)).ravel()

    msl = anomalies([state.msl for state in weather])
    middle, upper = (anomalies([state.temperature[level] for state in weather]) for level in ("t_500", "t_300"))
    assert np.corrcoef(msl, middle)[0, 1] == pytest.approx(0.45, abs=0.2)
    assert np.corrcoef(middle, upper)[0, 1] == pytest.approx(0.6, abs=0.2)


def test_weather_is_stronger_in_middle_latitudes(weather):
    msl = np.stack([state.msl for state in weather])
    spread = msl.std(axis=0).mean(axis=1)
    assert 100 < spread[LATITUDE < 15].mean() < 350 < 500 < spread[(LATITUDE > 45) & (LATITUDE < 60)].mean() < 1200


def test_lows_are_cold_and_deep(weather):
    """Where pressure is far below the climate's, the core at 500 hPa is colder than around, all times together."""
    below, cold = [], []
    for n, state in enumerate(weather):
        hour = HOUR + 240 * n
        climate = climate_msl(LATITUDE[:, None], LONGITUDE[None, :], season(hour))
        warm = climate_temperature("t_500", LATITUDE[:, None], season(hour))
        below.append((state.msl - climate).ravel())
        cold.append((state.temperature["t_500"] - warm).ravel())
    below, cold = np.concatenate(below), np.concatenate(cold)
    assert below.min() < -2500
    assert cold[below < -2000].mean() < -2


def test_only_what_is_asked_for_is_made():
    state = NORTH.at(HOUR, ("msl",))
    assert state.wind is None and state.sst is None and state.vorticity is None and not state.temperature
    assert np.array_equal(state.msl, NORTH.at(HOUR, VARIABLES).msl)
    both = NORTH.at(HOUR, ("t_300",)).temperature
    assert np.array_equal(both["t_300"], NORTH.at(HOUR, ("t_500", "t_300")).temperature["t_300"])


def test_every_field_is_within_the_bounds_of_its_variable(weather):
    for state in weather:
        for name, field in {"msl": state.msl, "sst": state.sst, "vo_850": state.vorticity, **state.temperature}.items():
            assert field.dtype == np.float32
            assert VARIABLES[name].lowest < field.min() < field.max() < VARIABLES[name].highest
        assert np.hypot(state.wind.eastward, state.wind.northward).max() < 45
        assert 0.4 < state.wind.gustiness.min() < state.wind.gustiness.max() < 2.2
        assert state.wind.squalls.min() == 0 and 5 < state.wind.squalls.max() < 25


def test_gusts_are_the_wind_times_the_factor_and_squalls():
    one = np.ones((2, 2), np.float32)
    gust = Wind(3 * one, -4 * one, 1.1 * one, 2 * one).gust(1.3)
    assert gust == pytest.approx(np.sqrt(25 + CALM**2) * 1.1 * 1.3 + 2)


def test_the_south_and_the_equator_are_no_exception():
    state = Background(np.arange(10, -40.01, -0.25), np.arange(30, 60, 0.25), 1).at(HOUR, VARIABLES)
    for field in (state.msl, state.wind.eastward, state.wind.northward, state.vorticity):
        assert np.isfinite(field).all()
    pole = Background(np.arange(90, 79.9, -0.25), np.arange(30, 60, 0.25), 1).at(HOUR, VARIABLES)
    assert np.hypot(pole.wind.eastward, pole.wind.northward).max() < 45
    assert np.abs(pole.vorticity).max() < 2e-3


def test_one_thread_makes_the_weather():
    """No other one spins meanwhile, and whoever computes next has its threads back."""
    before = [library["num_threads"] for library in threadpool_info()]
    time.sleep(0.2)  # those that earlier tests left spinning have stopped
    process, thread = time.process_time(), time.thread_time()
    for n in range(10):
        NORTH.at(HOUR + 240 * n, VARIABLES)
    thread = time.thread_time() - thread
    assert time.process_time() - process < 1.3 * thread
    assert [library["num_threads"] for library in threadpool_info()] == before
