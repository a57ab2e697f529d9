import numpy as np
import pytest

from twinlib.cyclones.patches import CATEGORIES, KINDS, Grid, category, cut, label
from twinlib.errors import UserError


def grid(rows=5, columns=6, north=60.0, west=100.0):
    """So many patches, 10 x 10 degrees each."""
    return Grid(north - 0.25 * np.arange(40 * rows), west + 0.25 * np.arange(40 * columns))


def place(row, column, north=60.0, west=100.0):
    """Latitude and longitude of a row and column of the map."""
    return north - 0.25 * row, west + 0.25 * column


def labelled(grid, *places, wind=None, own=None, most=None, seed=0):
    latitude, longitude = np.array(places, float).reshape(-1, 2).T
    wind = np.full(len(latitude), 30.0) if wind is None else np.array(wind)
    own = np.ones(len(latitude), bool) if own is None else np.array(own)
    return label(grid, latitude, longitude, wind, own, most or {}, np.random.default_rng(seed))


def of_kind(labels, kind):
    return {(int(row), int(column)) for row, column in labels.patch[labels.kind == KINDS.index(kind)]}


def around(row, column):
    return {(row + i, column + j) for i in (-1, 0, 1) for j in (-1, 0, 1)}


@pytest.mark.parametrize(
    ("inner", "nearest"),
    [
        ((5, 30), {(1, 3), (1, 4), (2, 4)}),  # first quadrant: up and right
        ((5, 5), {(1, 3), (1, 2), (2, 2)}),
        ((30, 5), {(3, 3), (3, 2), (2, 2)}),
        ((30, 30), {(3, 3), (3, 4), (2, 4)}),
        ((19, 19), {(1, 3), (1, 2), (2, 2)}),  # the last of the upper left half
        ((20, 20), {(3, 3), (3, 4), (2, 4)}),  # the first of the lower right half
    ],
)
def test_kinds_around_one_centre(inner, nearest):
    labels = labelled(grid(), place(2 * 40 + inner[0], 3 * 40 + inner[1]))
    assert of_kind(labels, "CYCLONE") == {(2, 3)}
    assert of_kind(labels, "NEAREST") == nearest
    assert of_kind(labels, "ALLADJACENT") == around(2, 3) - {(2, 3)} - nearest
    random = of_kind(labels, "RANDOM")
    assert len(random) == 1 and not random & around(2, 3)
    everywhere = {(i, j) for i in range(5) for j in range(6)}
    assert of_kind(labels, "NOCYCLONE") == everywhere - around(2, 3) - random
    assert len(labels.kind) == 30
    there = labels.record >= 0
    np.testing.assert_array_equal(labels.position[there], [inner])
    np.testing.assert_array_equal(labels.position[~there], -1)


def test_the_nearest_grid_point_decides_and_the_position_keeps_its_fraction():
    labels = labelled(grid(), place(79.625, 39.375))  # nearest row 80, nearest column 39
    assert of_kind(labels, "CYCLONE") == {(2, 0)}
    np.testing.assert_allclose(labels.position[labels.record == 0], [[-0.375, 39.375]])


def test_the_quadrant_at_a_corner_of_the_map_has_no_neighbours():
    labels = labelled(grid(), place(3, 3))
    assert of_kind(labels, "CYCLONE") == {(0, 0)}
    assert of_kind(labels, "NEAREST") == set()
    assert of_kind(labels, "ALLADJACENT") == {(0, 1), (1, 0), (1, 1)}


def test_two_centres_in_one_patch_keep_the_stronger():
    labels = labelled(grid(), place(90, 130), place(110, 150), wind=[20.0, 50.0])
    assert of_kind(labels, "CYCLONE") == {(2, 3)}
    assert labels.record[labels.kind == 0].tolist() == [1]
    np.testing.assert_array_equal(labels.position[labels.kind == 0], [[30, 30]])
    assert of_kind(labels, "NEAREST") == {(3, 3), (3, 4), (2, 4)}  # of the one that is kept
    assert len(of_kind(labels, "RANDOM")) == 1


def test_neighbouring_storms_are_cyclones_to_each_other():
    labels = labelled(grid(), place(100, 100), place(100, 130))  # patches (2, 2) and (2, 3)
    assert of_kind(labels, "CYCLONE") == {(2, 2), (2, 3)}
    # (100, 100) is the lower right of (2, 2), whose neighbour (2, 3) is a cyclone; (100, 130) the lower left of (2, 3).
    assert of_kind(labels, "NEAREST") == {(3, 2), (3, 3)}
    assert of_kind(labels, "ALLADJACENT") == (around(2, 2) | around(2, 3)) - {(2, 2), (2, 3), (3, 2), (3, 3)}
    assert len(of_kind(labels, "RANDOM")) == 2


def test_a_centre_outside_of_the_map_keeps_random_patches_away_and_gives_none():
    for seed in range(20):
        labels = labelled(grid(3, 4), place(60, 60), place(60, 161), own=[True, True], seed=seed)
        assert of_kind(labels, "CYCLONE") == {(1, 1)}
        assert of_kind(labels, "RANDOM") == set()  # (0 … 2, 3) are next to the storm east of the map
    assert of_kind(labels, "NOCYCLONE") == {(0, 3), (1, 3), (2, 3)}


