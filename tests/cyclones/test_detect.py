import csv
import json
import tracemalloc
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from twinlib.cyclones import detect as module
from twinlib.cyclones.detect import Detection, detect, write
from twinlib.data.preprocess import Preprocess
from twinlib.data.schema import Field
from twinlib.errors import UserError

SIX = np.timedelta64(6, "h")
FIRST = np.datetime64("2013-11-07T00", "h")
MAPS = np.arange(FIRST, FIRST + 8 * SIX, SIX)


def predict(raw):
    """A twin that takes the lowest pressure for the centre, and believes in it below 990 hPa."""
    low = raw[..., 1].reshape(len(raw), -1)
    row, column = np.divmod(low.argmin(axis=1), 40)
    return np.column_stack([(99_000 - low.min(axis=1)) / 100, row, column]).astype(np.float32)


def twin(target="detection", names=("fg10", "msl"), shape=(40, 40, 2)):
    fields = Field("fields", shape, ("row", "column", "channel"), "float32", "m/s, Pa", names=names)
    record = SimpleNamespace(folder=Path("runs/oracle"))
    return SimpleNamespace(
        preprocess=Preprocess(fields, "none"),
        config={"data": {"target": target, "label_no_cyclone": "NONE"}},
        predict=predict,
        record=record,
    )


def pressure(latitude, longitude, number):
    """A pit of 40 hPa at 15 degrees north that moves from 178 degrees east by a degree each time."""
    turn = (longitude[None] - (178 + number) + 180) % 360 - 180
    apart = np.hypot(latitude[:, None] - 15, turn * np.cos(np.radians(15)))
    return 101_000 - 4000 * np.exp(-((apart / 2) ** 2))


@pytest.fixture
def netcdf(tmp_path):
    """As some archives have it: longitudes from -180, latitudes that rise, pressure in hPa; over the date line."""
    import xarray as xr

    latitude = np.arange(5, 25.25, 0.25)
    longitude = np.concatenate([np.arange(-180, -164.75, 0.25), np.arange(165, 180, 0.25)])
    msl = np.stack([pressure(latitude, longitude, number) / 100 for number in range(len(MAPS))])
    axes = ("time", "latitude", "longitude")
    xr.Dataset(
        {
            "msl": (axes, msl.astype(np.float32), {"units": "hPa"}),
            "fg10": (axes, np.full_like(msl, 8, dtype=np.float32), {"units": "m s**-1"}),
        },
        coords={"time": MAPS.astype("datetime64[ns]"), "latitude": latitude, "longitude": longitude},
    ).to_netcdf(tmp_path / "era5.nc", engine="h5netcdf")
    return tmp_path / "era5.nc"


@pytest.fixture
def tracks(tmp_path):
    """The same storm as best track, and another one, north of the map at the first time and on it at the second."""
    rows = [("2013306N07162", "WP", time, 178 + n, 15) for n, time in enumerate(MAPS)]
    rows += [("2013307N26170", "WP", MAPS[0], 170, 26), ("2013307N26170", "WP", MAPS[1], 170, 24.5)]
    lines = [f"{storm},2013,{basin},{time}:00,{east},{north},60,970" for storm, basin, time, east, north in rows]
    (tmp_path / "tracks.csv").write_text("track_id,season,basin,time,lon,lat,wind,slp\n" + "\n".join(lines) + "\n")
    return str(tmp_path / "tracks.csv")


def test_over_the_date_line_out_of_netcdf(netcdf, tracks, tmp_path, capsys):
    said = detect(twin(), netcdf, tmp_path / "found.csv", tracks=tracks)
    assert "8 detections at 8 times" in said
    assert "8 of 9 cyclones of the tracks found within 300 km, 0 false alarms" in said
    rows = list(csv.DictReader((tmp_path / "found.csv").read_text().splitlines()))
    assert [row["time"] for row in rows] == [f"{time}:00" for time in MAPS]
    np.testing.assert_allclose([float(row["latitude"]) for row in rows], 15, atol=1e-3)
    np.testing.assert_allclose([float(row["longitude"]) for row in rows], np.arange(178, 186), atol=0.01)
    assert {row["probability"] for row in rows} == {"1.0"}
    assert (tmp_path / "found.png").read_bytes()[:4] == b"\x89PNG"
    assert "msl is in hPa, taken as Pa" in capsys.readouterr().err


