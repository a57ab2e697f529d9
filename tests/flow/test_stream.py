import numpy as np
import pytest

from twinlib.errors import UserError
from twinlib.flow.stream import discharge, poiseuille, walls


def mask():
    """8 x 10 cells: an obstacle of two cells that touch by a corner, and one at the upper wall."""
    fluid = np.ones((8, 10), bool)
    fluid[2, 3] = fluid[3, 4] = False
    fluid[7, 7] = False
    return fluid


def test_each_wall_has_its_corners():
    found = walls(mask()[None], width=2.0)
    (obstacle,) = found.on[0]
    corners = {(2, 3), (2, 4), (3, 3), (3, 4), (3, 5), (4, 4), (4, 5)}
    assert {tuple(corner) for corner in np.argwhere(obstacle)} == corners
    assert found.nearest[0, 0, 3, 2] == 1  # beside the obstacle
    assert found.nearest[0, 0, 0].max() == 0
    solid = np.zeros((9, 11), bool)
    solid[[0, 8]] = solid[7, 7:9] = True
    np.testing.assert_array_equal(found.share[0] == 0, solid | (obstacle == 1))
    assert found.share[0][3, 2] == pytest.approx(0.5)  # one of two cells away
    assert found.share[0][4, 8] == 1


def test_the_channel_s_walls_have_the_values_of_the_empty_channel():
    channel, empty = walls(mask()[None], width=2.0).channel[0], poiseuille(8)
    np.testing.assert_array_equal(channel[0], 0)
    np.testing.assert_allclose(channel[8], discharge(8))
    np.testing.assert_array_equal(channel[7, 7:9], channel[8, 0])  # the obstacle at the upper wall
    np.testing.assert_array_equal(channel[[1, 7], 0], empty[[1, 7]])
    np.testing.assert_array_equal(channel[walls(mask()[None], width=2.0).nearest[0, 0] == 1], 0)


def test_flows_with_different_numbers_of_obstacles():
    found = walls(np.stack([mask(), np.ones_like(mask())]), width=2.0)
    assert found.on.shape == (2, 1, 9, 11)
    assert not found.on[1].any() and not found.nearest[1].any()
    np.testing.assert_allclose(found.channel[1], np.repeat(poiseuille(8)[:, None], 11, axis=1))


def test_a_closed_channel():
    fluid = mask()
    fluid[:, 5] = False
    with pytest.raises(UserError, match="the channel is closed"):
        walls(fluid[None], width=2.0)


def test_the_empty_channel():
    """Its stream function has the parabola for a derivative and the whole discharge at the upper wall."""
    psi = poiseuille(64)
    y = np.arange(64) + 0.5
    np.testing.assert_allclose(np.diff(psi), 4 * y * (64 - y) / 64**2, atol=1e-3 / 8)
    assert psi[0] == 0 and psi[-1] == pytest.approx(discharge(64)) == pytest.approx(64 * 2 / 3)
