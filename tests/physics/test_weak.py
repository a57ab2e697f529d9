import copy

import numpy as np
import pytest
import sympy
import torch
from scipy.integrate import dblquad
from scipy.special import eval_legendre

from twinlib.errors import UserError
from twinlib.physics.networks import FullyConnected
from twinlib.physics.problem import Problem
from twinlib.physics.residuals import Residuals
from twinlib.physics.solution import Solution
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


BY_NAME = {"poisson": {"u": "u", "source": "(pi**2*y*(1 - y) + 2)*sin(pi*x)"}}
# A flow, and what it says as text; one of its fields has the name that a test function has where none is given.
FLOW = {
    "geometry": {"plate": {"shape": "rectangle", "x": [0, 1], "y": [0, 0.5]}},
    "constants": {"nu": 0.025},
    "fields": {"u": {"range": [0, 2]}, "v": {}, "p": {"range": [0, 0.5]}},
    "conditions": {
        "flow": {
            "type": "weak",
            "equation": {"navier_stokes": {"velocity": ["u", "v"], "pressure": "p", "nu": "nu"}},
            "tests": 2,
        },
        "walls": {"type": "dirichlet", "values": {"u": 1, "v": 0, "p": 0}, "points": 8},
    },
}
FLOW_AS_TEXT = [
    "u*diff(u, x) + v*diff(u, y) + diff(p, x) - nu*(diff(u, x, 2) + diff(u, y, 2))",
    "u*diff(v, x) + v*diff(v, y) + diff(p, y) - nu*(diff(v, x, 2) + diff(v, y, 2))",
    "diff(u, x) + diff(v, y)",
]


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


def sums(problem, name, fields):
    """What the weighted sums of a condition are for fields given as expressions, shape (blocks, rows); its points."""
    samples, item = (
        problem.samples("train", 0)[name],
        next(each for each in problem.conditions if each.name == name),
    )
    found = {problem.words.fields[key]: value for key, value in fields.items()}
    values = []
    for each in item.residuals:
        function = sympy.lambdify(problem.words.symbols, each.subs(found).doit())
        values.append(np.broadcast_to(function(*samples.inputs.T), len(samples.inputs)))
    blocks = len(samples.weights)
    return np.einsum("brkq,kbq->br", samples.weights, np.reshape(values, (len(values), blocks, -1))), samples