def test_patches_of_a_position_only_twin_vote(tmp_path, monkeypatch):
    """Of the two patches of the map that hold the centre, one says yes by the original's rule, the other barely no."""

    def positions(raw):
        _, row, column = predict(raw).T
        shift = np.where(column < 20, 0, -column - 0.11)  # -0.11, where the right half of the patch has the centre
        return np.column_stack([row, column + shift]).astype(np.float32)

    monkeypatch.setattr(module, "_open", lambda *_: Made(MAPS[:1]))
    voter = twin("position")
    voter.predict = positions
    detect(voter, "made", tmp_path / "found.csv", threshold=0.05)
    # The centre is in column 24: of the patch from 0 on at 24, which says no, of the one from 20 on at 4.
    yes, no = (np.sin(np.pi * (column + 0.5) / 40) ** 2 for column in (4, 24))
    (row,) = csv.DictReader((tmp_path / "found.csv").read_text().splitlines())
    assert float(row["probability"]) == pytest.approx(yes / (yes + no), abs=1e-3)
    assert float(row["longitude"]) == pytest.approx(178, abs=0.01)


def test_tables_say_the_same(netcdf, tmp_path):
    import pandas as pd

    for suffix in ("csv", "json", "parquet"):
        detect(twin(), netcdf, tmp_path / f"found.{suffix}", times="2013-11-07")
    plain = pd.read_csv(tmp_path / "found.csv", parse_dates=["time"])
    table = pd.read_parquet(tmp_path / "found.parquet")
    assert table["time"].tolist() == plain["time"].tolist()
    columns = ["latitude", "longitude", "probability"]
    np.testing.assert_allclose(table[columns], plain[columns], atol=1e-3)
    assert json.loads((tmp_path / "found.json").read_text())[0]["time"] == "2013-11-07T00:00"


@pytest.mark.parametrize(
    ("times", "number"),
    [
        ("2013-11-07T00:2013-11-08T18", 8),
        ("2013-11-07T06:2013-11-08T00", 4),
        ("2013-11-07T06:2013-11-08", 7),
        ("2013-11-08", 4),
        ("2013-11-08T06", 1),
        ("2013-11", 8),
        (2013, 8),
        ("2012:2014", 8),
        (None, 8),
    ],
)
def test_times(times, number, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "_open", lambda *_: Made(MAPS))
    said = detect(twin(), "made", tmp_path / "found.csv", times=times)
    assert f" at {number} times in" in said


@dataclass
class Made:
    """Maps of 40 x 60 points that are made when they are asked for."""

    times: np.ndarray | None
    latitude: np.ndarray = field(default_factory=lambda: 20 - 0.25 * np.arange(40))
    longitude: np.ndarray = field(default_factory=lambda: 172 + 0.25 * np.arange(60))
    variables: tuple = ("fg10", "msl")
    units: tuple = ("m s**-1", "Pa")
    kind: str = "synthetic"
    source: str = "made here"
    empty: bool = False

    def at(self, time):
        number = float((time - FIRST) / SIX) % 8
        msl = pressure(self.latitude, self.longitude, number) * (not self.empty) + 101_000 * self.empty
        return np.stack([np.full_like(msl, 8), msl], axis=-1).astype(np.float32)


