import copy
import re

import numpy as np
import pytest
import torch

from twinlib.errors import UserError
from twinlib.physics.networks import FullyConnected
from twinlib.physics.problem import Problem
from twinlib.physics.residuals import Residuals
from twinlib.physics.solution import Solution


def changed(problem, **changes):
    """A copy with keys such as `conditions.ends.where` set, or taken out by None."""
    tree = copy.deepcopy(problem)
    for key, value in changes.items():
        *path, last = key.split("/")
        node = tree
        for part in path:
            node = node[part]
        if value is None:
            del node[last]
        else:
            node[last] = value
    return tree


ENDS = "conditions/ends"
BALANCE = "conditions/balance"
EXACT = {"type": "dirichlet", "values": {"u": 0}, "exact": True}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({f"{BALANCE}/equation": "diff(v, x, 2) = 1"}, "balance.equation: diff(v, x, 2): v is not declared"),
        ({f"{BALANCE}/equation": "diff(u, y) = 1"}, "y is nothing to derive by"),
        ({f"{BALANCE}/equation": "diff(u, x, 2)"}, "an equation has one ="),
        ({f"{BALANCE}/equation": None}, "data.conditions.balance.equation: is missing"),
        ({f"{BALANCE}/points": 0}, "data.conditions.balance.points: is 0"),
        ({f"{BALANCE}/point": 3}, "data.conditions.balance.point: no such key; did you mean points?"),
        ({f"{BALANCE}/type": "interor"}, "no condition interor; did you mean interior or integral or interface?"),
        ({ENDS: None}, "the equations need 2 conditions at the ends of x (order: u 2) and have 0"),
        ({f"{ENDS}/where": "x = 0"}, "the equations need 2 conditions at the ends of x (order: u 2) and have 1"),
        ({f"{ENDS}/where": "x = 3"}, "no part of the boundary of rod"),
        ({f"{ENDS}/where": "x"}, "an equation has one ="),
        ({f"{ENDS}/values": {"v": 0}}, "data.conditions.ends.values: no field v"),
        ({f"{ENDS}/values": {"u": "u"}}, "is not known beforehand"),
        ({f"{ENDS}/in": "bar"}, "data.conditions.ends.in: no geometry bar; there are rod"),
        ({f"{ENDS}/type": "initial"}, "nothing has a beginning without data.time"),
        ({BALANCE: None}, "data.fields.u: is in no equation"),
        ({"fields/v": {}}, "data.fields.v: is in no equation"),
        ({"fields/v": {}, f"{BALANCE}/equation": "diff(u, x) = v"}, "2 fields (u, v) have 1 equations"),
        ({"fields/u": {"range": [1, 0]}}, "data.fields.u.range: 1 is not less than 0"),
        ({"fields/x": {}}, "data.fields.x: x is declared twice"),
        ({"constants": {"sin": 1}}, "data.constants.sin: sin cannot be a name here"),
        ({"constants": {"a__b": 1}}, "data.constants.a__b: a__b cannot be a name here"),
        ({"constants": {"a": "b", "b": "a"}}, "data.constants.a: b: b is not declared"),
        ({"unknowns": {"q": 1}}, "data.unknowns.q: stands in no equation"),
        ({"unknowns": {"q": 1}, f"{BALANCE}/equation": "diff(u, x, 2) = q"}, "nothing tells q"),
        ({"parameters": {"l": [2, 2]}}, "data.parameters.l: 2 is not less than 2"),
        ({"parameters": {"l": [0, 1]}, "geometry/rod/x": ["l", 0.5]}, "data.geometry.rod: is empty"),
        ({"geometry/rod": {"shape": "line", "x": [0, "m"]}}, "data.geometry.rod.x: m: m is not declared"),
        ({"geometry": None}, "a problem needs a geometry or a time"),
        ({"reference": {"w": 0}}, "data.reference.w: no field and no unknown number"),
        ({"sampler": "sobel"}, "data.sampler: no sampler sobel"),
        ({"conditions/more": {"type": "observations", "points": 5}}, "give either a file or values"),
        ({"conditions/more": {"type": "observations", "file": "no.csv"}}, "data.conditions.more.kind: say whether"),
        ({"conditions/more": {"type": "observations", "file": "no.csv", "kind": "real"}}, "no.csv cannot be read"),
        ({f"{ENDS}/exact": True, "conditions/more": EXACT}, "data.conditions.more.exact: u is exact in another"),
    ],
)
def test_a_mistake_is_one_line_that_names_the_key(rod, changes, message):
    with pytest.raises(UserError) as refusal:
        Problem(**changed(rod, **changes))
    assert message in str(refusal.value)
    assert re.fullmatch(r"data\..+", str(refusal.value))


