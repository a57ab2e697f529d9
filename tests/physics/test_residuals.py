import pytest
import torch
from torch.nn.utils import parameters_to_vector, vector_to_parameters

from twinlib.physics.networks import FullyConnected
from twinlib.physics.problem import Problem
from twinlib.physics.residuals import Residuals
from twinlib.physics.solution import Solution

pytestmark = pytest.mark.usefixtures("double")
# Everything at once: two domains, a parameter, an unknown number, conditions of all kinds.
BAR = {
    "name": "bar",
    "parameters": {"D": [1, 2]},
    "unknowns": {"q": 0.5},
    "geometry": {"left": {"shape": "line", "x": [0, 1]}, "right": {"shape": "line", "x": [1, "1 + D"]}},
    "fields": {"a": {"in": "left"}, "b": {"in": "right", "range": [0, 10]}},
    "conditions": {
        "heat": {"type": "interior", "in": "left", "equation": "diff(D*diff(a, x), x) + q*a**2 = x", "points": 12},
        "flow": {"type": "interior", "in": "right", "equation": ["diff(b, x, 2) = q*b"], "points": 9},
        "cold": {"type": "dirichlet", "in": "left", "where": "x = 0", "values": {"a": "D"}, "points": 5},
        "warm": {"type": "robin", "in": "right", "where": "x = 1 + D", "equation": "normal(b) + 2*b = 1", "points": 6},
        "touch": {"type": "interface", "in": "left", "where": "x = 1", "value": ["a", "b"], "points": 4,
                  "flux": ["D*normal(a)", "normal(b)"]},
        "seen": {"type": "observations", "in": "left", "values": {"a": "x**2"}, "points": 7},
    },
}  # fmt: skip


@pytest.fixture
def bar():
    problem = Problem(**BAR)
    torch.manual_seed(0)
    solution = Solution(problem, FullyConnected(problem.inputs, problem.outputs, 6, 2))
    return problem, solution, Residuals(problem, solution, problem.samples("train", 0), {"seen": 3.0})


def test_the_jacobian_is_that_of_small_changes(bar):
    _, _, residuals = bar
    vector, jacobian = residuals.jacobian()
    torch.testing.assert_close(vector, residuals.vector())
    start = parameters_to_vector(residuals.parameters).detach()
    assert jacobian.shape == (len(vector), len(start))
    step = 1e-6
    for number in [*range(0, len(start), 7), len(start) - 1]:
        shift = torch.zeros_like(start)
        shift[number] = step
        values = []
        for sign in (1, -1):
            with torch.no_grad():
                vector_to_parameters(start + sign * shift, residuals.parameters)
            values.append(residuals.vector())
        torch.testing.assert_close((values[0] - values[1]) / (2 * step), jacobian[:, number], rtol=1e-6, atol=1e-7)


def test_the_loss_is_the_sum_of_squares_and_its_gradient_that_of_the_jacobian(bar):
    _, solution, residuals = bar
    vector, jacobian = residuals.jacobian()
    loss = residuals.loss()
    loss.backward()
    assert float(loss.detach()) == pytest.approx(float(vector @ vector), rel=1e-12)
    gradient = torch.cat([parameter.grad.reshape(-1) for parameter in residuals.parameters])
    torch.testing.assert_close(gradient, 2 * jacobian.T @ vector)
    assert {id(each) for each in residuals.parameters} == {id(each) for each in solution.parameters()}


def test_terms_are_weighted_means_of_squares_without_dimension(bar):
    problem, solution, residuals = bar
    samples = problem.samples("train", 0)["seen"]
    with torch.no_grad():
        found = solution(torch.as_tensor(samples.inputs))[:, 0].numpy()
    expected = 3 * ((found - samples.inputs[:, 0] ** 2) ** 2).mean()  # the range of a is -1 … 1
    assert float(residuals.terms()["seen"].detach()) == pytest.approx(expected)