@pytest.mark.parametrize("suffix", ["csv", "json", "parquet"])
def test_nothing_found_is_an_empty_table(suffix, tmp_path, monkeypatch):
    import pandas as pd

    monkeypatch.setattr(module, "_open", lambda *_: Made(MAPS, empty=True))
    assert detect(twin(), "made", tmp_path / f"found.{suffix}").startswith("0 detections at 8 times")
    if suffix == "csv":
        assert (tmp_path / "found.csv").read_text() == "time,latitude,longitude,probability\n"
    elif suffix == "json":
        assert json.loads((tmp_path / "found.json").read_text()) == []
    else:
        table = pd.read_parquet(tmp_path / "found.parquet")
        assert list(table) == ["time", "latitude", "longitude", "probability"] and len(table) == 0


def test_memory_does_not_grow_with_the_times(tmp_path, monkeypatch):
    monkeypatch.setattr("twinlib.plots.detections.draw", lambda *given: given[-1])
    peaks = []
    for number in (5, 5, 50):  # the first imports
        monkeypatch.setattr(module, "_open", lambda *_, number=number: Made(FIRST + SIX * np.arange(number)))
        tracemalloc.start()
        detect(twin(), "made", tmp_path / "found.csv")
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    # 45 more maps of 19 kB would be 0.9 MB.
    assert peaks[2] < peaks[1] + 0.2e6, peaks


def test_synthetic_maps_of_any_time(tracks, tmp_path):
    """The storm is in them, as its track is; without times nobody knows where to begin."""
    said = detect(twin(), "synthetic", tmp_path / "found.csv", times="2013-11-07T03:2013-11-07T12", tracks=tracks)
    assert " at 2 times in" in said
    with pytest.raises(UserError, match="say which, as first:last"):
        detect(twin(), "synthetic", tmp_path / "found.csv", tracks=tracks)


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"target": "found.txt"}, "unknown type of file; use one of .csv, .json, .parquet"),
        ({"target": "no/found.csv"}, "no such folder"),
        ({"threshold": 0}, "predict.threshold is 0"),
        ({"threshold": "half"}, "predict.threshold is half"),
        ({"threshold": True}, "predict.threshold is True"),
        ({"stride": True}, "predict.stride is True"),
        ({"merge": "far"}, "predict.merge is far"),
        ({"tracks": 7}, "7 is missing"),
        ({"stride": 41}, "predict.stride is 41"),
        ({"stride": 2.5}, "predict.stride is 2.5"),
        ({"merge": -1}, "predict.merge is -1"),
        ({"times": "yesterday"}, "predict.times is yesterday; give first:last"),
        ({"times": "2012"}, "has no map of this time; it has 2013-11-07T00 to 2013-11-08T18"),
        ({"tracks": "none.csv"}, "none.csv is missing"),
        ({"source": "none.zarr"}, "none.zarr: there is no such Zarr store"),
        ({"twin": twin(names=())}, "oracle: is no twin of 40 x 40 patches with named variables"),
        ({"twin": twin(names=("msl", "sst"))}, "era5.nc has no sst"),
    ],
)
def test_mistakes_are_one_line(settings, says, netcdf, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    arguments = {"twin": twin(), "source": netcdf, "target": "found.csv", **settings}
    arguments["target"] = Path(arguments["target"])
    with pytest.raises(UserError, match=says) as error:
        detect(**arguments)
    assert "\n" not in str(error.value)


def test_a_map_that_is_too_small(tmp_path):
    import xarray as xr

    axes = {
        "time": MAPS[:1].astype("datetime64[ns]"),
        "latitude": np.arange(9, -1, -0.25),
        "longitude": np.arange(0, 9.75, 0.25),
    }
    xr.Dataset({"msl": (tuple(axes), np.full((1, 40, 39), 1e5, np.float32))}, axes).to_netcdf(tmp_path / "small.nc")
    with pytest.raises(UserError, match="patch takes 40 x 40"):
        detect(twin(), tmp_path / "small.nc", tmp_path / "found.csv")


def test_numbers_are_rounded_to_what_they_are_worth(tmp_path):
    write(tmp_path / "found.csv", [Detection(FIRST, 1 / 3, 200 / 3, 2 / 3)])
    assert (tmp_path / "found.csv").read_text().splitlines()[1] == "2013-11-07T00:00,0.333,66.667,0.6667"