def test_what_is_around_the_storm_of_another_side_is_left_out():
    centres = [place(100, 100), place(100, 180), place(20, 20)]  # patches (2, 2), (2, 4), (0, 0)
    labels = labelled(grid(), *centres, own=[True, False, True])
    patches = {tuple(patch) for patch in labels.patch.tolist()}
    assert not patches & around(2, 4)
    assert of_kind(labels, "CYCLONE") == {(2, 2), (0, 0)}
    # An own centre next to it goes as well.
    labels = labelled(grid(), *centres[:2], place(100, 130), own=[True, False, True])
    assert of_kind(labels, "CYCLONE") == {(2, 2)}
    assert not {tuple(patch) for patch in labels.patch.tolist()} & around(2, 4)


def test_across_the_date_line():
    """A region that runs over it is a map as any other, however its longitudes and those of the storms are counted."""
    over = Grid(60 - 0.25 * np.arange(120), 170 + 0.25 * np.arange(120))
    for longitude in (-175.0, 185.0):
        labels = labelled(over, (40.0, longitude))
        assert of_kind(labels, "CYCLONE") == {(2, 1)}
        np.testing.assert_allclose(labels.position[labels.record == 0], [[0, 20]])
    greenwich = Grid(60 - 0.25 * np.arange(120), (350 + 0.25 * np.arange(120)) % 360)
    labels = labelled(greenwich, (40.0, 5.0))
    assert of_kind(labels, "CYCLONE") == {(2, 1)}
    np.testing.assert_allclose(labels.position[labels.record == 0], [[0, 20]])


def test_a_map_around_the_earth_is_closed():
    globe = Grid(60 - 0.25 * np.arange(120), 0.25 * np.arange(1440))
    assert globe.closed and globe.shape == (3, 36)
    labels = labelled(globe, (40.5, 0.5))  # row 78, column 2: the lower left of patch (1, 0)
    assert of_kind(labels, "NEAREST") == {(2, 0), (2, 35), (1, 35)}
    assert of_kind(labels, "ALLADJACENT") == {(0, 35), (0, 0), (0, 1), (1, 1), (2, 1)}
    labels = labelled(globe, (40.5, 359.9))  # its nearest column is the first
    assert of_kind(labels, "CYCLONE") == {(1, 0)}
    np.testing.assert_allclose(labels.position[labels.record == 0], [[38, -0.4]], atol=1e-5)
    assert not grid().closed


def test_a_map_without_storms():
    labels = labelled(grid(2, 2))
    assert of_kind(labels, "NOCYCLONE") == {(0, 0), (0, 1), (1, 0), (1, 1)}
    assert (labels.record == -1).all() and (labels.position == -1).all()


def test_at_most_so_many_and_the_same_again():
    def drawn(seed):
        return labelled(grid(), place(100, 100), place(20, 200), most={"ALLADJACENT": 2, "NOCYCLONE": 0}, seed=seed)

    labels = drawn(3)
    counts = dict(zip(KINDS, np.bincount(labels.kind, minlength=5).tolist(), strict=True))
    assert counts == {"CYCLONE": 2, "NEAREST": 6, "ALLADJACENT": 2, "RANDOM": 2, "NOCYCLONE": 0}
    for name in ("patch", "kind", "position", "record"):
        np.testing.assert_array_equal(getattr(labels, name), getattr(drawn(3), name))
    assert any(not np.array_equal(labels.patch, drawn(seed).patch) for seed in range(4, 8))


def test_cut():
    rows, columns = 95, 130  # a margin of 15 rows and 10 columns fills no patch
    fields = np.arange(rows * columns * 2, dtype=np.float32).reshape(rows, columns, 2)
    patches = cut(fields, np.array([[1, 2], [0, 0]]))
    np.testing.assert_array_equal(patches[0], fields[40:80, 80:120])
    np.testing.assert_array_equal(patches[1], fields[:40, :40])
    assert patches.base is None or not np.shares_memory(patches, fields)
    assert cut(fields, np.empty((0, 2), int)).shape == (0, 40, 40, 2)


def test_categories():
    """The scale in knots: https://www.nhc.noaa.gov/aboutsshws.php."""
    knots = np.array([20, 33, 34, 63, 64, 82, 83, 95, 96, 112, 113, 136, 137, 185])
    names = [CATEGORIES[number] for number in category(knots * 1852 / 3600)]
    assert names == ["TD", "TD", "TS", "TS", "1", "1", "2", "2", "3", "3", "4", "4", "5", "5"]


@pytest.mark.parametrize(
    ("latitude", "longitude", "message"),
    [
        (60 - 0.25 * np.arange(39), 0.25 * np.arange(80), "39 x 80 grid points; one patch takes 40 x 40"),
        (0.25 * np.arange(40), 0.25 * np.arange(80), "no regular grid"),
        (60 - 0.25 * np.arange(40), 0.5 * np.arange(80), "no regular grid"),
        (60 - 0.25 * np.arange(40), np.r_[0.25 * np.arange(40), 20 + 0.25 * np.arange(40)], "no regular grid"),
    ],
)
def test_maps_that_cannot_be_cut(latitude, longitude, message):
    with pytest.raises(UserError, match=message):
        Grid(latitude, longitude)
