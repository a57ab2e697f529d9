import numpy as np
import pytest

from twinlib.errors import UserError
from twinlib.physics.problem import Problem

FLOW = {
    "name": "flow",
    "parameters": {"h": [0.4, 0.8]},
    "constants": {"half": 0.5},
    "geometry": {
        "channel": {"shape": "rectangle", "x": [-2.5, 2.5], "y": ["-half", "half"]},
        "chip": {"shape": "rectangle", "x": [-1, 0], "y": ["-half", "h - half"]},
        "flow": {"difference": ["channel", "chip"]},
    },
    "fields": {"u": {}},
    "conditions": {
        "inside": {"type": "interior", "equation": "diff(u, x, 2) + diff(u, y, 2) = 0", "points": 64},
        "walls": {"type": "dirichlet", "values": {"u": 0}},
    },
}


@pytest.fixture(scope="module")
def words():
    return Problem(**FLOW).words


def points(**values):
    return {name: np.asarray(value, dtype=float) for name, value in values.items()}


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("x = 1", [0, 0, 1, 0]),
        ("x >= 1", [0, 0, 1, 1]),
        ("x > 1", [0, 0, 0, 1]),
        ("x <= 1 and y > 0", [1, 0, 1, 0]),
        ("-1 <= x < 1", [0, 1, 0, 0]),
        ("-1 < x <= 2 and y = h", [0, 0, 1, 0]),
        ("x**2 + y**2 < 2", [0, 1, 1, 0]),
    ],
)
def test_relations_joined_by_and(words, text, wanted):
    at = points(x=[-2, -1, 1, 2], y=[0.5, 0, 0.6, -1], h=[0.6] * 4)
    assert words.pick(text, "where")(at).tolist() == [bool(each) for each in wanted]


def test_equal_is_up_to_a_millionth_of_the_box(words):
    at = points(x=[1 + 1e-7, 1 + 1e-4], y=[0, 0], h=[0.5, 0.5])
    assert words.pick("x = 1", "where")(at).tolist() == [True, False]
    assert words.pick("x > 1", "where")(at).tolist() == [False, True]


def test_the_boundary_of_a_shape_by_its_name(words):
    at = points(x=[-0.5, -0.5, -1, 1], y=[0.1, 0.2, 0, -0.5], h=[0.6, 0.6, 0.6, 0.6])
    assert words.pick("on chip", "where")(at).tolist() == [True, False, True, False]
    assert words.pick("on channel", "where")(at).tolist() == [False, False, False, True]
    assert words.pick("on chip and x > -1", "where")(at).tolist() == [True, False, False, False]


def test_a_hole_has_no_leak_for_any_value_of_the_parameter():
    problem = Problem(**{**FLOW, "conditions": {
        "inside": {**FLOW["conditions"]["inside"], "points": 4000},
        "walls": {**FLOW["conditions"]["walls"], "points": 4000},
        "chip": {"type": "dirichlet", "where": "on chip", "values": {"u": 0}, "points": 500},
    }})  # fmt: skip
    samples = problem.samples("train", 0)
    x, y, h = samples["inside"].inputs.T
    assert not ((x > -1) & (x < 0) & (y < h - 0.5)).any()
    assert ((x > -1) & (x < 0) & (y < h - 0.4)).any()
    x, y, h = samples["walls"].inputs.T
    under = (x > -1 + 1e-9) & (x < -1e-9)
    assert not (under & (y < h - 0.5 - 1e-9)).any()  # neither the floor below the chip nor its lower side
    assert (under & np.isclose(y, h - 0.5)).any()
    normals = samples["chip"].normals
    top = np.isclose(samples["chip"].inputs[:, 1], samples["chip"].inputs[:, 2] - 0.5) & (normals[:, 0] == 0)
    assert (normals[top] == [0, -1]).all() and top.any()  # out of the flow, into the chip
    columns = problem.columns("test")
    x, y, h = columns["point"].T
    assert not ((x > -0.99) & (x < -0.01) & (y < h - 0.51)).any()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("on chap", "no geometry chap; did you mean chip?"),
        ("x", "an equation has one =; say which points"),
        ("x = 1 and", "an equation has one ="),
        ("x = z", "z is not declared"),
        ("u = 1", "u(x, y, h) is no coordinate or parameter"),
    ],
)
def test_a_mistake_is_one_line(words, text, message):
    with pytest.raises(UserError) as refusal:
        words.pick(text, "data.conditions.walls.where")
    assert message in str(refusal.value)


def test_where_no_geometry_is_named_it_is_the_one_that_no_other_is_made_of():
    problem = Problem(**FLOW)
    assert problem.words.homes["u"].name == "flow" and list(problem.words.domains) == ["flow"]
    tree = {**FLOW, "geometry": {**FLOW["geometry"], "other": FLOW["geometry"]["channel"]}}
    with pytest.raises(UserError, match=r"data.fields.u.in: is missing; there are flow, other"):
        Problem(**tree)


def test_a_shape_that_is_empty_for_some_parameters_is_one_line():
    tree = {**FLOW, "geometry": {**FLOW["geometry"], "chip": {"shape": "rectangle", "x": [-3, 3], "y": [-1, "2*h"]}}}
    with pytest.raises(UserError, match=r"data.geometry.flow: is empty for some parameters"):
        Problem(**tree)
