"""ERA5 as files have it, written here in its conventions; the numbers are made up."""

import re
import shutil

import numpy as np
import pytest
import xarray as xr

from twinlib.cyclones.fields import open_fields
from twinlib.cyclones.variables import VARIABLES, to_si
from twinlib.errors import UserError

REGION = {"north": 12.0, "south": 10.0, "west": 178.0, "east": 183.0}  # across the date line
TIMES = np.array(["2018-09-13T00", "2018-09-13T06", "2018-09-13T12"], "datetime64[ns]")
SURFACE = {"fg10": 10.0, "msl": 100_800.0, "i10fg": 9.0, "sst": 300.0}
ABOVE = {"t": (240.0, 265.0, 285.0), "vo": (1e-5, 2e-5, 3e-5)}
LEVELS = [300, 500, 850]


def dataset(times=TIMES):
    """Names, axes and attributes of ECMWF's NetCDF files: latitude falls, longitude from 0."""
    latitude, longitude = np.arange(14.0, 7.9, -0.25), np.arange(170.0, 190.1, 0.25)
    shape = (len(times), len(latitude), len(longitude))
    random = np.random.default_rng(0)
    axes = {"time": times, "level": LEVELS, "latitude": latitude, "longitude": longitude}
    made = {}
    for name, mean in SURFACE.items():
        values = (mean * (1 + 0.01 * random.random(shape))).astype(np.float32)
        made[name] = (("time", "latitude", "longitude"), values, {"units": VARIABLES[name].units})
    for name, means in ABOVE.items():
        layers = [mean * (1 + 0.01 * random.random(shape)) for mean in means]
        units = {"units": VARIABLES["t_500" if name == "t" else "vo_850"].units}
        made[name] = (("time", "level", "latitude", "longitude"), np.stack(layers, 1).astype(np.float32), units)
    return xr.Dataset(made, axes)


@pytest.fixture(scope="module")
def plain():
    return dataset()


def saved(data, path, encoding=None):
    if path.suffix == ".zarr":
        data.to_zarr(path, mode="w", encoding=encoding, zarr_format=2, consolidated=True)
    else:
        data.to_netcdf(path, engine="h5netcdf", encoding=encoding)
    return str(path)


def opened(source, variables=tuple(VARIABLES), region=REGION):
    return open_fields(str(source), variables=variables, region=region)


def expected(data, time=TIMES[1]):
    """The wanted map by xarray alone."""
    here = data.sel(time=time, latitude=np.arange(12, 9.9, -0.25), longitude=np.arange(178, 183.1, 0.25))
    maps = []
    for variable in VARIABLES.values():
        short = next(one for one in variable.short if one in here)
        maps.append(here[short].sel(level=variable.level) if variable.level else here[short])
    return np.stack([one.values for one in maps], axis=-1)


def long_names(data):
    names = {short: variable.long for variable in VARIABLES.values() for short in variable.short if short in data}
    return data.rename(names)


def from_minus_180(data):
    return data.assign_coords(longitude=(data["longitude"] + 180) % 360 - 180).sortby("longitude")


VARIATIONS = {
    "as it is": lambda data: data,
    "long names, as ARCO-ERA5": long_names,
    "latitude rises": lambda data: data.sortby("latitude"),
    "longitude from -180": from_minus_180,
    "both, and axes in another order": lambda data: from_minus_180(data.sortby("latitude")).transpose(
        "latitude", "level", "time", "longitude"
    ),
    "names of the new data store": lambda data: data.rename(time="valid_time", level="pressure_level"),
    "levels in Pa": lambda data: data.assign_coords(level=("level", np.array(LEVELS) * 100.0, {"units": "Pa"})),
    "an axis of one member": lambda data: data.expand_dims(number=[0]),
    "hourly": lambda data: data.reindex(time=np.arange(TIMES[0], TIMES[2], np.timedelta64(1, "h")), method="nearest"),
    "whole levels as arrays": lambda data: data.drop_vars(["t", "vo"]).assign(
        t_500=data["t"].sel(level=500, drop=True),
        t_300=data["t"].sel(level=300, drop=True),
        vo_850=data["vo"].sel(level=850, drop=True),
    ),
}


@pytest.mark.parametrize("suffix", [".nc", ".zarr"])
@pytest.mark.parametrize("variation", VARIATIONS)
def test_the_same_map_however_it_is_stored(variation, suffix, plain, tmp_path):
    source = saved(VARIATIONS[variation](plain), tmp_path / f"era5{suffix}")
    fields = opened(source)
    assert fields.kind == "real" and fields.source == f"ERA5 in {source}"
    assert fields.units == tuple(variable.units for variable in VARIABLES.values())
    assert set(fields.times.tolist()) <= set(TIMES.astype("datetime64[h]").tolist())
    got = fields.at(np.datetime64("2018-09-13T06"))
    assert got.dtype == np.float32
    assert np.array_equal(got, expected(plain))


