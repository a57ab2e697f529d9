import numpy as np
import pytest

from twinlib.errors import UserError
from twinlib.physics.problem import Problem

U = "exp(x)*sin(y)"  # is harmonic
SQUARE = {"shape": "rectangle", "x": [0, 1], "y": [0, 1]}
LAPLACE = {"type": "interior", "equation": "diff(u, x, 2) + diff(u, y, 2) = 0", "points": 60}


def square(**conditions):
    return {
        "geometry": {"square": SQUARE},
        "fields": {"u": {"range": [0, 2.3]}},
        "conditions": {"balance": LAPLACE, **conditions},
        "reference": {"u": U},
    }


def test_values_on_a_square(solve):
    _, _, error = solve(square(walls={"type": "dirichlet", "values": {"u": U}}), width=12, enough=1e-6)
    assert error < 1e-6


def test_fluxes_and_heat_transfer_on_sides_of_a_square(solve):
    tree = square(
        left={"type": "dirichlet", "where": "x = 0", "values": {"u": "sin(y)"}, "points": 24},
        right={"type": "robin", "where": "x = 1", "equation": "normal(u) + 2*u = 3*exp(1)*sin(y)", "points": 24},
        ends={"type": "neumann", "where": "y*(1 - y) = 0", "values": {"u": "exp(x)*(y*cos(1) + y - 1)"}, "points": 48},
    )
    _, _, error = solve(tree, width=12, iterations=100, enough=1e-6)
    assert error < 2e-6


def test_normals_of_a_hole_point_into_it():
    tree = square(
        outer={"type": "dirichlet", "where": "on square", "values": {"u": 0}},
        hole={"type": "neumann", "where": "on hole", "values": {"u": 0}},
    )
    tree["geometry"]["hole"] = {"shape": "circle", "x": 0.5, "y": 0.5, "radius": 0.2}
    tree["geometry"]["rest"] = {"difference": ["square", "hole"]}
    samples = Problem(name="rest", **tree).samples("train", 0)["hole"]
    np.testing.assert_allclose(samples.normals, (0.5 - samples.inputs) / 0.2, atol=1e-9)


def test_two_halves_of_a_square(solve):
    # Conductivities 1 and 3: u = x on the left, 1/2 + (x - 1/2)/3 on the right, both times y is let alone.
    tree = {
        "geometry": {
            "left": {"shape": "rectangle", "x": [0, 0.5], "y": [0, 1]},
            "right": {"shape": "rectangle", "x": [0.5, 1], "y": [0, 1]},
        },
        "fields": {"a": {"in": "left", "range": [0, 0.5]}, "b": {"in": "right", "range": [0.5, 1]}},
        "conditions": {
            "one": {"type": "interior", "in": "left", "equation": "diff(a, x, 2) + diff(a, y, 2) = 0", "points": 30},
            "two": {"type": "interior", "in": "right", "equation": "diff(b, x, 2) + diff(b, y, 2) = 0", "points": 30},
            "cold": {"type": "dirichlet", "in": "left", "where": "x = 0", "values": {"a": 0}, "points": 16},
            "warm": {"type": "dirichlet", "in": "right", "where": "x = 1", "values": {"b": "2/3"}, "points": 16},
            "still": {"type": "neumann", "in": "left", "where": "y*(1 - y) = 0", "values": {"a": 0}, "points": 32},
            "quiet": {"type": "neumann", "in": "right", "where": "y*(1 - y) = 0", "values": {"b": 0}, "points": 32},
            "joint": {
                "type": "interface",
                "in": "left",
                "where": "x = 0.5",
                "value": ["a", "b"],
                "flux": ["normal(a)", "3*normal(b)"],
                "points": 24,
            },
        },
        "reference": {"a": "x", "b": "1/2 + (x - 1/2)/3"},
    }
    _, _, error = solve(tree, enough=1e-6)
    assert error < 1e-6


def test_a_wave_over_a_square(solve):
    tree = square(
        walls={"type": "dirichlet", "values": {"u": 0}, "exact": True},
        start={"type": "initial", "values": {"u": "x*(1 - x)*y*(1 - y)"}, "rates": {"u": 0}, "exact": True},
    )
    tree["time"] = {"t": [0, 0.5]}
    tree["fields"] = {"u": {"range": [0, 0.07]}}
    source = "-2*x*(1 - x)*y*(1 - y)*t + 2*(1 - t**3/3)*(x*(1 - x) + y*(1 - y))"
    tree["conditions"]["balance"] = LAPLACE | {
        "equation": f"diff(u, t, 2) - diff(u, x, 2) - diff(u, y, 2) = {source}",
        "points": 100,
    }
    tree["reference"] = {"u": "x*(1 - x)*y*(1 - y)*(1 - t**3/3)"}
    _, _, error = solve(tree, enough=1e-6)
    assert error < 2e-5


@pytest.mark.parametrize(
    ("node", "message"),
    [
        (
            {"where": "z = 0", "values": {"u": 0}},
            "walls.where: z = 0: .*z is not declared|walls.where: z: z is not declared",
        ),
        ({"where": "x = 2", "values": {"u": 0}}, "walls: no part of the boundary of square is there"),
        ({"where": "on roof", "values": {"u": 0}}, "walls.where: no geometry roof"),
        ({"values": {"w": 0}}, "walls.values: no field w"),
        ({"values": {}}, "walls.values: give a value for each field"),
        ({"values": {"u": 0}, "weight": "sdf - 1"}, "walls.weight: sdf - 1: is -1 at .*; a weight is 0 or greater"),
        ({"values": {"u": 0}, "weight": "u"}, "walls.weight: u: u.* is not known beforehand"),
    ],
)
def test_a_mistake_is_one_line(node, message):
    with pytest.raises(UserError, match=message):
        problem = Problem(name="square", **square(walls={"type": "dirichlet"} | node))
        item = next(each for each in problem.conditions if each.name == "walls")
        item.weight(problem.samples("train", 0)["walls"].inputs)
