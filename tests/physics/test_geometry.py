import numpy as np
import pytest
import sympy

from twinlib.errors import UserError
from twinlib.physics.expressions import expression
from twinlib.physics.geometry import Formula, boundary, contains
from twinlib.physics.shapes import Shapes

L = sympy.Symbol("l", real=True)


def line(settings):
    formula = lambda text, where: Formula(expression(text, {"l": L}, where))  # noqa: E731
    return Shapes({"rod": {"shape": "line", **settings}}, formula).by_name["rod"]


def test_a_line_with_a_length_that_is_a_parameter():
    rod = line({"x": [0, "2*l"]})
    points = {"x": np.array([0.0, 1.0, 3.0, 5.0, -1.0]), "l": np.array([1.0, 1.0, 2.0, 2.0, 1.0])}
    np.testing.assert_allclose(rod.distance(points), [0, 1, 1, -1, -1])
    assert contains(rod, points).tolist() == [True, True, True, False, False]
    lower, upper = rod.box({"l": np.array([1.0, 2.0])})
    assert lower.tolist() == [[0.0]]
    assert upper.tolist() == [[2.0], [4.0]]


def test_the_boundary_of_a_line_is_its_ends_with_normals_outward():
    rod = line({"x": [0, "l"]})
    unit, lengths = np.array([[0.1], [0.4], [0.6], [0.9]]), np.array([1.0, 1.5, 2.0, 3.0])
    points, normals, there = boundary(rod, unit, {"l": lengths})
    assert there.all()
    assert points[:, 0].tolist() == [0.0, 0.0, 2.0, 3.0]
    assert normals[:, 0].tolist() == [-1.0, -1.0, 1.0, 1.0]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"shape": "lin", "x": [0, 1]}, "data.geometry.rod.shape: no shape lin; did you mean line"),
        ({"x": [0, 1], "y": [0, 1]}, "data.geometry.rod: a line has one coordinate; here stand x, y"),
        ({"x": 1}, "data.geometry.rod.x: give the two ends"),
    ],
)
def test_a_wrong_shape_is_one_line(settings, message):
    with pytest.raises(UserError, match=message):
        line(settings)
