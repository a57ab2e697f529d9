import numpy as np
import pytest
from pyproj import Geod

from twinlib.cyclones.sphere import EARTH, basin_of, distance_km, mean_place

RNG = np.random.default_rng(0)
LATITUDE, TO_LATITUDE = np.degrees(np.arcsin(RNG.uniform(-1, 1, (2, 500))))
LONGITUDE, TO_LONGITUDE = RNG.uniform(-180, 360, (2, 500))


def test_distance_as_pyproj_has_it_on_the_same_sphere():
    _, _, metres = Geod(a=EARTH, b=EARTH).inv(LONGITUDE, LATITUDE, TO_LONGITUDE, TO_LATITUDE)
    found = distance_km(LATITUDE, LONGITUDE, TO_LATITUDE, TO_LONGITUDE)
    np.testing.assert_allclose(found, np.array(metres) / 1000, rtol=1e-7)


def test_the_ellipsoid_is_another_distance_by_little():
    _, _, metres = Geod(ellps="WGS84").inv(LONGITUDE, LATITUDE, TO_LONGITUDE, TO_LATITUDE)
    found = distance_km(LATITUDE, LONGITUDE, TO_LATITUDE, TO_LONGITUDE)
    assert np.abs(found / (np.array(metres) / 1000) - 1).max() < 0.006


def test_known_distances():
    assert distance_km(0, 0, 0, 90) == pytest.approx(EARTH / 1000 * np.pi / 2)
    assert distance_km(90, 17, -90, 200) == pytest.approx(EARTH / 1000 * np.pi)
    assert distance_km(10, 179.75, 10, -179.75) == pytest.approx(distance_km(10, 10, 10, 10.5))
    one_step = distance_km(np.float32(60), np.float32(200), np.float32(60), np.float32(200.25))
    assert one_step == pytest.approx(EARTH / 1000 * np.radians(0.25) * 0.5, rel=1e-5)


def test_mean_place_across_the_date_line_and_greenwich():
    one = np.ones(2)
    assert mean_place(np.zeros(2), np.array([179.0, -179.0]), one) == pytest.approx((0, 180))
    latitude, longitude = mean_place(np.zeros(2), np.array([359.0, 1.0]), one)
    assert latitude == 0 and min(longitude, 360 - longitude) == pytest.approx(0, abs=1e-9)
    latitude, longitude = mean_place(np.array([10.0, 20.0]), np.array([130.0, 130.0]), np.array([3.0, 1.0]))
    assert (latitude, longitude) == (pytest.approx(12.5, abs=0.05), pytest.approx(130))


def test_basins_as_huracanpy_has_them():
    """Its polygons of IBTrACS' convention, asked point by point."""
    from huracanpy._basins import basins
    from shapely import points

    longitude = (LONGITUDE + 180) % 360 - 180
    for name, area in zip(basins["ibtracs"].index, basins["ibtracs"].geometry, strict=True):
        inside = area.contains(points(longitude, LATITUDE))
        np.testing.assert_array_equal(basin_of(LATITUDE, LONGITUDE) == name, inside, err_msg=name)
