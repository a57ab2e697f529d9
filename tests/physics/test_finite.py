import numpy as np
import pytest
import sympy

from twinlib.errors import UserError
from twinlib.physics.finite import require_finite, require_numbers
from twinlib.physics.problem import Problem

X = sympy.Symbol("x", real=True)
U = sympy.Function("u", real=True)(X)


def test_a_factor_that_is_no_number_at_a_point_is_found_beside_fields():
    points = {"x": np.array([1.0, 0.5, 0.0])}
    require_numbers([U.diff(X) / (X + 1)], points, "here")
    with pytest.raises(UserError, match=r"here: 1/x is no finite number at x = 0; "):
        require_numbers([U.diff(X, 2) + U.diff(X) / X], points, "here")
    with pytest.raises(UserError, match=r"here: log\(x - 1/2\) is no finite number at x = 0.5; "):
        require_numbers([U - sympy.log(X - sympy.Rational(1, 2))], {"x": np.array([1.0, 0.5])}, "here")


def test_points_that_do_not_count_may_have_any_value():
    points = {"x": np.array([1.0, 0.0])}
    require_finite(np.array([1.0, np.inf]), points, "here", np.array([True, False]))
    with pytest.raises(UserError, match="here is no finite number at x = 0"):
        require_finite(np.array([1.0, np.inf]), points, "here", np.array([True, True]))


def test_a_reference_that_has_no_value_in_the_domain_is_one_line(rod):
    with pytest.raises(UserError, match=r"data.reference.u: 1/x is no finite number at x = 0"):
        Problem(**{**rod, "reference": {"u": "1/x"}})


def test_a_condition_that_has_no_value_at_its_place_is_one_line(rod):
    ends = {"type": "dirichlet", "values": {"u": "log(x)"}}
    with pytest.raises(UserError, match=r"data.conditions.ends: log\(x\) is no finite number at x = 0"):
        Problem(**{**rod, "conditions": {**rod["conditions"], "ends": ends}})
