import copy

import numpy as np
import pytest
import sympy

from twinlib.errors import UserError
from twinlib.physics.problem import Problem
from twinlib.physics.weak import FUNCTIONS

ROD = {
    "geometry": {"rod": {"shape": "line", "x": [0, 1]}},
    "fields": {"u": {"range": [-0.2, 0]}},
    "conditions": {
        "load": {"type": "weak", "equation": "diff(u, x)*diff(v, x) + v = 0", "tests": 8},
        "ends": {"type": "dirichlet", "values": {"u": 0}, "exact": True},
    },
    "reference": {"u": "x*(x - 1)/2"},
}
# u = sin(pi x) y (1 - y): -u_xx - u_yy = f, by parts.
PLATE = {
    "geometry": {"plate": {"shape": "rectangle", "x": [0, 1], "y": [0, 1]}},
    "fields": {"u": {"range": [0, 0.25]}},
    "conditions": {
        "load": {
            "type": "weak",
            "equation": "diff(u, x)*diff(v, x) + diff(u, y)*diff(v, y) = (pi**2*y*(1 - y) + 2)*sin(pi*x)*v",
            "tests": 6,
            "boxes": 2,
        },
        "walls": {"type": "dirichlet", "values": {"u": 0}, "exact": True},
    },
    "reference": {"u": "sin(pi*x)*y*(1 - y)"},
}


@pytest.mark.parametrize("kind", FUNCTIONS)
@pytest.mark.parametrize("order", [0, 1, 2])
def test_test_functions_vanish_at_the_ends_and_have_the_derivatives_they_say(kind, order):
    x = np.linspace(-1, 1, 9)
    for number in (1, 2, 5):
        np.testing.assert_allclose(FUNCTIONS[kind](number, 0, x[[0, -1]]), 0, atol=1e-12)
        step = 1e-5
        ahead, behind = (FUNCTIONS[kind](number, order, x + sign * step) for sign in (1, -1))
        np.testing.assert_allclose(
            (ahead - behind) / (2 * step), FUNCTIONS[kind](number, order + 1, x), rtol=1e-5, atol=1e-5
        )


@pytest.mark.parametrize("functions", FUNCTIONS)
def test_a_rod(solve, functions):
    tree = copy.deepcopy(ROD)
    tree["conditions"]["load"]["functions"] = functions
    tree["conditions"]["load"]["points"] = 24
    _, _, error = solve(tree)
    assert error < 1e-6


def test_a_plate_in_four_parts(solve):
    _, _, error = solve(PLATE, iterations=100, enough=1e-6)
    assert error < 1e-6


def test_the_exact_solution_satisfies_it_and_another_does_not():
    problem = Problem(name="plate", **PLATE)
    samples, item = problem.samples("train", 0)["load"], problem.conditions[0]
    x, y = problem.words.symbols
    assert samples.weights.shape == (4, 36, len(item.residuals), len(samples.inputs) // 4)
    for factor, found in ((1, 0), (1.1, None)):
        field = factor * sympy.sin(sympy.pi * x) * y * (1 - y)
        parts = [each.subs(problem.words.fields["u"], field).doit() for each in item.residuals]
        values = np.array([np.broadcast_to(sympy.lambdify((x, y), each)(*samples.inputs.T), len(samples.inputs))
                           for each in parts])  # fmt: skip
        sums = np.einsum("brkq,kbq->br", samples.weights, values.reshape(len(parts), 4, -1))
        assert (np.abs(sums).max() < 1e-8) if found == 0 else (np.abs(sums).max() > 0.01)


def test_rows_have_no_dimension():
    tree = copy.deepcopy(ROD)
    tree["constants"] = {"E": 2e11}
    tree["conditions"]["load"]["equation"] = "E*diff(u, x)*diff(v, x) + E*v = 0"
    weights = [Problem(name="rod", **each).samples("train", 0)["load"].weights for each in (ROD, tree)]
    np.testing.assert_allclose(weights[0], weights[1] * 2e11, rtol=1e-12)


def test_in_time_and_for_parameters():
    tree = copy.deepcopy(ROD) | {"time": {"t": [0, 2]}, "parameters": {"l": [1, 2]}}
    tree["geometry"]["rod"]["x"] = [0, "l"]
    tree["conditions"]["load"] |= {"equation": "diff(u, t)*v + diff(u, x)*diff(v, x) = 0", "tests": 2, "values": 3}
    tree["conditions"]["start"] = {"type": "initial", "values": {"u": 0}}
    problem = Problem(name="rod", **tree)
    samples = problem.samples("train", 0)["load"]
    x, t, length = samples.inputs.reshape(3, -1, 3).transpose(2, 0, 1)
    assert (np.ptp(length, axis=1) == 0).all() and len(np.unique(length)) == 3
    assert (x.max(axis=1) > 0.98 * length[:, 0]).all() and (x < length).all() and t.max() > 1.9
    assert samples.weights.shape[:3] == (3, 4, 2)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"equation": "diff(u, x)*diff(v, x) = 1"}, "each term has v or one of its derivatives once as a factor"),
        ({"equation": "u*v**2 = v"}, "each term has v or one of its derivatives once as a factor"),
        ({"equation": "u*v*diff(v, x) = 0"}, "each term has v or one of its derivatives once as a factor"),
        ({"equation": "sin(v) = 0"}, "each term has v or one of its derivatives once as a factor"),
        ({"equation": ["v*u = 0", "v = 0"]}, "a condition of type weak has one"),
        ({"equation": None}, "load.equation: is missing"),
        ({"test": "u"}, "load.test: u is declared already"),
        ({"functions": "sin"}, "no functions sin; did you mean sine"),
        ({"tests": 0}, "load.tests: is 0; give a number, 1 or more"),
        ({"box": {"x": [0, 2]}}, "load.box: reaches out of rod"),
        ({"box": {"y": [0, 2]}}, "load.box.y: give two ends for a coordinate"),
    ],
)
def test_a_mistake_is_one_line(settings, message):
    tree = copy.deepcopy(ROD)
    tree["conditions"]["load"] |= settings
    with pytest.raises(UserError, match=message):
        Problem(name="rod", **tree)
