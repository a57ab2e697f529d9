import re

import pytest

from twinlib.errors import UserError
from twinlib.physics.problem import Problem


def changed(tree, path, value):
    """A copy with one key set."""
    first, *rest = path.split("/")
    return {**tree, first: changed(tree.get(first, {}), "/".join(rest), value) if rest else value}


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (
            "geometry",
            [{"shape": "line", "x": [0, 1]}],
            "data.geometry: is [{'shape': 'line', 'x': [0, 1]}]; give names",
        ),
        ("geometry", {"shape": "line", "x": [0, 1]}, "data.geometry: give each shape a name, as {rod: {shape: line"),
        ("constants", [1], "data.constants: is [1]; give names, as {k: 4}"),
        ("parameters", ["l"], "data.parameters: is ['l']; give names, as {l: [1, 2]}"),
        ("unknowns", ["k"], "data.unknowns: is ['k']; give names, as {k: 1}"),
        ("fields", ["u"], "data.fields: is ['u']"),
        ("fields", {}, "data.fields: nothing is looked for"),
        ("conditions", [{"type": "interior"}], "data.conditions: is [{'type': 'interior'}]"),
        ("reference", [1], "data.reference: is [1]"),
        ("reference", {"file": None}, "data.reference.file: is None; give the path of a file"),
        ("time", [0, 1], "data.time: there is one time: {t: [0, 10]}"),
        ("constants", {"lambda": 1}, "data.constants.lambda: lambda cannot be a name here"),
        ("constants", {1: 1}, "data.constants.1: 1 cannot be a name here"),
        ("constants", {"c": "log(0)"}, "data.constants.c: log(0): is no real number"),
        ("test_points", 0, "data.test_points: is 0"),
        ("windows", "two", "data.windows: is two"),
        ("sampler", None, "data.sampler: no sampler None; there are halton, sobol, uniform"),
        ("conditions/ends", "u = 0", "data.conditions.ends: is 'u = 0'; it has keys, as {type: dirichlet"),
        ("conditions/ends", {"values": {"u": 0}}, "data.conditions.ends.type: is missing; there are dirichlet"),
        ("conditions/ends/type", ["dirichlet"], "data.conditions.ends.type: no condition ['dirichlet']"),
        ("conditions/ends/where", "x = 0 or x = 1", "data.conditions.ends.where: x = 0 or x = 1: join relations"),
        ("conditions/ends/where", "x == 0", "data.conditions.ends.where: x == 0: join relations of = < > by `and`"),
        ("conditions/ends/where", "rod", "data.conditions.ends.where: rod: the boundary of a shape is `on rod`"),
        ("conditions/ends/exact", "u", "data.conditions.ends.exact: u: u(x) is not known beforehand"),
        ("conditions/balance/points", 1e3, "data.conditions.balance.points: is 1000.0; give a whole number of points"),
        ("conditions/balance/equation", "poisson", "balance.equation.poisson: has no settings; write {poisson: {…}}"),
        ("conditions/balance/equation", "x = 0", "balance.equation: x = 0: there is no field in it; there are u"),
        (
            "conditions/sum",
            {"type": "integral", "over": "x = c", "at": [0, 1], "equation": "u = 1"},
            "sum.at: give a new",
        ),
        (
            "conditions/sum",
            {"type": "integral", "over": "x = c", "at": {"c": [1, 0]}, "equation": "u = 1"},
            "sum.at.c: give two numbers, the smaller one first",
        ),
        ("conditions/mean", {"type": "weak", "equation": "u*v = v", "box": [0, 1]}, "mean.box: give two ends"),
        (
            "conditions/mean",
            {"type": "weak", "equation": "u*v = v", "box": {"x": [1, 0]}},
            "mean.box.x: gives its ends",
        ),
        ("geometry/rod/x", [1, 0], "data.geometry.rod.x: 1 is not less than 0"),
        ("geometry/rod/shape", "", "data.geometry.rod.shape: is missing; there are box, "),
    ],
)
def test_a_part_of_another_form_is_one_line(rod, path, value, message):
    with pytest.raises(UserError, match="^" + ".*" + re.escape(message)):
        Problem(name="small", **changed({key: each for key, each in rod.items() if key != "name"}, path, value))
