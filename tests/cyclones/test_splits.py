import numpy as np
import pytest

from twinlib.cyclones.patches import Grid
from twinlib.cyclones.splits import sample, side_of_storms, side_of_times, sides_of_years, storm_times
from twinlib.cyclones.tracks import read_tracks
from twinlib.errors import UserError

SIDES = sides_of_years({"train": [2008, 2009], "val": [2010, 2010], "test": [2011, 2011]})
GRID = Grid(40 - 0.25 * np.arange(80), 120 + 0.25 * np.arange(120))  # 20 … 40 north, 120 … 150 east


@pytest.fixture
def tracks(tmp_path):
    """Records, given as storm, time, longitude, latitude."""

    def read(*records):
        lines = [f"{storm},2009,WP,{time},{lon},{lat},50,," for storm, time, lon, lat in records]
        file = tmp_path / "tracks.csv"
        file.write_text("\n".join(["track_id,season,basin,time,lon,lat,wind,slp,", *lines]))
        return read_tracks(file)

    return read


def test_a_storm_belongs_to_the_side_of_its_first_record(tracks):
    storms = tracks(
        ("crossing", "2009-12-31 18:00", 130, 30),
        ("crossing", "2010-01-01 00:00", 131, 30),
        ("early", "2007-12-31 12:00", 130, 30),
        ("early", "2008-01-01 00:00", 130, 30),
        ("within", "2010-01-01 00:00", 140, 30),
        ("late", "2011-12-31 18:00", 130, 30),
        ("late", "2012-01-01 00:00", 130, 30),
    )
    side = dict(zip(storms.storm.tolist(), side_of_storms(storms, SIDES).tolist(), strict=True))
    assert side == {"crossing": "train", "early": "", "within": "val", "late": "test"}
    assert side_of_storms(storms, SIDES)[storms.storm == "crossing"].tolist() == ["train", "train"]


def test_times_of_a_split_have_a_storm_of_its_own_in_the_map(tracks):
    storms = tracks(
        ("crossing", "2009-12-31 18:00", 130, 30),
        ("crossing", "2010-01-01 00:00", 131, 30),
        ("crossing", "2010-01-01 06:00", 131, 30),
        ("within", "2010-01-01 06:00", 140, 30),
        ("within", "2010-01-01 12:00", 150.25, 30),  # just east of the map
        ("within", "2010-01-01 18:00", 140, 19.5),  # just south of it
        ("late", "2011-07-01 00:00", 130, 30),
    )
    times = storm_times(storms, GRID, SIDES)
    assert {split: each.astype(str).tolist() for split, each in times.items()} == {
        "train": ["2009-12-31T18"],
        "val": ["2010-01-01T06"],
        "test": ["2011-07-01T00"],
    }
    # The years 2008 and 2009 differ: one of them has no storm, which is no mistake.
    available = times["val"]
    with pytest.raises(UserError, match=r"no storm of train \(2008 … 2009\) is in the region at any time of the 1"):
        storm_times(storms, GRID, SIDES, available)


@pytest.mark.parametrize(
    ("years", "message"),
    [
        ({"train": [2000, 2005], "test": [2005, 2006]}, "years: 2005 is in train and in test"),
        ({"train": [2005, 2000]}, r"years: train is \[2005, 2000\]; give its first and its last year"),
        ({"train": [2005]}, r"years: train is \[2005\]"),
    ],
)
def test_years_that_cannot_be(years, message):
    with pytest.raises(UserError, match=message):
        sides_of_years(years)


def test_shuffled_years():
    years = {"train": [1980, 2009], "val": [2010, 2013], "test": [2014, 2021]}
    still, shuffled = sides_of_years(years), sides_of_years(years, shuffle=1)
    assert list(still) == list(shuffled) == list(range(1980, 2022))
    assert sorted(still.values()) == sorted(shuffled.values())  # as many of each
    assert still != shuffled == sides_of_years(years, shuffle=1) != sides_of_years(years, shuffle=2)
    times = np.array(["1979-12-31", "2014-06-01", "2022-01-01"], "datetime64[h]")
    assert side_of_times(times, still).tolist() == ["", "test", ""]
    assert side_of_times(times, shuffled)[1] == shuffled[2014]


def test_a_sample_has_every_month_in_its_share():
    """Ten times more storm times in each summer month than in winter: so has the sample, within one."""
    months = np.arange("1990-01", "2000-01", dtype="datetime64[M]")
    hours = [
        np.arange(month, month + 1, dtype="datetime64[h]")[:: 6 if month.astype(int) % 12 in (6, 7, 8) else 60]
        for month in months
    ]
    times = np.concatenate(hours)
    drawn = sample(times, 400, (0, 1))
    assert len(np.unique(drawn)) == 400 and np.isin(drawn, times).all() and (np.diff(drawn) > np.timedelta64(0)).all()
    for month, of_month in zip(months, hours, strict=True):
        wanted = 400 * len(of_month) / len(times)
        assert abs((drawn.astype("datetime64[M]") == month).sum() - wanted) < 1
    # Each hour of the day as well: the step does not beat with it.
    of_day = np.bincount(drawn.astype(np.int64) % 24, minlength=24)[::6]
    assert of_day.min() > 60


def test_every_time_is_as_likely():
    times = np.arange("1990-01-01", "1990-01-11", dtype="datetime64[D]").astype("datetime64[h]")
    counts = sum(np.isin(times, sample(times, 3, (seed, 0))).astype(int) for seed in range(2000))
    assert counts.sum() == 6000
    np.testing.assert_allclose(counts, 600, atol=5 * np.sqrt(2000 * 0.3 * 0.7))  # five standard deviations


def test_a_sample_is_that_of_its_seed_or_everything():
    times = np.arange("1990-01-01", "1990-03-01", dtype="datetime64[h]")
    np.testing.assert_array_equal(sample(times, 20, (1, 2)), sample(times, 20, (1, 2)))
    assert not np.array_equal(sample(times, 20, (1, 2)), sample(times, 20, (1, 3)))
    assert sample(times, None, (1,)) is times
    assert sample(times, len(times) + 1, (1,)) is times
