"""The stage `prepare`: patches of small maps of synthetic fields around storms that are made up."""

import ast
import hashlib
from pathlib import Path

import numpy as np
import pytest
import yaml

from stages.cyclones import prepare
from twinlib.cyclones.fields import open_fields
from twinlib.cyclones.patches import KINDS, Grid
from twinlib.cyclones.splits import side_of_storms, side_of_times, sides_of_years
from twinlib.cyclones.tracks import read_tracks
from twinlib.data import arrow
from twinlib.errors import UserError

ROOT = Path(__file__).parents[2]
YEARS = {"train": [2008, 2009], "val": [2010, 2010], "test": [2011, 2011]}
REGION = {"north": 40.0, "south": 10.25, "west": 120.0, "east": 159.75}  # 3 x 4 patches
SETTINGS = {
    "tracks": "tracks.csv",
    "fields": "synthetic",
    "variables": ["msl", "fg10"],
    "region": REGION,
    "years": YEARS,
    "shuffle": False,
    "times": {"train": 12, "val": None, "test": None},
    "most": {"NOCYCLONE": 1},
    "seed": 0,
    "processes": 1,
    "license": "none",
}


@pytest.fixture(scope="module")
def raw(tmp_path_factory):
    """Storms of five days, most of them around the turns of the years; 2008 has none; a few without a pressure."""
    folder = tmp_path_factory.mktemp("raw")
    rng = np.random.default_rng(0)
    lines = ["track_id,season,basin,time,lon,lat,wind,slp"]
    for turn in ("2009-08-01", "2009-12-29", "2010-01-01", "2010-12-29", "2011-01-01"):
        for number in range(4):
            begin = np.datetime64(turn, "h") + 6 * rng.integers(0, 12)
            longitude, latitude = rng.uniform(115, 165), rng.uniform(8, 42)
            for step in range(20):
                time = begin + np.timedelta64(6 * step, "h")
                place = f"{longitude + 0.3 * step:.1f},{latitude + 0.1 * step:.1f}"
                lines.append(
                    f"{turn}-{number},{turn[:4]},WP,{time},{place},{40 + 5 * step},{'' if step % 3 else 990 - step}"
                )
    (folder / "tracks.csv").write_text("\n".join(lines).replace("T", " "))
    return folder


@pytest.fixture(scope="module")
def prepared(raw, tmp_path_factory):
    folder = tmp_path_factory.mktemp("data") / "cyclones"
    return prepare(raw, folder, **SETTINGS), folder


def digest(folder):
    return {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in folder.iterdir()}


def test_what_is_written(prepared):
    schema, folder = prepared
    opened = arrow.open(folder)
    assert opened.schema == schema and schema.kind == "synthetic" and "synthetic" in schema.source
    assert schema["fields"].shape == (40, 40, 2) and schema["fields"].names == ("msl", "fg10")
    assert schema["fields"].units == "Pa, m s**-1"
    train = opened.arrays["train"]
    assert len(np.unique(train["time"])) == 12
    # Statistics are of the training split.
    np.testing.assert_allclose(schema["fields"].mean, train["fields"].mean(axis=(0, 1, 2), dtype=np.float64), rtol=1e-6)
    for split, columns in opened.arrays.items():
        assert set(side_of_times((columns["time"] * 3600).astype("datetime64[s]"), sides_of_years(YEARS))) == {split}
        cyclones = columns["kind"] == KINDS.index("CYCLONE")
        assert cyclones.any() and (columns["storm"] >= 0).tolist() == cyclones.tolist()
        # No patch is there twice.
        keys = np.column_stack([columns["time"], columns["origin"]])
        assert len(np.unique(keys, axis=0)) == len(keys)


def test_no_storm_is_on_two_sides(raw, prepared):
    """The law: no patch of a split is in the 3 x 3 around a storm that began on another side."""
    tracks = read_tracks(raw / "tracks.csv")
    number = np.unique(tracks.storm, return_inverse=True)[1]
    side = side_of_storms(tracks, sides_of_years(YEARS))
    latitude, longitude = 40 - 0.25 * np.arange(120), 120 + 0.25 * np.arange(160)
    home = np.floor(Grid(latitude, longitude).index(tracks.latitude, tracks.longitude) + 0.5) // 40
    storms, met = {}, 0
    for split, columns in arrow.open(prepared[1]).arrays.items():
        storms[split] = set(columns["storm"].tolist()) - {-1}
        assert storms[split] <= set(number[side == split].tolist())
        patch = np.column_stack([40 - columns["origin"][:, 0], columns["origin"][:, 1] - 120]) / 10
        for time in np.unique(columns["time"]):
            there = (tracks.time == np.datetime64(int(time), "h")) & (side != split)
            for foreign in home[there]:
                far = np.abs(patch[columns["time"] == time] - foreign).max(axis=1)
                met += 1
                assert (far > 1).all()
    assert met > 5  # otherwise this has tested nothing
    assert not storms["train"] & storms["val"] and not storms["val"] & storms["test"]
    assert not storms["train"] & storms["test"]