def test_packed_numbers(plain, tmp_path):
    surface = plain[["msl"]]
    packed = {"msl": {"dtype": "i2", "scale_factor": 0.05, "add_offset": 101_000.0, "_FillValue": -32767}}
    for suffix in (".nc", ".zarr"):
        got = opened(saved(surface, tmp_path / f"packed{suffix}", packed), ("msl",)).at(TIMES[1])
        assert np.abs(got - expected(plain)[..., [1]]).max() <= 0.026


def test_classic_netcdf(plain, tmp_path):
    plain.to_netcdf(tmp_path / "old.nc", format="NETCDF3_64BIT", engine="scipy")
    assert np.array_equal(opened(tmp_path / "old.nc").at(TIMES[1]), expected(plain))


def test_other_units_are_converted_and_a_line_says_so(plain, tmp_path, capsys):
    other = plain.copy()
    other["msl"] = (plain["msl"] / 100).assign_attrs(units="hPa")
    other["t"] = (plain["t"] - 273.15).assign_attrs(units="degC")
    got = opened(saved(other, tmp_path / "other.nc")).at(TIMES[1])
    assert got == pytest.approx(expected(plain), rel=1e-6)
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 2 and all("other.nc" in line for line in said)
    assert "msl is in hPa, taken as Pa" in said[0] + said[1]
    assert to_si("m s-1", "m s**-1") == (1.0, 0.0) and to_si("m s**-1", "m s**-1") == (1.0, 0.0)
    assert to_si("millibars", "Pa") == to_si("mbar", "Pa") == (100.0, 0.0)
    assert to_si("degrees Celsius", "K") == to_si("degree_C", "K") == (1.0, 273.15)


def test_several_files_and_a_url(plain, tmp_path):
    saved(plain[["msl", "fg10", "i10fg", "sst"]], tmp_path / "surface.nc")
    saved(plain[["t", "vo"]].isel(time=[0]), tmp_path / "levels_0.nc")
    saved(plain[["t", "vo"]].isel(time=[1]), tmp_path / "levels_1.nc")
    fields = opened(f"{tmp_path}/*.nc")
    assert fields.times.tolist() == TIMES[:2].astype("datetime64[h]").tolist()  # of which all variables are there
    assert np.array_equal(fields.at(TIMES[1]), expected(plain))
    assert np.array_equal(opened(f"file://{tmp_path}/*.nc").at(TIMES[0]), expected(plain, TIMES[0]))
    saved(plain, tmp_path / "all.zarr")
    assert np.array_equal(opened(f"file://{tmp_path}/all.zarr").at(TIMES[1]), expected(plain))


def test_one_time_is_read_and_no_other(plain, tmp_path):
    """All other chunks are broken, and nobody notices."""
    source = tmp_path / "era5.zarr"
    encoding = {name: {"chunks": (1, *plain[name].shape[1:])} for name in plain.data_vars}
    saved(plain, source, encoding)
    for chunk in source.glob("*/[02].0*"):
        chunk.write_bytes(b"broken")
    fields = opened(source)
    assert np.array_equal(fields.at(TIMES[1]), expected(plain))
    with pytest.raises(UserError, match=r"era5\.zarr: \w+ of 2018-09-13T00 cannot be read: "):
        fields.at(TIMES[0])


def test_land_gets_the_sea_of_its_latitude(plain, tmp_path):
    holed = plain[["sst"]].copy(deep=True)
    holed["sst"][1, :, 40:44] = np.nan  # from 180 to 180.75 degrees east
    holed["sst"][1, 10, :] = np.nan  # 11.5 degrees north is all land
    got = opened(saved(holed, tmp_path / "sea.nc"), ("sst",)).at(TIMES[1])[..., 0]
    sea = expected(plain)[..., 6]
    kept = np.r_[0:8, 12:21]
    assert np.array_equal(got[[0, 1, 3, 4], :][:, kept], sea[[0, 1, 3, 4], :][:, kept])
    assert got[0, 8] == pytest.approx(sea[0, kept].mean(), rel=1e-6)
    assert got[2, 0] == pytest.approx((sea[1, kept].mean() + sea[3, kept].mean()) / 2, rel=1e-6)
    holed["sst"][:] = np.nan
    with pytest.raises(UserError, match="sst has 189 missing values"):
        opened(saved(holed, tmp_path / "none.nc"), ("sst",)).at(TIMES[1])


def test_missing_values_are_refused_with_file_variable_and_time(plain, tmp_path):
    holed = plain.copy(deep=True)
    holed["msl"][1, 10, 40] = np.nan
    source = saved(holed, tmp_path / "holed.nc")
    with pytest.raises(UserError, match=re.escape(f"{source}: msl has 1 missing values at 2018-09-13T06")):
        opened(source).at(TIMES[1])
    assert np.isfinite(opened(source).at(TIMES[0])).all()


