from types import SimpleNamespace

import numpy as np
import pytest

from twinlib.cyclones.extraction import BASINS, Extraction, extracted, layout
from twinlib.cyclones.patches import CATEGORIES, KINDS
from twinlib.cyclones.tracks import read_tracks
from twinlib.errors import UserError

TIME = np.datetime64("2009-08-01T06")
HOUR = int(TIME.astype(np.int64))


class Numbered:
    """A map whose first channel is the row, whose second the column, whose third the time in hours."""

    latitude = 40 - 0.25 * np.arange(130)
    longitude = 120 + 0.25 * np.arange(170)
    variables = ("row", "column", "hour")
    units = ("1", "1", "h")
    kind = "synthetic"
    source = "numbers"
    times = None

    def at(self, time):
        row, column = np.mgrid[:130, :170]
        hour = np.full((130, 170), time.astype("datetime64[h]").astype(np.int64))
        return np.stack([row, column, hour], axis=-1).astype(np.float32)


@pytest.fixture
def work(tmp_path):
    file = tmp_path / "tracks.csv"
    file.write_text(
        "track_id,season,basin,time,lon,lat,wind,slp\n"
        "a,2009,WP,2009-08-01 06:00,131.3,35,120,920\n"  # row 20, column 45.2
        "b,2009,WP,2009-08-01 06:00,155,15,30,\n"  # row 100, column 140
        "b,2009,WP,2009-08-01 12:00,155.1,15,,\n"
    )
    tracks = read_tracks(file)
    side = np.full(len(tracks), "train")
    return Extraction(Numbered, tracks, np.array([4, 7, 7]), side, {"NOCYCLONE": 1}, seed=0)


def test_every_column_of_a_sample(work):
    samples = work.samples("train", TIME)
    fields = layout(Numbered())
    assert set(samples) == {field.name for field in fields}
    for field in fields:
        column = samples[field.name]
        assert column.dtype == field.dtype and column.shape == (len(samples["kind"]), *field.shape), field.name

    # What a patch is said to be is what the map has there.
    row, column = (samples["fields"][:, 0, 0, channel] for channel in (0, 1))
    np.testing.assert_array_equal(samples["origin"], np.column_stack([40 - 0.25 * row, 120 + 0.25 * column]))
    np.testing.assert_array_equal(samples["fields"][..., 2], HOUR)
    assert (samples["time"] == HOUR).all()

    cyclone = samples["kind"] == KINDS.index("CYCLONE")
    np.testing.assert_allclose(samples["position"][cyclone], [[20, 5.2], [20, 20]], atol=1e-5)
    assert samples["storm"][cyclone].tolist() == [4, 7]
    assert [CATEGORIES[number] for number in samples["category"][cyclone]] == [
        "4",
        "TD",
    ]  # 129 and 32 knots, one minute
    assert [BASINS[number] for number in samples["basin"][cyclone]] == ["WP", "WP"]
    assert (samples["position"][~cyclone] == -1).all() and (samples["storm"][~cyclone] == -1).all()
    assert not samples["basin"][~cyclone].any() and not samples["category"][~cyclone].any()
    # Position and origin together are the place of the storm.
    place = samples["origin"][cyclone] + samples["position"][cyclone] * [-0.25, 0.25]
    np.testing.assert_allclose(place, [[35, 131.3], [15, 155]], atol=1e-4)


def test_what_is_drawn_depends_on_the_seed_and_the_time_only(work):
    alone = work.samples("train", TIME)
    work.samples("train", TIME + np.timedelta64(6, "h"))
    again = work.samples("train", TIME)
    for name in alone:
        np.testing.assert_array_equal(alone[name], again[name])


def test_in_order_and_one_map_at_a_time(work):
    """Of a long list no more than what is asked for is made."""
    made = []

    class Counted(Numbered):
        def at(self, time):
            made.append(time)
            return super().at(time)

    times = TIME + np.timedelta64(6, "h") * np.array([0, 1])
    counted = Extraction(Counted, work.tracks, work.storm, work.side, {}, seed=0)
    with extracted(counted, {"train": times, "val": times}, 1, "test") as splits:
        assert list(splits) == ["train", "val"] and not made
        assert next(splits["train"])["time"][0] == HOUR and len(made) == 1
        assert [chunk["time"][0] for chunk in splits["train"]] == [HOUR + 6]
        # To the other side the storms are foreign: of 3 x 4 patches 6 and 4, one of them both, are around them.
        assert [len(chunk["kind"]) for chunk in splits["val"]] == [12 - 9, 12 - 4]


def test_no_process():
    with pytest.raises(UserError, match="processes is 0"), extracted(SimpleNamespace(), {}, 0, "test"):
        pass