def test_positions_are_where_the_pressure_is_lowest(prepared):
    """Of storms of 50 m/s and more the synthetic minimum is within a grid point or so of the record."""
    columns = arrow.open(prepared[1]).arrays["train"]
    strong = columns["category"] >= 5
    assert strong.sum() >= 3
    msl = columns["fields"][strong, ..., 0]
    lowest = np.column_stack(np.divmod(msl.reshape(len(msl), -1).argmin(axis=1), 40))
    inside = ((columns["position"][strong] > 3) & (columns["position"][strong] < 36)).all(axis=1)
    distance = np.hypot(*(lowest - columns["position"][strong]).T)
    assert inside.any() and distance[inside].max() < 1.5


def test_the_same_bytes_with_any_number_of_processes(raw, prepared, tmp_path):
    prepare(raw, tmp_path / "two", **{**SETTINGS, "processes": 2})
    assert digest(tmp_path / "two") == digest(prepared[1])


def test_the_seed_counts(raw, prepared, tmp_path):
    prepare(raw, tmp_path / "other", **{**SETTINGS, "seed": 1})
    assert digest(tmp_path / "other")["test.arrow"] != digest(prepared[1])["test.arrow"]


def test_shuffled_years(raw, tmp_path):
    years = {"train": [2009, 2009], "val": [2010, 2010], "test": [2011, 2011]}
    sides = sides_of_years(years, shuffle=2)
    assert sides[2009] != "train"
    few = dict.fromkeys(years, 3)
    prepare(raw, tmp_path / "out", **{**SETTINGS, "years": years, "shuffle": True, "times": few, "seed": 2})
    for split, columns in arrow.open(tmp_path / "out").arrays.items():
        assert set(side_of_times((columns["time"] * 3600).astype("datetime64[s]"), sides)) == {split}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"tracks": "other.csv"}, "other.csv is missing"),
        ({"most": {"FAR": 1}}, "most: no kind FAR; there are CYCLONE, NEAREST"),
        ({"times": {"train": 3}}, "times has train and years has train, val, test"),
        ({"years": {**YEARS, "val": [2012, 2013]}}, "no storm of val .2012 … 2013. is in the region"),
        ({"years": {**YEARS, "val": [2009, 2010]}}, "2009 is in train and in val"),
        ({"region": {**REGION, "south": 35.0}}, "21 x 160 grid points; one patch takes 40 x 40"),
        ({"variables": ["msl", "rain"]}, "no rain"),
        ({"processes": 0}, "processes is 0"),
    ],
)
def test_settings_that_do_not_fit(raw, tmp_path, changes, message):
    with pytest.raises(UserError, match=message):
        prepare(raw, tmp_path / "out", **{**SETTINGS, **changes})
    assert not (tmp_path / "out").exists()


def test_dvc_knows_every_module_that_the_stage_reaches():
    """A change of any of them makes the data again."""
    deps = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]["prepare_cyclones"]["deps"]
    found, waiting = set(), ["stages/cyclones.py"]
    while waiting:
        for node in ast.walk(ast.parse((ROOT / waiting.pop()).read_bytes())):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("twinlib.cyclones."):
                file = f"{node.module.replace('.', '/')}.py"
                if file not in found:
                    found.add(file)
                    waiting.append(file)
    assert "twinlib/cyclones/vortex.py" in found
    assert found <= set(deps)


def test_maps_of_a_file_are_called_real_and_give_the_same_patches(raw, prepared, tmp_path):
    """A NetCDF file in ERA5's conventions, of some of the times, with latitudes that rise and longitudes from -180."""
    import xarray

    there = {split: np.unique(columns["time"])[::3] for split, columns in arrow.open(prepared[1]).arrays.items()}
    hours = np.sort(np.concatenate(list(there.values())))
    tracks = read_tracks(raw / "tracks.csv")
    fields = open_fields("synthetic", variables=["msl", "fg10"], region=REGION, tracks=tracks, seed=0)
    maps = np.stack([fields.at(np.datetime64(int(hour), "h")) for hour in hours])[:, ::-1]
    units = dict(zip(fields.variables, fields.units, strict=True))
    xarray.Dataset(
        {
            name: (("time", "latitude", "longitude"), maps[..., channel], {"units": units[name]})
            for channel, name in enumerate(fields.variables)
        },
        {
            "time": hours.astype("datetime64[h]").astype("datetime64[ns]"),
            "latitude": fields.latitude[::-1],
            "longitude": fields.longitude - 360 * (fields.longitude > 180),
        },
    ).to_netcdf(tmp_path / "era5.nc", engine="h5netcdf")
    settings = {**SETTINGS, "fields": str(tmp_path / "era5.nc"), "times": dict.fromkeys(YEARS)}
    schema = prepare(raw, tmp_path / "real", **settings)
    assert schema.kind == "real"
    made = arrow.open(prepared[1]).arrays
    for split, columns in arrow.open(tmp_path / "real").arrays.items():
        np.testing.assert_array_equal(np.unique(columns["time"]), there[split])
        rows = np.isin(made[split]["time"], there[split])
        for name in columns:
            np.testing.assert_array_equal(columns[name], made[split][name][rows])
    with pytest.raises(UserError, match=r"no storm of test .* is in the region at any time of the"):
        prepare(raw, tmp_path / "none", **{**settings, "years": {**YEARS, "test": [2013, 2014]}})
