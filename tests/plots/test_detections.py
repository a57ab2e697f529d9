from types import SimpleNamespace

import numpy as np
import pytest

from twinlib.cyclones.detect import Detection
from twinlib.plots.detections import draw

FIRST = np.datetime64("2013-11-07T00", "h")
TIMES = FIRST + np.timedelta64(6, "h") * np.arange(3)


def fields(west=170.0, kind="synthetic", variables=("fg10", "msl")):
    return SimpleNamespace(
        latitude=30 - 0.25 * np.arange(80),
        longitude=west + 0.25 * np.arange(80),
        variables=variables,
        units=("m s**-1", "Pa"),
        kind=kind,
        source="made here",
    )


class Truth(SimpleNamespace):
    def at(self, time):
        return self[self.time == time]

    def __getitem__(self, rows):
        return Truth(**{name: column[rows] for name, column in vars(self).items()})


TRUTH = Truth(
    storm=np.array(["a"] * 3), name=np.array(["Haiyan"] * 3), time=TIMES,
    longitude=np.array([179.0, 181.0, 183.0]), latitude=np.array([15.0, 16.0, 17.0]),
)  # fmt: skip
FOUND = [Detection(TIMES[0], 15.2, 178.9, 0.9), Detection(TIMES[2], 16.9, 183.1, 0.7)]
VALUES = np.stack([np.full((80, 80), 8.0), np.linspace(98_000, 102_000, 6400).reshape(80, 80)], -1).astype(np.float32)


def test_one_time_and_the_course_of_all(figures, tmp_path):
    path = draw(fields(), TIMES[0], VALUES, TIMES, FOUND, TRUTH, tmp_path / "d.png")
    assert path.stat().st_size > 0
    drawn = figures["d.png"]
    assert drawn.get_suptitle() == "synthetic fields: made here"
    one, course = (axes for axes in drawn.axes if axes.get_title())
    assert one.get_title() == "2013-11-07T00 UTC"
    assert one.images[0].get_array().max() == pytest.approx(1020)  # hPa
    assert [text.get_text() for text in one.texts] == ["Haiyan", "0.90"]
    ring, cross = one.lines
    assert (ring.get_xdata(), ring.get_ydata()) == (179, 15)
    assert (cross.get_xdata(), cross.get_ydata()) == (178.9, 15.2)
    np.testing.assert_allclose(course.collections[-1].get_offsets(), [(178.9, 15.2), (183.1, 16.9)])


def test_one_time_only_and_no_truth(figures, tmp_path):
    draw(fields(kind="real"), TIMES[0], VALUES, TIMES[:1], [], None, tmp_path / "d.png")
    assert [axes.get_title() for axes in figures["d.png"].axes if axes.get_title()] == ["2013-11-07T00 UTC"]
    assert figures["d.png"].get_suptitle() == "real fields: made here"


def test_over_greenwich(figures, tmp_path):
    """A map from 350 to 370 degrees has a place at 5 degrees east in its place."""
    found = [Detection(TIMES[0], 15.2, 5.0, 0.9)]
    draw(fields(west=350.0), TIMES[0], VALUES, TIMES[:1], found, None, tmp_path / "d.png")
    axes = figures["d.png"].axes[0]
    assert axes.lines[0].get_xdata() == 365
    assert axes.get_xlim() == (349.875, 369.875)
    assert axes.xaxis.get_major_formatter()(365, 0) == "5°E" and axes.xaxis.get_major_formatter()(350, 0) == "10°W"


def test_another_variable_when_there_is_no_pressure(figures, tmp_path):
    draw(fields(variables=("sst", "t_500")), TIMES[0], VALUES, TIMES[:1], [], None, tmp_path / "d.png")
    assert [axes.get_ylabel() for axes in figures["d.png"].axes if axes.get_ylabel()] == ["sst (m s**-1)"]
