import numpy as np
import pytest

from twinlib.physics.cells import cells
from twinlib.physics.domain import Domain
from twinlib.physics.geometry import Formula
from twinlib.physics.shapes import Shapes

CHIP = {"difference": [
    {"shape": "rectangle", "x": [-2, 2], "y": [0, 1]},
    {"shape": "rectangle", "x": [-0.5, 0.5], "y": [0, 0.52]},
]}  # fmt: skip


def domain(node):
    import sympy

    shapes = Shapes({"it": node}, lambda text, where: Formula(sympy.sympify(text)))
    return Domain("it", shapes.by_name["it"], None, {})


def grid(home, wide=41, high=11):
    x, y = np.meshgrid(np.linspace(-2, 2, wide), np.linspace(0, 1, high))
    points = np.column_stack([x.ravel(), y.ravel()])
    return points[home.contains(points)]


def areas(points, corners):
    one, two, three = np.moveaxis(points[corners], 1, 0)
    (a, b), (c, d) = (two - one).T, (three - one).T
    return np.abs(a * d - b * c) / 2


def test_cells_of_a_grid_do_not_reach_along_a_side_of_a_hole():
    home = domain(CHIP)
    points = grid(home)
    corners = cells(home, points, (0, 1))
    below = points[corners].min(axis=1)[:, 1] < 0.6 - 1e-9
    sides = np.linalg.norm(points[corners] - np.roll(points[corners], 1, axis=1), axis=2).max(axis=1)
    assert sides[below].max() < 0.2 + 1e-9
    # But for what lies between the chip and the first points beside it.
    assert 4 - 1.2 * 0.6 - 1e-9 <= areas(points, corners).sum() <= 4 - 0.52 + 0.02


def test_scattered_points_are_joined_to_the_whole():
    home = domain({"shape": "rectangle", "x": [-2, 2], "y": [0, 1]})
    rng = np.random.default_rng(0)
    points = np.vstack([rng.random((300, 2)) * [4, 1] - [2, 0], [[-2, 0], [2, 0], [2, 1], [-2, 1]]])
    assert areas(points, cells(home, points, (0, 1))).sum() == pytest.approx(4)
