import numpy as np
import pytest

from twinlib.cyclones.lows import lows


def test_lows_live_and_move_without_jumps():
    """Each low of one time is found again six hours later: near, and about as deep."""
    for hour in range(400_000, 400_240, 6):
        before, after = lows(0, hour, 0.0), lows(0, hour + 6, 0.0)
        assert 15 < len(before.latitude) < 70
        deep = before.deficit > 500
        for latitude, longitude, deficit in zip(
            before.latitude[deep], before.longitude[deep], before.deficit[deep], strict=True
        ):
            east = (after.longitude - longitude + 180) % 360 - 180
            near = np.hypot(after.latitude - latitude, east * np.cos(np.radians(latitude)))
            assert np.abs(after.deficit[near < 4] - deficit).min(initial=np.inf) < 800


def test_depths_are_those_of_cyclones_and_cores_are_cold():
    one = [lows(1, hour, 0.0) for hour in range(0, 2400, 24)]
    deficit, radius = np.concatenate([x.deficit for x in one]), np.concatenate([x.radius for x in one])
    latitude, cold = np.concatenate([x.latitude for x in one]), np.concatenate([x.cold for x in one])
    assert 3000 < deficit.max() < 5300
    assert (cold >= 0).all() and (deficit >= 0).all()
    small = radius < 350e3
    assert 0.4 < small.mean() < 0.75
    assert np.abs(latitude[small]).min() < 15  # some in the latitudes of cyclones
    assert deficit[small].max() > 600
    assert (latitude < 0).mean() == pytest.approx(0.5, abs=0.1)


def test_winter_lows_are_deeper():
    summer, winter = lows(2, 6000, 1.0), lows(2, 6000, -1.0)
    north = (summer.latitude > 0) & (summer.radius >= 350e3)
    assert (winter.deficit[north] > summer.deficit[north]).all()


def test_seed_and_time_alone_matter():
    one, same, other = lows(0, 123_456, 0.2), lows(0, 123_456, 0.2), lows(1, 123_456, 0.2)
    assert all(np.array_equal(a, b) for a, b in zip(one, same, strict=True))
    assert len(one.deficit) != len(other.deficit) or not np.array_equal(one.deficit, other.deficit)
