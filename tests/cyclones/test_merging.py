import numpy as np
import pytest

from twinlib.cyclones.merging import found, matched, starts
from twinlib.errors import UserError

STEP = 0.25


def world(rows, columns, north=50.0, west=100.0, **centres):
    """A map that is 0 but at the centres, given as name=(row, column, height)."""
    values = np.zeros((rows, columns, 2), np.float32)
    for row, column, height in centres.values():
        values[row, column % columns, 0] = height
    return values, north - STEP * np.arange(rows), west + STEP * np.arange(columns)


def look(patches):
    """A twin that sees the highest point of a patch, and how high it is."""
    assert patches.dtype == np.float32 and patches.shape[1:] == (40, 40, 2) and patches.flags.c_contiguous
    first = patches[..., 0].reshape(len(patches), -1)
    return first.max(axis=1), np.stack(np.divmod(first.argmax(axis=1), 40), axis=1).astype(np.float32)


def cyclones(values, latitude, longitude, look=look, threshold=0.5, stride=20, merge=300.0):
    return found(look, values, latitude, longitude, threshold=threshold, stride=stride, merge=merge)


@pytest.mark.parametrize("points", [40, 41, 59, 60, 61, 100, 280])
@pytest.mark.parametrize("stride", [1, 7, 20, 40])
def test_every_point_lies_in_a_patch_and_every_patch_on_the_map(points, stride):
    begins = starts(points, stride)
    covered = np.zeros(points, int)
    for begin in begins:
        covered[begin : begin + 40] += 1
        assert 0 <= begin <= points - 40
    assert covered.min() >= 1
    assert len(begins) == len(set(begins)) and np.diff(begins).max(initial=0) <= stride


@pytest.mark.parametrize("shape", [(40, 40), (73, 95), (280, 130)])
@pytest.mark.parametrize("stride", [13, 20, 40])
def test_one_cyclone_is_found_once_and_where_it_is(shape, stride):
    """Wherever it is: in a corner, in the overlap of four patches, at an edge."""
    for row, column in [(0, 0), (shape[0] - 1, shape[1] - 1), (39, 39), (20, 0), (shape[0] // 2, shape[1] // 3)]:
        ((latitude, longitude, probability),) = cyclones(*world(*shape, one=(row, column, 0.8)), stride=stride)
        assert (latitude, longitude) == pytest.approx((50 - STEP * row, 100 + STEP * column), abs=1e-6)
        assert probability == pytest.approx(0.8)  # every patch that holds it says so


def test_two_cyclones_and_the_surest_comes_first():
    values, latitude, longitude = world(120, 200, one=(60, 50, 0.7), other=(60, 120, 0.9))
    (sure, unsure) = cyclones(values, latitude, longitude)
    assert sure == pytest.approx((35, 130, 0.9))
    assert unsure == pytest.approx((35, 112.5, 0.7))


def test_near_ones_are_one_at_their_weighted_mean():
    """Patches begin at the columns 0, 20 and 40: the first sees the weaker one, the others the stronger."""
    ((latitude, longitude, probability),) = cyclones(*world(40, 80, weak=(20, 38, 0.6), strong=(20, 41, 0.9)))
    parts = np.array([0.6, 0.9, 0.9]) * np.sin(np.pi * (np.array([38, 21, 1]) + 0.5) / 40) ** 2
    assert latitude == pytest.approx(45, abs=1e-3)
    assert longitude == pytest.approx(100 + STEP * np.average([38, 41, 41], weights=parts), abs=1e-4)
    assert probability == pytest.approx(0.9)  # the first does not hold that place


def test_a_patch_that_sees_nothing_votes_against():
    """The twin sees a cyclone only if it is in the upper half of a patch."""

    def upper(patches):
        probability, position = look(patches)
        return np.where(position[:, 0] < 20, probability, 0), position

    values, latitude, longitude = world(80, 80, one=(30, 30, 1.0))
    ((_, _, probability),) = cyclones(values, latitude, longitude, look=upper, threshold=0.01)
    # Rows 0 and 20 begin the patches that hold row 30: at 30 and at 10 in them, so the weights are the same.
    here, there = (np.sin(np.pi * (row + 0.5) / 40) ** 2 for row in (10, 30))
    assert probability == pytest.approx(here / (here + there))
    assert cyclones(values, latitude, longitude, look=upper, threshold=0.6) == []


def test_over_greenwich_where_the_map_closes():
    """721 x 1440 points of ERA5 in the long run; here a belt of 60 rows."""
    for column in (0, 1439, 5, 1430):
        values, latitude, longitude = world(60, 1440, west=0.0, one=(30, column, 1.0))
        ((north, east, probability),) = cyclones(values, latitude, longitude)
        assert (north, east) == pytest.approx((42.5, STEP * column), abs=1e-6)
        assert probability == pytest.approx(1)


def test_over_the_date_line():
    values, latitude, longitude = world(60, 200, west=160.0, one=(30, 80, 1.0), other=(30, 140, 1.0))
    assert [round(east, 6) for _, east, _ in sorted(cyclones(values, latitude, longitude), key=lambda c: c[1])] == [
        180,
        195,
    ]


def test_nothing_there():
    assert cyclones(*world(60, 60)) == []
    with pytest.raises(UserError, match="39 x 60 points"):
        cyclones(*world(39, 60))


def test_as_many_pairs_as_can_be():
    """The nearest pair first would leave the second cyclone without one."""
    north = np.zeros(2)
    assert matched(north, np.array([0.0, 2.0]), north, np.array([0.9, -1.5]), 300) == [(0, 1), (1, 0)]
    assert matched(north, np.array([0.0, 2.0]), north[:1], np.array([0.5]), 300) == [(0, 0)]
    assert matched(north, np.array([0.0, 50.0]), north[:1], np.array([90.0]), 300) == []
    assert matched(north[:0], north[:0], north, north, 300) == []
