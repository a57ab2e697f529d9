import hashlib
import json

import numpy as np
import pytest
import xarray as xr

from twinlib.cyclones.archive import STEPS, write_zarr
from twinlib.cyclones.fields import open_fields
from twinlib.cyclones.variables import VARIABLES
from twinlib.errors import UserError

REGION = {"north": 20.0, "south": 15.0, "west": 175.0, "east": 185.0}
TIMES = np.array(["2010-01-01T00", "2010-01-01T06", "2010-02-01T12"], "datetime64[h]")


def synthetic(variables=tuple(VARIABLES)):
    return open_fields("synthetic", variables=variables, region=REGION)


def digest(folder):
    files = sorted(file for file in folder.rglob("*") if file.is_file())
    return {str(file.relative_to(folder)): hashlib.sha256(file.read_bytes()).hexdigest() for file in files}


def test_what_is_written_is_read_again(tmp_path):
    target = tmp_path / "maps.zarr"
    size = write_zarr(synthetic(), TIMES, target, {"seed": 0})
    assert size == sum(file.stat().st_size for file in target.rglob("*") if file.is_file())
    again = open_fields(str(target), variables=tuple(VARIABLES), region=REGION)
    assert again.kind == "synthetic" and "synthetic" in again.source
    assert again.times.tolist() == TIMES.tolist()
    for time in TIMES:
        apart = np.abs(again.at(time) - synthetic().at(time)).max(axis=(0, 1))
        for name, error in zip(VARIABLES, apart, strict=True):
            low, high = VARIABLES[name].lowest, VARIABLES[name].highest
            if name.startswith("t_"):
                low, high = 180, 300
            assert error <= 0.51 * (high - low) / STEPS + 1e-6 * abs(high)


def test_names_and_conventions_are_era5s(tmp_path):
    target = tmp_path / "maps.zarr"
    write_zarr(synthetic(), TIMES, target, {"seed": 7})
    with xr.open_zarr(target, chunks=None) as store:
        assert store.attrs["kind"] == "synthetic" and store.attrs["seed"] == 7
        assert store["t"].dims == ("time", "level", "latitude", "longitude")
        assert store["level"].values.tolist() == [300, 500]
        assert store["msl"].attrs == {"units": "Pa", "long_name": "mean_sea_level_pressure"}
        assert (np.diff(store["latitude"]) < 0).all() and store["longitude"].max() == 185
        assert store["time"].values.astype("datetime64[h]").tolist() == TIMES.tolist()
    stored = json.loads((target / "msl/.zarray").read_text())
    assert stored["dtype"] == "<i2" and stored["chunks"] == [1, 21, 41]


def test_same_maps_same_bytes(tmp_path):
    for name in ("a", "b"):
        write_zarr(synthetic(("msl", "t_300")), TIMES, tmp_path / name, {})
    first = digest(tmp_path / "a")
    assert first == digest(tmp_path / "b")
    write_zarr(synthetic(("msl",)), TIMES[:1], tmp_path / "a", {})  # what was there is replaced
    assert not any(name.startswith("t/") for name in digest(tmp_path / "a"))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "b"]


def test_nothing_else_is_replaced(tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/letter.txt").write_text("dear")
    with pytest.raises(UserError, match="mine holds something else than a Zarr store"):
        write_zarr(synthetic(("msl",)), TIMES, tmp_path / "mine", {})
    assert (tmp_path / "mine/letter.txt").read_text() == "dear"


def test_a_failure_leaves_what_was_there(tmp_path):
    write_zarr(synthetic(("msl",)), TIMES, tmp_path / "a", {})
    before = digest(tmp_path / "a")
    with pytest.raises(UserError, match="00, 06, 12 and 18 UTC"):
        write_zarr(synthetic(("msl",)), TIMES + np.timedelta64(1, "h"), tmp_path / "a", {})
    assert digest(tmp_path / "a") == before and [path.name for path in tmp_path.iterdir()] == ["a"]
