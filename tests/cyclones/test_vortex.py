import numpy as np
import pytest

from twinlib.cyclones.vortex import (
    AIR,
    CORE_DEPTH,
    CORE_HEIGHT,
    GRAVITY,
    HOURLY,
    REDUCTION,
    STEEPNESS,
    TEMPERATURE,
    Vortex,
    coriolis,
    gradient_wind,
    inflow_angle,
    pressure_deficit,
    radius_of_maximum_wind,
    steepness,
    warm_core,
)

KM = np.degrees(1e3 / 6.371e6)  # degrees of latitude
R = np.linspace(1e3, 800e3, 80_000)


def storm(latitude=20.0, longitude=150.0, deficit=6000.0, wind=50.0, eastward=0.0, northward=0.0):
    return Vortex(latitude, longitude, deficit, wind, eastward, northward)


def around(vortex, degrees=2.0, step=0.01):
    offsets = np.linspace(-degrees, degrees, round(2 * degrees / step) + 1)
    latitude, longitude = vortex.latitude - offsets, vortex.longitude + offsets
    return latitude, longitude, vortex.on(latitude, longitude)


def test_radius_of_maximum_wind():
    """46.4 exp(-0.775 + 0.338) = 46.4 * 0.64597 (Willoughby et al. 2006, eq. 7a)."""
    assert radius_of_maximum_wind(50, 20) == pytest.approx(29_973, rel=1e-4)
    assert radius_of_maximum_wind(50, -20) == radius_of_maximum_wind(50, 20)


def test_pressure_at_the_centre_is_that_of_the_record():
    vortex = storm(deficit=7300)
    _, _, added = around(vortex)
    assert added.pressure.max() == pytest.approx(7300, rel=1e-6)
    middle = len(added.pressure) // 2
    assert added.pressure[middle, middle] == added.pressure.max()
    # At the radius of maximum wind what is left of it is 1 - 1/e.
    assert pressure_deficit(np.array([vortex.radius]), 7300, vortex.radius, 1.5)[0] == pytest.approx(
        7300 * (1 - 1 / np.e)
    )


@pytest.mark.parametrize(
    ("latitude", "wind", "deficit"), [(12.0, 30.0, 2500.0), (20.0, 50.0, 6000.0), (-28.0, 62.0, 8000.0)]
)
def test_wind_is_strongest_at_its_radius_and_as_strong_as_recorded(latitude, wind, deficit):
    vortex = storm(latitude, wind=wind, deficit=deficit)
    assert STEEPNESS[0] < vortex.steepness < STEEPNESS[1]
    speed, _ = gradient_wind(R, deficit, vortex.radius, vortex.steepness, vortex.coriolis)
    assert R[speed.argmax()] == pytest.approx(vortex.radius, rel=0.02)
    assert speed.max() * REDUCTION == pytest.approx(wind, rel=2e-3)


def test_cyclostrophic_maximum_is_hollands():
    """Without rotation the maximum is sqrt(B dp / (rho e)) (Holland 1980, eq. 7)."""
    speed, _ = gradient_wind(np.array([30e3]), 5000, 30e3, 1.5, 0)
    assert speed[0] == pytest.approx(np.sqrt(1.5 * 5000 / (AIR * np.e)))


def test_b_keeps_its_bounds():
    assert steepness(100, 1000, 30e3, 5e-5) == STEEPNESS[1]
    assert steepness(10, 9000, 30e3, 5e-5) == STEEPNESS[0]


@pytest.mark.parametrize("latitude", [-15.0, 5.0, 30.0])
def test_wind_is_in_balance_with_a_numerical_pressure_gradient(latitude):
    vortex = storm(latitude)
    profile = (vortex.deficit, vortex.radius, vortex.steepness)
    slope = -np.gradient(pressure_deficit(R, *profile), R) / AIR
    speed, _ = gradient_wind(R, *profile, vortex.coriolis)
    balance = speed**2 / R + abs(coriolis(latitude)) * speed
    np.testing.assert_allclose(balance[1:-1], slope[1:-1], rtol=1e-3, atol=1e-9)


def test_wind_on_the_map_is_in_balance_with_the_map_of_pressure():
    vortex = storm()
    latitude, longitude, added = around(vortex)
    metres = np.radians(0.01) * 6.371e6
    south, east = np.gradient(-added.pressure, metres)
    slope = np.hypot(south, east / np.cos(np.radians(latitude))[:, None]) / AIR
    speed = np.hypot(added.eastward, added.northward) / (REDUCTION * HOURLY)
    x = (longitude - vortex.longitude) * np.cos(np.radians(latitude))[:, None] * metres / 0.01
    y = ((latitude - vortex.latitude) * metres / 0.01)[:, None]
    r = np.hypot(x, y)
    ring = (r > 20e3) & (r < 190e3)
    balance = speed[ring] ** 2 / r[ring] + vortex.coriolis * speed[ring]
    np.testing.assert_allclose(balance, slope[ring], rtol=0.01)


