import numpy as np
import pytest

from twinlib.errors import UserError
from twinlib.physics.sampling import SAMPLERS, sampler


@pytest.mark.parametrize("name", SAMPLERS)
def test_points_depend_on_seed_and_purpose_and_go_on(name):
    points = sampler(name, 2, 0, "train", "motion")(64)
    assert points.shape == (64, 2)
    assert points.min() >= 0 and points.max() < 1
    np.testing.assert_array_equal(points, sampler(name, 2, 0, "train", "motion")(64))
    draw = sampler(name, 2, 0, "train", "motion")
    np.testing.assert_array_equal(points, np.concatenate([draw(16), draw(48)]))
    assert not np.array_equal(points, sampler(name, 2, 1, "train", "motion")(64))
    assert not np.array_equal(points, sampler(name, 2, 0, "val", "motion")(64))


def test_sequences_fill_the_cube_more_evenly_than_chance():
    from scipy.stats.qmc import discrepancy

    even = {name: discrepancy(sampler(name, 2, 0, "x")(256)) for name in SAMPLERS}
    assert even["sobol"] < 0.2 * even["uniform"]
    assert even["halton"] < 0.2 * even["uniform"]


def test_another_name_is_refused():
    with pytest.raises(UserError, match=r"data.sampler: no sampler sobl; did you mean sobol\?"):
        sampler("sobl", 1, 0)