def test_values_that_do_not_fit_their_units_are_refused(plain, tmp_path):
    wrong = plain.copy()
    wrong["msl"] = plain["msl"] / 100
    for units in ({"units": "Pa"}, {}):
        wrong["msl"].attrs = units
        source = saved(wrong, tmp_path / "wrong.nc")
        with pytest.raises(
            UserError, match=r"wrong\.nc: msl is 1008\S* … 1018\S* at 2018-09-13T06, which is not in Pa"
        ):
            opened(source).at(TIMES[1])
    wrong["msl"].attrs = {"units": "inHg"}
    with pytest.raises(UserError, match=r"wrong\.nc: msl is in 'inHg', which is not known here; convert it to Pa"):
        opened(saved(wrong, tmp_path / "wrong.nc"))


def test_what_is_missing_is_named_with_a_remedy(plain, tmp_path):
    source = saved(plain.drop_vars("fg10"), tmp_path / "some.nc")
    with pytest.raises(
        UserError, match=r"some\.nc has no fg10 or 10fg or 10m_wind_gust_since_previous_post_processing; add"
    ):
        opened(source)
    assert opened(source, ("msl",)).at(TIMES[0]).shape == (9, 21, 1)
    source = saved(plain.sel(level=[300, 850]), tmp_path / "some.nc")
    with pytest.raises(
        UserError, match="has no t_500 or t or temperature with the level 500 hPa; add it to the file or"
    ):
        opened(source)
    with pytest.raises(UserError, match=r"some\.nc has no latitude 20, but 8 … 14 in 25 steps; choose a region within"):
        opened(source, ("msl",), REGION | {"north": 20.0})
    with pytest.raises(UserError, match="has no longitude 165"):
        opened(source, ("msl",), REGION | {"west": 165.0})
    with pytest.raises(
        UserError, match=r"some\.nc: no map of 2018-09-14T00; there are 3, 2018-09-13T00 … 2018-09-13T12"
    ):
        opened(source, ("msl",)).at(np.datetime64("2018-09-14T00"))
    coarse = saved(plain.isel(latitude=slice(None, None, 2)), tmp_path / "coarse.nc")
    with pytest.raises(UserError, match=r"has no latitude 11\.75"):
        opened(coarse, ("msl",))


def test_axes_that_are_not_understood_are_refused(plain, tmp_path):
    two = xr.concat([plain[["msl"]], plain[["msl"]]], dim="expver")
    with pytest.raises(UserError, match=r"two\.nc: msl has an axis expver of 2; choose one of them"):
        opened(saved(two, tmp_path / "two.nc"), ("msl",))
    flat = plain[["msl"]].rename(latitude="y").drop_vars("y")
    with pytest.raises(UserError, match=r"flat\.nc: msl has the axes .*; needs time, latitude, longitude"):
        opened(saved(flat, tmp_path / "flat.nc"), ("msl",))
    steps = plain[["msl"]].assign_coords(time=[0, 1, 2])
    with pytest.raises(UserError, match=r"steps\.nc: time is no time of the standard calendar"):
        opened(saved(steps, tmp_path / "steps.nc"), ("msl",))


def test_files_that_cannot_be_read_are_one_line(plain, tmp_path):
    (tmp_path / "empty.zarr").mkdir()
    (tmp_path / "text.nc").write_text("no data")
    whole = saved(plain, tmp_path / "cut.nc")
    content = (tmp_path / "cut.nc").read_bytes()
    (tmp_path / "cut.nc").write_bytes(content[: len(content) // 3])
    saved(plain, tmp_path / "hurt.zarr")
    (tmp_path / "hurt.zarr/.zmetadata").write_text("{")
    shutil.copytree(tmp_path / "hurt.zarr", tmp_path / "worse.zarr")
    (tmp_path / "worse.zarr/.zmetadata").unlink()
    (tmp_path / "worse.zarr/.zgroup").unlink()
    for source, message in (
        (tmp_path / "none.zarr", "there is no such Zarr store"),
        (tmp_path / "none.nc", "there is no such NetCDF file"),
        (tmp_path / "empty.zarr", "cannot be opened as a Zarr store"),
        (tmp_path / "hurt.zarr", "cannot be opened as a Zarr store"),
        (tmp_path / "worse.zarr", "cannot be opened as a Zarr store"),
        (tmp_path / "text.nc", "cannot be opened as a NetCDF file"),
        (whole, "cannot be opened as a NetCDF file"),
        (f"{tmp_path}/*.grib", "there is no such file"),
        ("nothing://user:secret@host/era5.zarr?token=secret", "cannot be opened as a Zarr store"),
    ):
        with pytest.raises(UserError) as refused:
            opened(source).at(TIMES[1])
        said = str(refused.value)
        assert message in said and "\n" not in said and "secret" not in said
        assert str(source).split("/")[-1].split("?")[0] in said
