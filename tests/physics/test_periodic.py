import copy

import numpy as np
import pytest
import torch

from twinlib.errors import UserError
from twinlib.physics.problem import Problem

# u'' = 40 u - (40 + 4 pi^2) sin(2 pi x) has one periodic solution.
RING = {
    "geometry": {"ring": {"shape": "line", "x": [0, 1]}},
    "fields": {"u": {}},
    "conditions": {
        "bend": {"type": "interior", "equation": "diff(u, x, 2) = 40*u - (40 + 4*pi**2)*sin(2*pi*x)", "points": 32},
        "around": {"type": "periodic", "along": "x"},
    },
    "reference": {"u": "sin(2*pi*x)"},
}
# Diffusion around a ring.
SPREAD = {
    "geometry": {"ring": {"shape": "line", "x": [-1, 1]}},
    "time": {"t": [0, 0.1]},
    "fields": {"u": {}},
    "conditions": {
        "heat": {"type": "interior", "equation": "diff(u, t) = diff(u, x, 2)", "points": 100},
        "around": {"type": "periodic", "along": "x", "points": 20},
        "start": {"type": "initial", "values": {"u": "cos(pi*x)"}, "points": 30},
    },
    "reference": {"u": "cos(pi*x)*exp(-pi**2*t)"},
}


def changed(tree, **settings):
    tree = copy.deepcopy(tree)
    tree["conditions"]["around"] |= settings
    return tree


def test_a_field_around_a_ring(solve):
    _, _, error = solve(RING, depth=1, activation="sine")
    assert error < 1e-6
    _, _, error = solve(changed(RING, exact=True))
    assert error < 1e-6


def test_diffusion_around_a_ring(solve):
    _, _, error = solve(SPREAD, width=12)
    assert error < 1e-4
    _, _, error = solve(changed(SPREAD, exact=True), iterations=120, enough=1e-6)
    assert error < 1e-6


def test_periodic_in_time_and_across_a_rectangle():
    tree = {
        "name": "both",
        "geometry": {"plate": {"shape": "rectangle", "x": [0, 2], "y": [0, 1]}},
        "time": {"t": [0, 3]},
        "fields": {"u": {}, "w": {}},
        "conditions": {
            "one": {"type": "interior", "equation": ["diff(u, t) = w", "diff(w, t) = -u"], "points": 4},
            "day": {"type": "periodic", "along": "t", "fields": ["u"], "derivatives": 0, "points": 5},
            "across": {"type": "periodic", "along": "y", "derivatives": 2, "points": 6},
            "same": {"type": "periodic", "along": "t", "points": 5, "fields": ["w"], "derivatives": 0},
        },
    }
    problem = Problem(**tree)
    day, across = (problem.samples("train", 0)[name] for name in ("day", "across"))
    np.testing.assert_array_equal(day.inputs[:, 2], [0, 3] * 5)
    np.testing.assert_array_equal(across.inputs[:, 1], [0, 1] * 6)
    assert {item.name: len(item.residuals) for item in problem.conditions} == {
        "one": 2,
        "day": 1,
        "across": 6,
        "same": 1,
    }


def test_an_exact_form_repeats_itself(solve):
    problem, solution, _ = solve(changed(RING, exact=True), iterations=1)
    assert problem.network_inputs.tolist() == [[-1, 1], [-1, 1]]
    points = torch.tensor([[0.13], [1.13], [-0.87]])
    with torch.no_grad():
        values = solution(points)
    torch.testing.assert_close(values, values[:1].expand(3, 1), rtol=0, atol=1e-13)
    assert "around" not in problem.samples("train", 0)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"along": "y"}, r"around.along: is y; give a coordinate or the time: x"),
        ({"fields": ["w"]}, r"around.fields: no field w"),
        ({"derivatives": 9}, r"around.derivatives: is 9; at most 8"),
        ({"derivatives": 0}, r"the equations need 2 conditions at the ends of x"),
        ({"weight": "x"}, r"around.weight: no such key"),
    ],
)
def test_a_mistake_is_one_line(settings, message):
    with pytest.raises(UserError, match=message):
        Problem(name="ring", **changed(RING, **settings))


def test_exact_is_for_all_fields_and_fixed_ends():
    tree = changed(RING, exact=True)
    tree["parameters"] = {"l": [1, 2]}
    tree["geometry"]["ring"]["x"] = [0, "l"]
    with pytest.raises(UserError, match="the ends of x depend on parameters"):
        Problem(name="ring", **tree)