def test_vorticity_is_that_of_the_wind():
    vortex = storm()
    profile = (vortex.deficit, vortex.radius, vortex.steepness, vortex.coriolis)
    speed, vorticity = gradient_wind(R, *profile)
    numerical = np.gradient(R * speed, R) / R
    np.testing.assert_allclose(vorticity[2:-2], numerical[2:-2], rtol=1e-3, atol=1e-7)
    # Stokes: the wind around a circle is the vorticity inside of it.
    circle = R < 300e3
    inside = np.trapezoid((vorticity * 2 * np.pi * R)[circle], R[circle])
    assert inside == pytest.approx(2 * np.pi * 300e3 * speed[circle][-1], rel=1e-3)


@pytest.mark.parametrize(("latitude", "sign"), [(20.0, 1), (-20.0, -1)])
def test_rotation_turns_with_the_hemisphere(latitude, sign):
    vortex = storm(latitude)
    rows, columns = np.array([latitude + 50 * KM, latitude, latitude - 50 * KM]), np.array([149.5, 150.0, 150.5])
    added = vortex.on(rows, columns)
    assert np.sign(added.northward[1, 2]) == sign  # east of the centre
    assert np.sign(added.northward[1, 0]) == -sign
    assert np.sign(added.eastward[0, 1]) == -sign  # north of it
    assert np.sign(added.eastward[2, 1]) == sign
    assert np.sign(vortex.on(np.array([latitude]), np.array([150.25])).vorticity[0, 0]) == sign


def test_wind_blows_inwards_by_the_published_angle():
    assert np.degrees(inflow_angle(np.array([0, 0.5, 1, 1.1, 1.2, 5]))) == pytest.approx([0, 5, 10, 17.5, 25, 25])
    for latitude in (20.0, -20.0):
        vortex = storm(latitude)
        added = vortex.on(np.array([latitude]), np.array([152.0]))  # about 200 km east, where outwards is east
        assert np.degrees(np.arctan2(-added.eastward, np.abs(added.northward)))[0, 0] == pytest.approx(25, abs=0.5)


@pytest.mark.parametrize(("latitude", "stronger"), [(20.0, "north"), (-20.0, "south")])
def test_wind_is_stronger_where_the_storm_moves_with_it(latitude, stronger):
    """Moving west: on its right in the north, on its left in the south."""
    vortex = storm(latitude, eastward=-8.0)
    rows, _, added = around(vortex, 1.0)
    speed = np.hypot(added.eastward, added.northward)
    north, south = speed[rows > latitude].mean(), speed[rows < latitude].mean()
    assert (north > south) == (stronger == "north")
    assert speed.max() / HOURLY == pytest.approx(vortex.wind, rel=0.01)  # the record's, motion included


def test_warm_core_is_hydrostatic():
    """d ln p = -g / (R T^2) dT dz over the column, integrated numerically."""
    z = np.linspace(CORE_HEIGHT - 8 * CORE_DEPTH, CORE_HEIGHT + 8 * CORE_DEPTH, 4001)
    warmth = [warm_core(5000, height) for height in z]
    fall = np.trapezoid(warmth, z) * GRAVITY / (287.0 * TEMPERATURE**2)
    assert fall * 101_325 == pytest.approx(5000, rel=1e-6)


def test_core_is_warm_and_warmer_above():
    _, _, added = around(storm())
    middle = len(added.pressure) // 2
    upper, lower = added.warm["t_300"], added.warm["t_500"]
    assert upper[middle, middle] > lower[middle, middle] > 4
    assert upper[middle, middle] == upper.max() and upper[0, 0] < 0.1 * upper.max()
    extratropical = storm(52.0, deficit=4000, wind=25).warmest
    assert extratropical["t_500"] < 0


def test_nothing_is_added_far_away():
    added = storm().on(np.array([20.0, 30.0]), np.array([159.7, 161.0]))
    for field in (added.pressure, added.eastward, added.northward, added.vorticity, *added.warm.values()):
        assert np.abs(field).max() < 1e-20


def test_a_storm_is_the_same_on_the_date_line_and_on_greenwich():
    rows, offsets = 20 + np.linspace(-3, 3, 25), np.linspace(-4, 4, 33)
    here = storm(longitude=150.0, eastward=-5).on(rows, 150 + offsets)
    for centre in (180.0, 179.9, 0.0):
        there = storm(longitude=centre, eastward=-5).on(rows, (centre + offsets) % 360)
        assert there.pressure == pytest.approx(here.pressure, rel=1e-6)
        assert there.northward == pytest.approx(here.northward, rel=1e-6, abs=1e-9)


def test_numbers_are_finite_at_the_centre_and_on_the_equator():
    for latitude in (0.0, 10.0):
        _, _, added = around(storm(latitude), 1.0, 0.05)
        for field in (added.pressure, added.eastward, added.northward, added.vorticity, *added.warm.values()):
            assert np.isfinite(field).all()
