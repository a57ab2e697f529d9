import copy

import numpy as np
import pytest
import sympy
import torch

from twinlib.errors import UserError
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


PLATE = {
    "geometry": {"plate": {"shape": "rectangle", "x": [0, "l"], "y": [-1, 1]}},
    "parameters": {"l": [1, 2]},
    "fields": {"u": {}},
    "conditions": {"balance": {"type": "interior", "equation": "diff(u, x, 2) + diff(u, y, 2) = 0", "points": 8}},
}
WALLS = {"type": "dirichlet", "exact": True}


def plate(conditions, **more):
    return copy.deepcopy(PLATE) | {"name": "plate"} | more | {"conditions": PLATE["conditions"] | conditions}


def test_values_on_all_sides_of_a_rectangle_hold():
    problem = Problem(**plate({"walls": WALLS | {"values": {"u": "x*y + x**2*sin(y)*l"}}}))
    rng = np.random.default_rng(0)
    s, up = rng.random((2, 20))
    length = 1 + rng.random(20)
    for x, y in ((0 * s, 2 * up - 1), (length, 2 * up - 1), (s * length, 0 * s - 1), (s * length, 0 * s + 1)):
        (found,) = fields(problem, np.column_stack([x, y, length]), problem.words.fields["u"])
        np.testing.assert_allclose(found, x * y + x**2 * np.sin(y) * length, rtol=0, atol=1e-12)
    (inside,) = fields(problem, [[0.5, 0.0, 1.5]], problem.words.fields["u"])
    assert abs(inside[0]) > 1e-3  # where the network counts


def test_three_conditions_on_four_sides():
    conditions = {
        "left": WALLS | {"where": "x = 0", "values": {"u": "y**2"}},
        "right": WALLS | {"where": "x = l", "values": {"u": "1"}},
        "ends": WALLS | {"where": "abs(y) = 1", "values": {"u": 1}},
    }
    problem = Problem(**plate(conditions))
    points = np.array([[0, 0.3, 1.5], [1.5, 0.3, 1.5], [0.7, 1, 1.5], [0.2, -1, 1.1]])
    (found,) = fields(problem, points, problem.words.fields["u"])
    np.testing.assert_allclose(found, [0.09, 1, 1, 1], rtol=0, atol=1e-12)


def test_two_sides_and_the_beginning_with_a_rate():
    conditions = {
        "left": WALLS | {"where": "x = 0", "values": {"u": "sin(t)*y"}},
        "start": {"type": "initial", "values": {"u": "x*y"}, "rates": {"u": "y"}, "exact": True},
        "rest": {"type": "neumann", "where": "x > 0", "values": {"u": 0}},
    }
    problem = Problem(**plate(conditions, time={"t": [0, 2]}))
    u, t = problem.words.fields["u"], problem.words.names["t"]
    value, rate = fields(problem, [[0.5, 0.3, 0, 1.5], [0, -0.4, 0, 1]], u, u.diff(t))
    np.testing.assert_allclose(value, [0.15, 0], rtol=0, atol=1e-12)
    np.testing.assert_allclose(rate, [0.3, -0.4], rtol=0, atol=1e-12)
    (value,) = fields(problem, [[0, 0.3, 1.3, 1.5]], u)
    np.testing.assert_allclose(value, np.sin(1.3) * 0.3, rtol=0, atol=1e-12)


def test_a_circle_and_a_boundary_given_by_a_formula():
    for exact, radius in ((True, 2), ("4 - x**2 - y**2", 2)):
        tree = plate({"walls": WALLS | {"values": {"u": "x + 1"}, "exact": exact}}, parameters={})
        tree["geometry"] = {"disc": {"shape": "circle", "x": 0, "y": 0, "radius": radius}}
        problem = Problem(**tree)
        angle = np.linspace(0, 6, 7)
        points = 2 * np.column_stack([np.cos(angle), np.sin(angle)])
        (found,) = fields(problem, points, problem.words.fields["u"])
        np.testing.assert_allclose(found, points[:, 0] + 1, rtol=0, atol=1e-12)


def test_a_plate_is_solved_with_exact_walls(solve):
    tree = plate({"walls": WALLS | {"values": {"u": "exp(x)*sin(y)"}}}, reference={"u": "exp(x)*sin(y)"})
    tree["conditions"]["balance"] = tree["conditions"]["balance"] | {"points": 100}
    del tree["name"]
    tree["parameters"], tree["geometry"]["plate"]["x"] = {}, [0, 1]
    _, _, error = solve(tree, enough=1e-6)
    assert error < 1e-6


def test_half_a_circle_is_no_whole_side():
    tree = plate({"walls": WALLS | {"where": "x > 0", "values": {"u": "x + 1"}}}, parameters={})
    tree["conditions"]["rest"] = {"type": "dirichlet", "where": "x <= 0", "values": {"u": 0}}
    tree["geometry"] = {"disc": {"shape": "circle", "x": 0, "y": 0, "radius": 1}}
    with pytest.raises(UserError, match=r"walls.exact: a side is meant in part only; exact is for whole sides"):
        Problem(**tree)


@pytest.mark.parametrize(
    ("conditions", "message"),
    [
        (
            {
                "lid": WALLS | {"where": "y = 1", "values": {"u": 1}},
                "walls": WALLS | {"where": "x*(l - x) = 0", "values": {"u": 0}},
                "floor": {"type": "dirichlet", "where": "y = -1", "values": {"u": 0}},
            },
            r"data.conditions.(lid|walls).exact: does not hold at .*: another exact condition has other values",
        ),
        ({"walls": WALLS | {"where": "y = 1 and x < 0.5", "values": {"u": 0}}}, "a side along y is meant in part only"),
        ({"walls": WALLS | {"values": {"u": 0}, "exact": "x*(l - x)"}}, "walls.exact: does not hold at"),
        (
            {"walls": WALLS | {"values": {"u": 0}, "exact": "x*(l - x)*(1 - y**2)*y"}},
            "walls.exact: the formula of exact vanishes inside as well",
        ),
        ({"walls": WALLS | {"values": {"u": 0}, "weight": 2}}, "walls.weight: has no meaning with exact"),
        ({"walls": WALLS | {"values": {"u": 0}, "exact": "x*z"}}, "walls.exact: x.z: z is not declared"),
        (
            {
                "one": WALLS | {"where": "x = 0", "values": {"u": 0}},
                "two": WALLS | {"values": {"u": 0}},
            },
            "data.conditions.two.exact: u is exact in another condition already, on the same side",
        ),
    ],
)
def test_sides_that_do_not_go_together_are_named(conditions, message):
    with pytest.raises(UserError, match=message) as refusal:
        Problem(**plate(conditions))
    assert "\n" not in str(refusal.value)