def test_constants_stand_in_any_order(rod):
    problem = Problem(**changed(rod, constants={"a": "2*b", "b": "c + 1", "c": 3}))
    assert [float(problem.words.names[name]) for name in "abc"] == [8, 4, 3]


def test_a_missing_rate_is_told(spring):
    with pytest.raises(UserError, match=r"need 2 conditions at the ends of t \(order: x 2\) and have 1"):
        Problem(**changed(spring, **{"conditions/start/rates": None}))


def test_observations_make_up_for_conditions(spring):
    measured = {"type": "observations", "values": {"x": "cos(2*t)"}, "points": 5}
    problem = Problem(**changed(spring, **{"conditions/start": measured}))
    samples = problem.samples("train", 3)["start"]
    np.testing.assert_allclose(samples.measured["x"], np.cos(2 * samples.inputs[:, 0]))
    assert problem.schema.kind == "synthetic"
    assert Problem(**spring).schema.kind == "no"


def test_measured_rows_are_trained_on_or_validated_on(spring, tmp_path):
    rows = "\n".join(f"{t / 10},{(t / 10) ** 2}" for t in range(20))
    (tmp_path / "measured.csv").write_text("t,x\n" + rows + "\n")
    node = {"type": "observations", "file": str(tmp_path / "measured.csv"), "kind": "real"}
    problem = Problem(**changed(spring, **{"conditions/seen": node}))
    assert problem.schema.kind == "real"
    parts = {split: problem.samples(split, 0)["seen"] for split in ("train", "val", "test")}
    assert [len(part.inputs) for part in parts.values()] == [18, 2, 2]
    assert not set(parts["train"].inputs[:, 0]) & set(parts["val"].inputs[:, 0])
    for part in parts.values():
        np.testing.assert_allclose(part.measured["x"], part.inputs[:, 0] ** 2)


def test_fields_are_compared_where_they_are_defined(rod):
    changes = {"geometry/other": {"shape": "line", "x": [1, 2]}, "fields/u": {"in": "rod"}, "fields/v": {"in": "other"}}
    tree = changed(rod, **changes, **{f"{BALANCE}/in": "rod", f"{ENDS}/in": "rod"})
    tree["conditions"] |= {
        "more": {"type": "interior", "in": "other", "equation": "diff(v, x) = 0", "points": 4},
        "joint": {"type": "interface", "in": "other", "where": "x = 1", "value": ["u", "v"]},
    }
    columns = Problem(**tree).columns("test")
    inside, x = columns["inside"], columns["point"][:, 0]
    np.testing.assert_array_equal(inside[:, 0], x <= 1)
    np.testing.assert_array_equal(inside[:, 1], x >= 1)
    assert (columns["solution"][~inside] == 0).all()
    np.testing.assert_allclose(columns["solution"][inside[:, 0], 0], (x * (x - 1) / 2)[inside[:, 0]])
    assert np.isnan(columns["solution"][inside[:, 1], 1]).all()


