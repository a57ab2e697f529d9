import numpy as np
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


# Residuals that are sums over points, beside one that is not; and weights at points.
RING = {
    "name": "ring",
    "parameters": {"D": [1, 2]},
    "unknowns": {"q": 0.5},
    "geometry": {"plate": {"shape": "rectangle", "x": [0, 1], "y": [0, "D"]}},
    "fields": {"u": {}, "w": {"range": [0, 3]}},
    "conditions": {
        "heat": {"type": "interior", "equation": "diff(u, x, 2) + diff(u, y, 2) = q*w", "points": 9, "weight": "sdf*D"},
        "flow": {"type": "interior", "equation": "diff(w, x) = u*w", "points": 8},
        "mean": {"type": "integral", "equation": ["u*w = q*D", "w = 1"], "lines": 3, "points": 9},
        "flux": {"type": "integral", "over": "x = c", "at": {"c": [0.2, 0.8]}, "equation": "diff(u, x) = c", "lines": 4,
                 "points": 5},
        "around": {"type": "periodic", "along": "x", "points": 7},
        "weakly": {"type": "weak", "equation": "diff(u, x)*diff(v, x) + q*u**2*v = v", "tests": 2, "boxes": 2,
                   "values": 2},
        "walls": {"type": "dirichlet", "values": {"u": 0, "w": 1}, "points": 12},
    },
}  # fmt: skip


@pytest.fixture
def ring():
    problem = Problem(**RING)
    torch.manual_seed(0)
    solution = Solution(problem, FullyConnected(problem.inputs, problem.outputs, 5, 2))
    return problem, solution


@pytest.mark.parametrize("blocks", [1, 3])
def test_the_jacobian_of_sums_is_that_of_small_changes(ring, blocks):
    problem, solution = ring
    residuals = Residuals(problem, solution, problem.samples("train", 0), {"flux": 2.0}, blocks)
    residuals.emphasise("weakly", torch.rand(4 * 2 * 4))
    residuals.emphasise("flux", 3.0)
    vector, jacobian = residuals.jacobian()
    torch.testing.assert_close(vector, residuals.vector())
    assert sum(count for _, count in residuals.owners()) == len(vector) == residuals.size
    start = parameters_to_vector(residuals.parameters).detach()
    step = 1e-6
    for number in [*range(0, len(start), 9), len(start) - 1]:
        shift = torch.zeros_like(start)
        shift[number] = step
        values = []
        for sign in (1, -1):
            with torch.no_grad():
                vector_to_parameters(start + sign * shift, residuals.parameters)
            values.append(residuals.vector())
        torch.testing.assert_close((values[0] - values[1]) / (2 * step), jacobian[:, number], rtol=1e-6, atol=1e-7)
    with torch.no_grad():
        vector_to_parameters(start, residuals.parameters)
    residuals.loss().backward()
    gradient = torch.cat([parameter.grad.reshape(-1) for parameter in residuals.parameters])
    torch.testing.assert_close(gradient, 2 * jacobian.T @ vector)


def test_sums_are_those_of_a_dense_matrix(ring):
    problem, solution = ring
    samples = problem.samples("train", 0)
    terms = Residuals(problem, solution, samples, {}).terms()

    def fields(name, *indices):
        """Fields and derivatives at the points of a condition, by nested reverse mode."""
        points = torch.as_tensor(samples[name].inputs).requires_grad_()
        found = solution(points)
        values = [found[:, 0], found[:, 1]]
        values += [
            torch.autograd.grad(found[:, 0].sum(), points, retain_graph=True)[0][:, column] for column in indices
        ]
        return [each.detach().numpy() for each in values], samples[name]

    (u, w, u_x), flux = fields("flux", 0)
    blocks, count = flux.weights.shape
    matrix = np.zeros((blocks, blocks * count))
    for block in range(blocks):
        matrix[block, block * count : (block + 1) * count] = flux.weights[block]
    place, length = flux.inputs[::count, 0], flux.inputs[::count, 2]
    item = next(each for each in problem.conditions if each.name == "flux")
    size = problem.magnitude(item, item.residuals[0])
    expected = np.mean(((matrix @ u_x - place / length) / size) ** 2)
    assert float(terms["flux"].detach()) == pytest.approx(expected)

    (u, w), around = fields("around")
    at, size = np.column_stack([u, w]).reshape(-1, 2, 2), np.array([1.0, 3.0])
    assert float(terms["around"].detach()) > (((at[:, 0] - at[:, 1]) / size) ** 2).mean(axis=0).sum()
    np.testing.assert_array_equal(around.inputs[1::2, 0] - around.inputs[::2, 0], 1)
    np.testing.assert_array_equal(around.inputs[1::2, 1:], around.inputs[::2, 1:])
