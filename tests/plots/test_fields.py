import numpy as np
import pytest
from matplotlib.collections import TriMesh

from twinlib.physics.problem import Problem
from twinlib.plots.equations import solution
from twinlib.plots.fields import cuts

LAPLACE = "diff(u, x, 2) + diff(u, y, 2)"
RING = {"difference": [
    {"shape": "circle", "x": 0, "y": 0, "radius": 2},
    {"shape": "circle", "x": 0, "y": 0, "radius": 1},
]}  # fmt: skip


def problem(shape, equation=f"{LAPLACE} = 0", reference="x + y", test_points=900, **more):
    conditions = {
        "inside": {"type": "interior", "equation": equation, "points": 64},
        "walls": {"type": "dirichlet", "values": {"u": 0}},
    }
    if "time" in more:
        conditions["start"] = {"type": "initial", "values": {"u": 0}}
    return Problem(name="plate", geometry={"plate": shape}, fields={"u": {}}, conditions=conditions,
                   reference={"u": reference} if reference else {}, test_points=test_points, **more)  # fmt: skip


def test_a_hole_is_left_white(figures, tmp_path):
    ring = problem(RING, test_points=2500)
    exact = ring.columns("test")["solution"]
    solution(exact + 0.1, ring, tmp_path / "solution.png")
    panels = [each for each in figures["solution.png"].axes if each.get_title()]
    assert [panel.get_title() for panel in panels] == ["u, solution", "u, reference", "u - reference"]
    assert all(panel.get_aspect() == 1 for panel in panels)
    (mesh,) = (each for each in panels[0].collections if isinstance(each, TriMesh))
    triangles = mesh._triangulation
    corners = np.column_stack([triangles.x, triangles.y])[triangles.get_masked_triangles()]
    middles = np.linalg.norm(corners.mean(axis=1), axis=1)
    assert middles.min() > 0.97 and middles.max() < 2
    one, two, three = np.moveaxis(corners, 1, 0)
    (a, b), (c, d) = (two - one).T, (three - one).T
    assert np.abs(a * d - b * c).sum() / 2 == pytest.approx(3 * np.pi, rel=0.1)


def test_three_times_of_a_plate(figures, tmp_path):
    plate = {"shape": "rectangle", "x": [0, 4], "y": [0, 1]}
    heat = problem(plate, f"diff(u, t) = {LAPLACE}", None, time={"t": [0, 2]})
    points = heat.columns("test")["point"]
    found = cuts(points, heat)
    assert [np.unique(points[each.rows, 2]).size for each in found] == [1, 1, 1]
    assert found[0].title == "t = 0" and found[2].title == "t = 2"
    solution(points[:, 2:], heat, tmp_path / "solution.png")
    titles = [each.get_title() for each in figures["solution.png"].axes if each.get_title()]
    assert titles == [f"u, solution, {each.title}" for each in found]


def test_cuts_of_a_body_for_the_middle_of_a_parameter(figures, tmp_path):
    ball = {"shape": "sphere", "x": 0, "y": 0, "z": 0, "radius": "r"}
    body = problem(ball, f"{LAPLACE} + diff(u, z, 2) = 0", "x*z", 10_000, parameters={"r": [1, 3]})
    points = body.columns("test")["point"]
    found = cuts(points, body)
    for cut, wanted in zip(found, (-1, 0, 1), strict=True):
        assert (points[cut.rows, 3] == 2).all() and cut.title.endswith(", r = 2")
        assert np.ptp(points[cut.rows, 2]) == 0 and abs(points[cut.rows, 2][0] - wanted) < 0.25
    solution(body.columns("test")["solution"] * 1.1, body, tmp_path / "solution.png")
    titles = [each.get_title() for each in figures["solution.png"].axes if each.get_title()]
    assert [title.split(",")[0] for title in titles] == ["u"] * 3 + ["u - reference"] * 3


def test_points_without_planes_have_no_cuts():
    body = problem({"shape": "box", "x": [0, 1], "y": [0, 1], "z": [0, 1]}, f"{LAPLACE} + diff(u, z, 2) = 0")
    assert cuts(np.random.default_rng(0).random((500, 3)), body) == []