def test_a_field_has_no_values_outside_of_its_domain(rod):
    changes = {"geometry/other": {"shape": "line", "x": [1, 2]}, "fields/u": {"in": "rod"}, "fields/v": {"in": "other"}}
    tree = changed(rod, **changes, **{f"{BALANCE}/in": "rod", f"{ENDS}/in": "rod"})
    tree["conditions"] |= {
        "more": {"type": "interior", "in": "other", "equation": "diff(v, x) = u", "points": 4},
        "joint": {"type": "interface", "in": "other", "where": "x = 1", "value": ["u", "v"]},
    }
    with pytest.raises(
        UserError, match=r"data.conditions.more: u is in rod, but the condition is in other, also at x = 1"
    ):
        Problem(**tree)


def test_residuals_have_no_dimension():
    tree = {
        "name": "bar",
        "constants": {"E": 2e11},
        "geometry": {"bar": {"shape": "line", "x": [0, 4]}},
        "fields": {"w": {"range": [0, 1e-3]}},
        "conditions": {
            "force": {"type": "interior", "equation": "E*diff(w, x, 2) = 1e5", "points": 4},
            "ends": {"type": "dirichlet", "values": {"w": 0}},
        },
    }
    problem = Problem(**tree)
    ends, force = problem.conditions
    assert problem.magnitude(force, force.residuals[0]) == pytest.approx(2e11 * 1e-3 / 2**2)
    assert problem.magnitude(ends, ends.residuals[0]) == pytest.approx(1e-3)


# Two membranes in a channel with a pillar, one of them measured: of everything that has a name there are several.
MEMBRANES = {
    "geometry": {
        "channel": {"shape": "rectangle", "x": [0, "b"], "y": [0, 1]},
        "pillar": {"shape": "circle", "x": 0.5, "y": 0.5, "radius": 0.2},
        "free": {"difference": ["channel", "pillar"]},
    },
    "time": {"t": [0, 1]},
    "parameters": {"b": [1, 2], "a": [0, 1]},
    "constants": {"c": "2*k", "k": 3},
    "unknowns": {"q": 2, "p": 1},
    "fields": {"w": {"in": "free", "range": [0, 2]}, "u": {"in": "free"}},
    "conditions": {
        "walls": {"type": "dirichlet", "in": "free", "values": {"w": "a*x", "u": "y"}, "points": 12},
        "load": {
            "type": "interior",
            "in": "free",
            "equation": [
                "diff(w, t) = diff(w, x, 2) + diff(w, y, 2) + c*p",
                {"diffusion": {"u": "u", "source": "q", "diffusivity": "k"}},
            ],
            "points": 10,
        },
        "start": {"type": "initial", "in": "free", "values": {"w": 0, "u": 0}, "points": 8},
        "seen": {"type": "observations", "in": "free", "values": {"w": "x", "u": "x*y"}, "points": 6},
    },
    "reference": {"q": 2, "u": "x*y", "p": 1},
}


def turned(tree):
    """The same mappings, each in the opposite order."""
    return {key: turned(tree[key]) for key in reversed(tree)} if isinstance(tree, dict) else tree


def test_the_order_of_keys_means_nothing(double):
    found = []
    for tree in (MEMBRANES, turned(MEMBRANES)):
        problem = Problem(name="membranes", **tree)
        torch.manual_seed(0)
        solution = Solution(problem, FullyConnected(problem.network_inputs, problem.outputs, 6, 2))
        samples = problem.samples("train", 3)
        residuals = Residuals(problem, solution, samples, {})
        points = torch.as_tensor(problem.columns("test")["point"])
        with torch.no_grad():
            numbers = [solution(points), residuals.vector(), *solution.state_dict().values()]
        numbers += [torch.as_tensor(samples[name].inputs) for name in samples]
        found.append((problem.words.inputs, list(problem.words.fields), list(samples), residuals.owners(), numbers))
    one, other = found
    assert one[:4] == other[:4]
    assert one[:3] == (("x", "y", "t", "a", "b"), ["u", "w"], ["load", "seen", "start", "walls"])
    assert len(one[4]) == len(other[4]) and all(map(torch.equal, one[4], other[4]))
