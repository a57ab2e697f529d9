import copy

import numpy as np
import pytest
import sympy
import torch

from twinlib.physics.networks import FullyConnected
from twinlib.physics.problem import Problem
from twinlib.physics.solution import Evaluated, Solution

pytestmark = pytest.mark.usefixtures("double")


def fields(problem, points, *expressions):
    """Expressions of the fields of a network as it was drawn, at points."""
    torch.manual_seed(0)
    solution = Solution(problem, FullyConnected(problem.inputs, problem.outputs, 8, 2))
    evaluated = Evaluated(problem, list(expressions))
    with torch.no_grad():
        points = torch.as_tensor(np.atleast_2d(points))
        return [np.asarray(value) for value in evaluated.values(evaluated.slots(solution.network, points))]


@pytest.mark.parametrize("where", [None, "x = 0", "x = l"])
def test_values_at_the_ends_of_a_line_hold_whatever_the_network_gives(rod, where):
    tree = copy.deepcopy(rod)
    tree["parameters"] = {"l": [1, 3]}
    tree["geometry"]["rod"]["x"] = [0, "l"]
    tree["conditions"]["ends"] |= {"values": {"u": "2 + x*l"}, "exact": True}
    if where:
        tree["conditions"]["ends"]["where"] = where
        tree["conditions"]["rest"] = {
            "type": "neumann",
            "where": "x = l" if where == "x = 0" else "x = 0",
            "values": {"u": 0},
        }
    problem = Problem(**tree)
    (found,) = fields(problem, [[0, 1], [0, 2.5], [1, 1], [2.5, 2.5]], problem.words.fields["u"])
    exact = np.array([2, 2, 3, 2 + 2.5**2])
    held = {None: [True] * 4, "x = 0": [True, True, False, False], "x = l": [False, False, True, True]}[where]
    np.testing.assert_array_equal(np.isclose(found, exact, rtol=0, atol=1e-12), held)


def test_value_and_rate_at_the_beginning_hold(spring):
    tree = copy.deepcopy(spring)
    tree["time"] = {"t": [1, 3]}
    tree["conditions"]["start"] |= {"values": {"x": 0.5}, "rates": {"x": -2}, "exact": True}
    problem = Problem(**tree)
    x = problem.words.fields["x"]
    value, rate = fields(problem, [[1.0]], x, x.diff(problem.words.names["t"]))
    assert value == pytest.approx(0.5, abs=1e-12)
    assert rate == pytest.approx(-2, abs=1e-12)
    assert "start" not in problem.samples("train", 0)


def test_a_formed_equation_derives_the_form_too(spring):
    tree = copy.deepcopy(spring)
    tree["conditions"]["start"]["exact"] = True
    problem = Problem(**tree)
    formed = problem.formed(problem.conditions[0].residuals[0])
    network = problem.networks[0]
    assert formed.has(sympy.Derivative(network, (problem.words.names["t"], 2))) and formed.has(network)
    assert not formed.has(problem.words.fields["x"])
