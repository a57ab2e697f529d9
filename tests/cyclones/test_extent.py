import numpy as np
import pytest
import xarray as xr

from twinlib.cyclones.extent import points_of
from twinlib.errors import UserError

NORTH = np.arange(10, 20.25, 0.25)


def file_of(tmp_path, longitude, latitude=NORTH, names=("latitude", "longitude")):
    path = tmp_path / "map.nc"
    xr.Dataset(coords=dict(zip(names, (latitude, longitude), strict=True))).to_netcdf(path, engine="h5netcdf")
    return str(path)


@pytest.mark.parametrize(
    ("longitude", "west", "east"),
    [
        (np.arange(100, 320, 0.25), 100, 319.75),
        (np.arange(-30, 40.25, 0.25), 330, 400),
        (np.concatenate([np.arange(-180, -169.75, 0.25), np.arange(170, 180, 0.25)]), 170, 190),
        (np.arange(0, 360, 0.25), 0, 359.75),
        (np.arange(-180, 180, 0.25), 0, 359.75),
        (np.arange(0, 360.25, 0.25), 0, 359.75),  # closed: Greenwich is there twice
        (np.arange(0, 90, 0.25, dtype=np.float32), 0, 89.75),
    ],
)
def test_longitudes(longitude, west, east, tmp_path):
    _, found = points_of(file_of(tmp_path, longitude))
    assert (found[0], found[-1]) == (west, east)
    assert (np.diff(found) == 0.25).all()
    np.testing.assert_array_equal(np.unique(found % 360), np.unique(longitude % 360))


@pytest.mark.parametrize("latitude", [NORTH, NORTH[::-1]])
def test_latitudes_fall(latitude, tmp_path):
    found, _ = points_of(file_of(tmp_path, NORTH, latitude, ("lat", "lon")))
    np.testing.assert_array_equal(found, NORTH[::-1])


def test_no_axes(tmp_path):
    with pytest.raises(UserError, match=r"map\.nc has no latitude; its axes are y, x"):
        points_of(file_of(tmp_path, NORTH, NORTH, ("y", "x")))
