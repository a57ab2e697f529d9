import copy

import pytest

from twinlib.errors import UserError
from twinlib.physics.problem import Problem

LAPLACE = "diff({0}, x, 2) + diff({0}, y, 2) = 0"
FLOW = {
    "name": "flow",
    "geometry": {
        "channel": {"shape": "rectangle", "x": [-2.5, 2.5], "y": [-0.5, 0.5]},
        "chip": {"shape": "rectangle", "x": [-1, 0], "y": [-0.5, 0.1]},
        "flow": {"difference": ["channel", "chip"]},
    },
    "fields": {"u": {}, "v": {}, "p": {}},
    "conditions": {
        "momentum": {
            "type": "interior",
            "equation": [
                "u*diff(u, x) + v*diff(u, y) + diff(p, x) = diff(u, x, 2) + diff(u, y, 2)",
                "u*diff(v, x) + v*diff(v, y) + diff(p, y) = diff(v, x, 2) + diff(v, y, 2)",
                "diff(u, x) + diff(v, y) = 0",
            ],
            "points": 32,
        },
        "inlet": {"type": "dirichlet", "where": "x = -2.5", "values": {"u": 1, "v": 0}},
        "outlet": {"type": "dirichlet", "where": "x = 2.5", "values": {"p": 0}},
        "walls": {"type": "dirichlet", "where": "-2.5 < x < 2.5", "values": {"u": 0, "v": 0}},
    },
}


def changed(**conditions):
    tree = copy.deepcopy(FLOW)
    for name, node in conditions.items():
        if node is None:
            del tree["conditions"][name]
        else:
            tree["conditions"][name] = node
    return tree


def test_an_outlet_may_leave_the_velocity_free():
    Problem(**FLOW)


@pytest.mark.parametrize(
    ("conditions", "place"),
    [
        ({"outlet": None}, "nothing is said about u on the boundary of flow at x = 2.5, y = "),
        ({"inlet": None}, "at x = -2.5, y = "),
        ({"walls": {**FLOW["conditions"]["walls"], "where": "on channel and -2.5 < x < 2.5"}}, "at x = "),
        ({"walls": {**FLOW["conditions"]["walls"], "where": "y > 0"}}, "at x = "),
    ],
)  # fmt: skip
def test_a_part_without_any_condition_is_named(conditions, place):
    with pytest.raises(UserError) as refusal:
        Problem(**changed(**conditions))
    assert place in str(refusal.value)
    assert "add a condition of type dirichlet, neumann or robin there" in str(refusal.value)


def test_of_two_systems_each_needs_its_own():
    tree = {
        "name": "two",
        "geometry": {"plate": {"shape": "circle", "x": 0, "y": 0, "radius": 1}},
        "fields": {"u": {}, "v": {}},
        "conditions": {
            "u": {"type": "interior", "equation": LAPLACE.format("u"), "points": 8},
            "v": {"type": "interior", "equation": LAPLACE.format("v"), "points": 8},
            "rim": {"type": "dirichlet", "values": {"u": 0}},
        },
    }
    with pytest.raises(UserError, match="nothing is said about v on the boundary of plate"):
        Problem(**tree)
    tree["conditions"]["other"] = {"type": "observations", "values": {"v": "x"}, "points": 4}
    Problem(**tree)


def test_an_interface_counts_on_both_sides():
    tree = {
        "name": "two",
        "geometry": {
            "left": {"shape": "rectangle", "x": [0, 1], "y": [0, 1]},
            "right": {"shape": "rectangle", "x": [1, 2], "y": [0, 1]},
        },
        "fields": {"u": {"in": "left"}, "v": {"in": "right"}},
        "conditions": {
            "u": {"type": "interior", "in": "left", "equation": LAPLACE.format("u"), "points": 8},
            "v": {"type": "interior", "in": "right", "equation": LAPLACE.format("v"), "points": 8},
            "outer_u": {"type": "dirichlet", "in": "left", "where": "x < 1", "values": {"u": 0}},
            "outer_v": {"type": "dirichlet", "in": "right", "where": "x > 1", "values": {"v": 1}},
            "joint": {"type": "interface", "in": "left", "where": "x = 1", "value": ["u", "v"],
                      "flux": ["normal(u)", "normal(v)"]},
        },
    }  # fmt: skip
    Problem(**tree)
    del tree["conditions"]["joint"]
    with pytest.raises(UserError, match="nothing is said about u on the boundary of left at x = 1"):
        Problem(**tree)


def test_periodic_ends_need_no_more():
    tree = {
        "name": "strip",
        "geometry": {"strip": {"shape": "rectangle", "x": [0, 1], "y": [0, 1]}},
        "fields": {"u": {}},
        "conditions": {
            "u": {"type": "interior", "equation": LAPLACE.format("u"), "points": 8},
            "sides": {"type": "dirichlet", "where": "0 < y < 1", "values": {"u": 0}},
            "around": {"type": "periodic", "along": "y"},
        },
    }
    Problem(**tree)
    tree["conditions"]["around"]["exact"] = True
    Problem(**tree)