def test_the_exact_solution_satisfies_it_and_another_does_not():
    problem = Problem(name="plate", **PLATE)
    x, y = problem.words.symbols
    for factor, found in ((1, 0), (1.1, None)):
        rows, samples = sums(problem, "load", {"u": factor * sympy.sin(sympy.pi * x) * y * (1 - y)})
        assert samples.weights.shape == (4, 36, len(problem.conditions[0].residuals), len(samples.inputs) // 4)
        assert (np.abs(rows).max() < 1e-8) if found == 0 else (np.abs(rows).max() > 0.01)


def by_name(functions="legendre"):
    tree = copy.deepcopy(PLATE)
    tree["conditions"]["load"] |= {"equation": BY_NAME, "functions": functions, "points": 20}
    return tree


def test_by_name_it_is_solved(solve):
    _, _, error = solve(by_name(), iterations=100, enough=1e-6)
    assert error < 1e-6


@pytest.mark.parametrize("functions", FUNCTIONS)
def test_by_name_it_is_that_by_text(functions):
    named, by_parts = by_name(functions), by_name(functions)
    by_parts["conditions"]["load"]["equation"] = PLATE["conditions"]["load"]["equation"]
    problem, of_parts = Problem(name="plate", **named), Problem(name="plate", **by_parts)
    x, y = problem.words.symbols
    for field in (sympy.sin(sympy.pi * x) * y * (1 - y), sympy.exp(x) * y**2):
        rows, own = sums(problem, "load", {"u": field})
        others, theirs = sums(of_parts, "load", {"u": field})
        # Rows are divided by their sizes, which are not the same: what stands at the source tells by what.
        at = np.abs(own.weights[:, :, 0]).argmax(axis=2)[..., None]
        scale = np.take_along_axis(own.weights[:, :, 0], at, 2) / np.take_along_axis(theirs.weights[:, :, -1], at, 2)
        np.testing.assert_allclose(rows, others * scale[..., 0], atol=1e-9)
        assert np.abs(rows).max() > 0.01 or field.has(sympy.sin)


def test_each_residual_of_a_flow_has_rows_of_its_own_and_the_integrals_are_those_of_scipy():
    """Kovasznay's flow at Re = 40, and another that is none."""
    problem = Problem(name="flow", **FLOW)
    assert len(problem.conditions[0].equations) == 3
    x, y = problem.words.symbols
    rate = 20 - sympy.sqrt(400 + 4 * sympy.pi**2)
    u = 1 - sympy.exp(rate * x) * sympy.cos(2 * sympy.pi * y)
    v = rate / (2 * sympy.pi) * sympy.exp(rate * x) * sympy.sin(2 * sympy.pi * y)
    p = (1 - sympy.exp(2 * rate * x)) / 2
    rows, samples = sums(problem, "flow", {"u": u, "v": v, "p": p})
    weights = samples.weights.reshape(3, 4, 3, -1)  # equations, tests, residuals, points
    assert np.abs(rows).max() < 1e-5
    assert not weights[~np.eye(3, dtype=bool)[:, None].repeat(4, 1)].any()

    u, v, p = u + x * y, v * 1.1, p - y**2
    rows, _ = sums(problem, "flow", {"u": u, "v": v, "p": p})
    carried = lambda w: u * w.diff(x) + v * w.diff(y) - (w.diff(x, 2) + w.diff(y, 2)) / 40  # noqa: E731
    left = [carried(u) + p.diff(x), carried(v) + p.diff(y), u.diff(x) + v.diff(y)]
    one = lambda number, at: eval_legendre(number + 1, at) - eval_legendre(number - 1, at)  # noqa: E731
    for number, row in np.ndindex(3, 4):
        m, n = row // 2 + 1, row % 2 + 1
        test = lambda x, y: one(m, 2 * x - 1) * one(n, 4 * y - 1)  # noqa: B023, E731
        residual = sympy.lambdify((x, y), left[number])
        wanted, _ = dblquad(lambda y, x: residual(x, y) * test(x, y), 0, 1, 0, 0.5, epsabs=1e-9)  # noqa: B023
        # The sum of the test function itself is its square's integral, by what the row was divided.
        square = np.prod([2 / (2 * each + 3) + 2 / (2 * each - 1) for each in (m, n)]) / 8
        size = square / (weights[number, row, number] @ test(*samples.inputs.T))
        assert rows.reshape(3, 4)[number, row] * size == pytest.approx(wanted, abs=1e-6)
        assert size > 0


@pytest.mark.usefixtures("double")
def test_by_name_it_counts_as_much_as_its_equations_one_by_one():
    texts = copy.deepcopy(FLOW)
    node = texts["conditions"].pop("flow")
    for number, text in enumerate(FLOW_AS_TEXT):
        texts["conditions"][f"flow_{number}"] = node | {"equation": f"({text})*w = 0", "test": "w", "boxes": 2}
    named = copy.deepcopy(FLOW)
    named["conditions"]["flow"]["boxes"] = 2
    found = []
    for tree in (named, texts):
        problem = Problem(name="flow", **tree)
        torch.manual_seed(0)
        solution = Solution(problem, FullyConnected(problem.inputs, problem.outputs, 6, 2))
        residuals = Residuals(problem, solution, problem.samples("train", 0), {}, blocks=3)
        residuals.emphasise("walls", 0.0)
        _, matrix, gradient = residuals.normal()
        loss = residuals.loss().detach()
        torch.testing.assert_close(loss, residuals.vector().square().sum())
        found.append((loss, matrix, gradient, residuals.size))
    assert found[0][-1] == found[1][-1]
    for one, other in zip(found[0][:-1], found[1][:-1], strict=True):
        torch.testing.assert_close(one, other, rtol=1e-9, atol=1e-12)


def test_rows_have_no_dimension():
    tree = copy.deepcopy(ROD)
    tree["constants"] = {"E": 2e11}
    tree["conditions"]["load"]["equation"] = "E*diff(u, x)*diff(v, x) + E*v = 0"
    weights = [Problem(name="rod", **each).samples("train", 0)["load"].weights for each in (ROD, tree)]
    np.testing.assert_allclose(weights[0], weights[1] * 2e11, rtol=1e-12)


@pytest.mark.parametrize(
    ("stated", "parts"),
    [("diff(u, t)*v + diff(u, x)*diff(v, x) = 0", 2), ({"diffusion": {"u": "u", "diffusivity": 1}}, 1)],
)
def test_in_time_and_for_parameters(stated, parts):
    tree = copy.deepcopy(ROD) | {"time": {"t": [0, 2]}, "parameters": {"l": [1, 2]}}
    tree["geometry"]["rod"]["x"] = [0, "l"]
    tree["conditions"]["load"] |= {"equation": stated, "tests": 2, "values": 3}
    tree["conditions"]["start"] = {"type": "initial", "values": {"u": 0}}
    problem = Problem(name="rod", **tree)
    samples = problem.samples("train", 0)["load"]
    x, t, length = samples.inputs.reshape(3, -1, 3).transpose(2, 0, 1)
    assert (np.ptp(length, axis=1) == 0).all() and len(np.unique(length)) == 3
    assert (x.max(axis=1) > 0.98 * length[:, 0]).all() and (x < length).all() and t.max() > 1.9
    assert samples.weights.shape[:3] == (3, 4, parts)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"equation": "diff(u, x)*diff(v, x) = 1"}, "each term has v or one of its derivatives once as a factor"),
        ({"equation": "u*v**2 = v"}, "each term has v or one of its derivatives once as a factor"),
        ({"equation": "u*v*diff(v, x) = 0"}, "each term has v or one of its derivatives once as a factor"),
        ({"equation": "sin(v) = 0"}, "each term has v or one of its derivatives once as a factor"),
        ({"equation": ["v*u = 0", "v = 0"]}, "a condition of type weak has one"),
        ({"equation": [{"poisson": {"u": "u", "source": 1}}, "v = u*v"]}, "a condition of type weak has one"),
        ({"equation": {"poisson": {"u": "u", "source": 1}}, "test": "w"}, "load.test: stands in no equation by name"),
        ({"equation": {"poison": {"u": "u"}}}, "load.equation: no equation poison; did you mean poisson"),
        ({"equation": "poisson"}, "load.equation.poisson: has no settings"),
        ({"equation": "v = v"}, "each term has v or one of its derivatives once as a factor"),
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
