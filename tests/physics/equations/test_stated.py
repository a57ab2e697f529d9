import numpy as np
import pytest
import sympy

from twinlib.errors import UserError
from twinlib.physics.equations.stated import stated
from twinlib.physics.problem import Problem
from twinlib.physics.vocabulary import Vocabulary


def words():
    return Vocabulary(
        {"bar": {"shape": "line", "x": [0, 1]}}, {"t": [0, 1]}, {}, {"c": 3, "q": "2*c"}, {}, {"u": {}, "v": {}}
    )


def test_text_and_names_stand_side_by_side():
    known = words()
    x, t, u, v = (known.names[name] for name in "xtuv")
    node = ["diff(v, t) = u", {"diffusion": {"u": "u", "diffusivity": "q", "source": "v*x"}}]
    assert stated(known, node, "here") == (v.diff(t) - u, u.diff(t) - 6 * u.diff(x, 2) - v * x)
    assert stated(known, node[1], "here") == stated(known, node, "here")[1:]


def test_a_coefficient_may_vary():
    known = words()
    x, u = known.names["x"], known.names["u"]
    (found,) = stated(known, {"advection_diffusion": {"u": "u", "velocity": 0, "diffusivity": "1 + x"}}, "here")
    expected = u.diff(known.names["t"]) - (1 + x) * u.diff(x, 2) - u.diff(x)
    assert sympy.expand(found - expected) == 0


@pytest.mark.parametrize(
    ("node", "message"),
    [
        (None, "here: is missing"),
        ([], "here: is missing"),
        ("u", "here: u: an equation has one ="),
        ({"diffusion": {"u": "u", "diffusivity": "d"}}, "here: d: d is not declared"),
        ([{"difusion": {}}], "here: no equation difusion; did you mean diffusion?"),
    ],
)
def test_a_mistake_names_the_key(node, message):
    with pytest.raises(UserError) as refusal:
        stated(words(), node, "here")
    assert message in str(refusal.value)


def test_a_problem_by_name_is_that_by_text(rod):
    named = {**rod["conditions"], "balance": {"type": "interior", "equation": {"poisson": {"u": "u", "source": -1}},
                                              "points": 16}}  # fmt: skip
    (by_text, _), (by_name, _) = (
        Problem(**{**rod, "conditions": each}).conditions for each in (rod["conditions"], named)
    )
    assert sympy.expand(by_text.residuals[0] + by_name.residuals[0]) == 0
    assert np.isclose(*(Problem(**rod).magnitude(item, item.residuals[0]) for item in (by_text, by_name)))
