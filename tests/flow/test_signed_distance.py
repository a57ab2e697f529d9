import numpy as np
import pytest

from twinlib.flow.signed_distance import signed_distance


def test_half_planes_are_exact():
    rows, columns = 10, 30
    empty = signed_distance(np.ones((rows, columns), bool))
    y = np.arange(rows) + 0.5
    assert (empty == np.minimum(y, rows - y)[:, None]).all()
    fluid = np.ones((200, columns), bool)
    fluid[:, 20:] = False  # a wall half-way between columns 19 and 20
    x = np.arange(columns) + 0.5
    assert (signed_distance(fluid)[100] == 20 - x).all()


def test_every_distance_is_that_to_the_faces():
    """Against a search over all faces between fluid and solid cells, the channel's walls among them."""
    rng = np.random.default_rng(0)
    for fill in (0.02, 0.3, 0.7):
        fluid = rng.random((14, 19)) > fill
        padded = np.pad(fluid, ((1, 1), (0, 0)))
        # Segments (y0, x0, y1, x1) of the boundary, in cells from the corner of the channel.
        walls = [(i, j, i, j + 1) for i in range(15) for j in range(19) if padded[i, j] != padded[i + 1, j]]
        walls += [(i, j + 1, i + 1, j + 1) for i in range(14) for j in range(18) if fluid[i, j] != fluid[i, j + 1]]
        y0, x0, y1, x1 = np.array(walls, float).T
        found = signed_distance(fluid)
        for i, j in np.ndindex(fluid.shape):
            dy, dx = i + 0.5 - np.clip(i + 0.5, y0, y1), j + 0.5 - np.clip(j + 0.5, x0, x1)
            nearest = np.hypot(dy, dx).min()
            assert found[i, j] == pytest.approx(nearest if fluid[i, j] else -nearest, rel=1e-6)


def test_a_circle_within_its_steps():
    """The steps of a circle are within 0.71 cells of it, and so is the distance: to corners that stick out."""
    y, x = np.mgrid[:120, :120] + 0.5
    exact = np.hypot(y - 60, x - 60) - 20
    error = (signed_distance(exact > 0) - np.minimum(exact, np.minimum(y, 120 - y)))[exact > -19]
    assert np.abs(error).max() < 0.71
    assert -0.25 < error.mean() < 0


def test_never_zero_and_of_the_type_that_is_stored():
    fluid = np.ones((8, 8), bool)
    fluid[3, 4] = False
    found = signed_distance(fluid)
    assert found.dtype == np.float32
    assert np.abs(found).min() == 0.5
    assert ((found > 0) == fluid).all()
