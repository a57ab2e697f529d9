import numpy as np
import pytest

from twinlib.physics.networks import FullyConnected
from twinlib.physics.problem import Problem
from twinlib.physics.residuals import Residuals
from twinlib.physics.solution import Solution

PLATE = {
    "name": "plate",
    "geometry": {"plate": {"shape": "rectangle", "x": [0, 2], "y": [0, 1]}},
    "fields": {"u": {}},
    "conditions": {
        "all": {"type": "interior", "equation": "u = x", "points": 16, "weight": "sdf**2*(1 + x)"},
        "near": {"type": "interior", "equation": "u = x", "points": 20, "where": "x > 0.5 and x < 0.75"},
        "seen": {"type": "observations", "values": {"u": "y"}, "points": 6, "weight": 4},
    },
}


def test_points_lie_in_the_part_that_is_meant():
    samples = Problem(**PLATE).samples("train", 0)
    x, y = samples["near"].inputs.T
    assert len(x) == 20 and (x > 0.5).all() and (x < 0.75).all()
    assert y.min() < 0.2 and y.max() > 0.8


@pytest.mark.usefixtures("double")
def test_weights_multiply_squares():
    problem = Problem(**PLATE)
    solution = Solution(problem, FullyConnected(problem.inputs, problem.outputs, 4, 1))
    samples = problem.samples("train", 0)
    residuals = Residuals(problem, solution, samples, {"all": 3.0})
    terms = {name: float(term.detach()) for name, term in residuals.terms().items()}
    x, y = samples["all"].inputs.T
    distance = np.minimum.reduce([x, 2 - x, y, 1 - y])
    found = at(solution, samples["all"].inputs)
    # The size of a residual is that of its largest term, x.
    assert terms["all"] == pytest.approx(3 * np.mean(distance**2 * (1 + x) * ((found - x) / 2) ** 2), rel=1e-12)
    found = at(solution, samples["seen"].inputs)
    assert terms["seen"] == pytest.approx(4 * np.mean((found - samples["seen"].inputs[:, 1]) ** 2), rel=1e-12)
    vector, jacobian = residuals.jacobian()
    assert float(vector @ vector) == pytest.approx(sum(terms.values()), rel=1e-12)
    assert jacobian.shape[0] == len(vector)


def at(solution, points):
    import torch

    with torch.no_grad():
        return solution(torch.as_tensor(points))[:, 0].numpy()
