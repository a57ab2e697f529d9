import numpy as np
import pytest
import torch

from twinlib.errors import UserError
from twinlib.physics.networks import FullyConnected
from twinlib.physics.problem import Problem
from twinlib.physics.residuals import Residuals
from twinlib.physics.solution import Solution
from twinlib.physics.training_points import TrainingPoints

pytestmark = pytest.mark.usefixtures("double")
# The residual of u = 0 is the bump on the right-hand side.
BUMP = {
    "name": "bump",
    "geometry": {"rod": {"shape": "line", "x": [0, 1]}},
    "fields": {"u": {}},
    "conditions": {
        "balance": {"type": "interior", "equation": "diff(u, x, 2) = exp(-200*(x - 0.7)**2)", "points": 200},
        "ends": {"type": "dirichlet", "values": {"u": 0}},
        "seen": {"type": "observations", "values": {"u": "0*x"}, "points": 5},
    },
}


@pytest.fixture
def bump():
    problem = Problem(**BUMP)
    solution = Solution(problem, FullyConnected(problem.inputs, problem.outputs, 4, 1))
    with torch.no_grad():
        for parameter in solution.parameters():
            parameter.zero_()
    return problem, Residuals(problem, solution, problem.samples("train", 0), {})


def test_points_are_drawn_anew_and_what_was_measured_stays(bump):
    problem, residuals = bump
    points = TrainingPoints(problem, 0, resample=3)
    seen = [dict(points.samples)]
    for iteration in range(1, 8):
        if points.before(iteration, residuals):
            seen.append(dict(points.samples))
            assert iteration in (4, 7)
    assert len(seen) == 3
    for one, other in ((0, 1), (1, 2)):
        assert not np.array_equal(seen[one]["balance"].inputs, seen[other]["balance"].inputs)
        np.testing.assert_array_equal(seen[one]["seen"].inputs, seen[other]["seen"].inputs)
    again = TrainingPoints(problem, 0, resample=3)
    again.restore(points.state(), 7, residuals)
    for name, own in points.samples.items():
        np.testing.assert_array_equal(again.samples[name].inputs, own.inputs)


def test_refined_points_are_as_dense_as_the_residual_is_large(bump):
    problem, residuals = bump
    points = TrainingPoints(problem, 0, refine={"every": 1, "constant": 0.0, "candidates": 20})
    assert not points.before(1, residuals)
    assert points.before(2, residuals)
    x = points.samples["balance"].inputs[:, 0]
    assert len(x) == len(set(x)) == 200
    # |e| is a normal density around 0.7 of the standard deviation 1/20.
    assert x.mean() == pytest.approx(0.7, abs=0.012)
    assert x.std() == pytest.approx(0.05, rel=0.15)
    np.testing.assert_array_equal(points.samples["ends"].inputs, problem.samples("train", 0)["ends"].inputs)
    # Half of the density is flat with constant = 1.
    points = TrainingPoints(problem, 0, refine={"every": 1, "constant": 1.0, "candidates": 20})
    points.before(2, residuals)
    near = np.abs(points.samples["balance"].inputs[:, 0] - 0.7) < 0.15
    assert near.mean() == pytest.approx(0.65, abs=0.08)


def test_both_at_once_is_refused(bump):
    with pytest.raises(UserError, match="leave resample out"):
        TrainingPoints(bump[0], 0, 3, {"every": 3})


@pytest.mark.parametrize(
    ("refine", "message"),
    [
        ({"every": "often"}, "trainer.refine.every=often: give a whole number, 1 or more"),
        ({"every": 0}, "trainer.refine.every=0: give a whole number, 1 or more"),
        ({"candidates": 1.5}, "trainer.refine.candidates=1.5: give a whole number"),
        ({"power": -1}, "trainer.refine.power=-1: give a number, 0 or more"),
        ({"often": 3}, "trainer.refine.often: is none of every"),
    ],
)
def test_a_wrong_setting_is_named(bump, refine, message):
    with pytest.raises(UserError, match=message):
        TrainingPoints(bump[0], 0, refine=refine)


def test_points_are_not_drawn_anew_every_0_iterations(bump):
    with pytest.raises(UserError, match=r"trainer\.resample=0: give iterations, 1 or more"):
        TrainingPoints(bump[0], 0, 0)
