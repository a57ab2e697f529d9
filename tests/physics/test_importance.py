import numpy as np
import pytest
from scipy.spatial import cKDTree
from scipy.stats import chisquare

from twinlib.errors import UserError
from twinlib.physics.importance import chosen
from twinlib.physics.problem import Problem
from twinlib.physics.sampling import sampler


@pytest.fixture
def many():
    return sampler("sobol", 2, 0, "many")(8192)


def test_points_lie_in_proportion_to_a_density(many):
    rows = chosen(many, many[:, 0], 512)
    assert len(set(rows)) == 512
    counts = np.histogram(many[rows, 0], 8, (0, 1))[0]
    assert chisquare(counts, 512 * (2 * np.arange(8) + 1) / 64).pvalue > 0.1


def test_they_are_spread_more_evenly_than_by_chance(many):
    found = many[chosen(many, np.ones(len(many)), 512)]
    random = many[np.random.default_rng(0).choice(len(many), 512, replace=False)]
    nearest = [np.sort(cKDTree(points).query(points, 2)[0][:, 1])[50] for points in (found, random)]
    assert nearest[0] > 1.5 * nearest[1]
    cells = np.histogram2d(*found.T, bins=8, range=[[0, 1], [0, 1]])[0]
    assert cells.min() >= 6 and cells.max() <= 10


def test_where_there_are_too_few_all_are_taken(many):
    dense = many[:, 0] < 0.01
    rows = chosen(many, np.where(dense, 1e6, 1.0), 1024)
    assert np.isin(np.flatnonzero(dense), rows).all()
    assert len(set(rows)) == 1024
    assert not np.isin(rows, np.flatnonzero(many[:, 1] > 0.5)).any() or (many[rows, 1] > 0.5).mean() > 0.3


def test_what_has_no_density_is_left_out(many):
    rows = chosen(many, np.where(many[:, 1] < 0.25, 1.0, 0.0), 256)
    assert (many[rows, 1] < 0.25).all()
    few = many[:, 1] < 0.01
    assert set(chosen(many, few.astype(float), 1000)) == set(np.flatnonzero(few))


def duct(density):
    return Problem(
        name="duct",
        parameters={"h": [1, 2]},
        geometry={"duct": {"shape": "channel", "x": [0, 4], "y": [0, "h"], "along": "x"}},
        fields={"u": {}},
        conditions={
            "flow": {"type": "interior", "equation": "diff(u, x, 2) + diff(u, y, 2) = 0", "points": 512,
                     "density": density},
            "walls": {"type": "dirichlet", "values": {"u": 0}},
            "ends": {"type": "dirichlet", "where": "x = 0", "values": {"u": 1}},
            "exit": {"type": "neumann", "where": "x = 4", "values": {"u": 0}},
        },
    )  # fmt: skip


def test_denser_near_the_walls_of_a_domain_that_depends_on_a_parameter():
    x, y, h = duct("exp(-5*sdf)").samples("train", 0)["flow"].inputs.T
    away = np.minimum(y, h - y)
    # Exponential but for where the duct ends: half of the points within log(2)/5.
    assert np.median(away) == pytest.approx(np.log(2) / 5, rel=0.1)
    assert np.mean(x) == pytest.approx(2, abs=0.1)


def test_a_density_that_is_negative_is_one_line():
    with pytest.raises(UserError, match=r"data.conditions.flow.density: x - 1: is -.* a density is 0 or greater"):
        duct("x - 1")


def test_a_density_that_is_nowhere_is_one_line():
    with pytest.raises(UserError, match=r"data.conditions.flow: the density is 0 everywhere"):
        duct("0*x")
