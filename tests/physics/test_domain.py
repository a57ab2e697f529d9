import numpy as np
import pytest

from twinlib.errors import UserError
from twinlib.physics.problem import Problem
from twinlib.physics.sampling import sampler


@pytest.fixture
def domain():
    problem = Problem(
        name="heat",
        geometry={"rod": {"shape": "line", "x": [0, "l"]}},
        time={"t": [1, 3]},
        parameters={"l": [1, 2]},
        fields={"T": {}},
        conditions={
            "heat": {"type": "interior", "equation": "diff(T, t) = diff(T, x, 2)", "points": 8},
            "ends": {"type": "dirichlet", "values": {"T": 0}},
            "start": {"type": "initial", "values": {"T": "sin(pi*x/l)"}},
        },
    )
    return problem.words.domains["rod"]


def draw(domain):
    return sampler("sobol", len(domain.inputs), 0, "test")


def test_inputs_are_space_time_and_parameters(domain):
    assert domain.inputs == ("x", "t", "l")
    assert domain.box().tolist() == [[0, 2], [1, 3], [1, 2]]


def test_points_inside_fill_the_domain(domain):
    points = domain.named(domain.interior(512, draw(domain)).inputs)
    assert (points["x"] <= points["l"]).all() and points["x"].min() >= 0
    for name, (low, high) in zip(domain.inputs[1:], domain.box()[1:], strict=True):
        assert low <= points[name].min() < low + 0.02 * (high - low)
        assert high - 0.02 * (high - low) < points[name].max() <= high
    # Uniform over each rod: the mean place is its middle.
    assert np.mean(points["x"] / points["l"]) == pytest.approx(0.5, abs=0.01)


def test_some_points_lie_at_the_ends_of_the_parameters(domain):
    length = domain.named(domain.interior(512, draw(domain)).inputs)["l"]
    for end in (1, 2):
        assert 0.02 < np.mean(length == end) < 0.04


def test_points_on_the_boundary_and_at_the_beginning(domain):
    samples = domain.boundary(64, draw(domain), "data.conditions.ends")
    points = domain.named(samples.inputs)
    at_end = samples.normals[:, 0] > 0
    assert (points["x"][at_end] == points["l"][at_end]).all()
    assert (points["x"][~at_end] == 0).all()
    assert 20 < at_end.sum() < 44
    start = domain.named(domain.start(64, draw(domain), "data.conditions.start").inputs)
    assert (start["t"] == 1).all() and len(start["x"]) == 64


def test_the_grid_has_the_ends(domain):
    points = domain.named(domain.grid(1000).inputs)
    assert points["t"].min() == 1 and points["t"].max() == 3
    assert len(np.unique(points["l"])) == 11
    assert (points["x"] <= points["l"] + 1e-12).all()
    assert np.isclose(points["x"], points["l"]).any()


def test_a_part_that_is_not_there_is_named(domain):
    with pytest.raises(UserError, match="no part of the boundary of rod"):
        domain.boundary(8, draw(domain), "data.conditions.ends", lambda points: points["x"] > 5)


def test_a_part_of_the_inside(domain):
    part = domain.named(domain.interior(64, draw(domain), lambda points: points["x"] > 0.9 * points["l"]).inputs)
    assert len(part["x"]) == 64 and (part["x"] > 0.9 * part["l"]).all()
    with pytest.raises(UserError, match=r"data.conditions.heat: no part of rod is there"):
        domain.interior(8, draw(domain), lambda points: points["x"] > 5, where="data.conditions.heat")
