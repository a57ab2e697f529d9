import json
from types import SimpleNamespace

import numpy as np
import pytest

from twinlib.data.preprocess import Preprocess
from twinlib.errors import UserError
from twinlib.physics.predict import predict
from twinlib.physics.problem import Problem
from twinlib.physics.vtk import write_vtk

meshio = pytest.importorskip("meshio", reason="pip install 'twinlib[vtk]'")
RING = {"difference": [
    {"shape": "circle", "x": 0, "y": 0, "radius": 2},
    {"shape": "circle", "x": 0, "y": 0, "radius": 1},
]}  # fmt: skip
LAPLACE = "diff(u, x, 2) + diff(u, y, 2)"


def problem(shape, equation=f"{LAPLACE} = 0", **more):
    return Problem(
        name="plate",
        geometry={"plate": shape},
        fields={"u": {}},
        conditions={
            "inside": {"type": "interior", "equation": equation, "points": 64},
            "walls": {"type": "dirichlet", "values": {"u": 0}},
        },
        **more,
    )


def size(mesh, kind):
    corners = mesh.points[mesh.cells_dict[kind]]
    sides = (corners[:, 1:] - corners[:, :1])[:, :, : corners.shape[1] - 1]
    return np.abs(np.linalg.det(sides)).sum() / {"line": 1, "triangle": 2, "tetra": 6}[kind]


@pytest.mark.parametrize("suffix", ["vtu", "vtk"])
def test_a_ring_of_triangles_with_its_field(tmp_path, suffix):
    ring = problem(RING, test_points=4000)
    points = ring.columns("test")["point"]
    write_vtk(tmp_path / f"ring.{suffix}", ring, points, points[:, :1] ** 2)
    mesh = meshio.read(tmp_path / f"ring.{suffix}")
    np.testing.assert_allclose(mesh.points, np.column_stack([points, np.zeros(len(points))]))
    np.testing.assert_allclose(mesh.point_data["u"], points[:, 0] ** 2)
    assert size(mesh, "triangle") == pytest.approx(3 * np.pi, rel=0.05)


def test_a_body_of_tetrahedra_for_one_value_of_a_parameter(tmp_path):
    box = {"shape": "box", "x": [0, 1], "y": [0, 1], "z": [0, "l"]}
    body = problem(box, f"{LAPLACE} + diff(u, z, 2) = 0", parameters={"l": [1, 2]}, test_points=5 * 1000)
    points = body.columns("test")["point"]
    own = points[points[:, 3] == 1.5]
    write_vtk(tmp_path / "body.vtu", body, own, own[:, :1])
    assert size(meshio.read(tmp_path / "body.vtu"), "tetra") == pytest.approx(1.5)
    with pytest.raises(UserError, match="is for one value of l"):
        write_vtk(tmp_path / "body.vtu", body, points, points[:, :1])


def test_a_line(tmp_path):
    rod = problem({"shape": "line", "x": [0, 2]}, "diff(u, x, 2) = 0")
    points = rod.columns("test")["point"]
    write_vtk(tmp_path / "rod.vtu", rod, points[::-1], points[::-1])
    assert size(meshio.read(tmp_path / "rod.vtu"), "line") == pytest.approx(2)


def test_points_outside_have_no_value(tmp_path):
    ring = problem(RING)
    points = np.array([[0, 0], [1.5, 0], [0, 1.5], [1.2, 1.2], [1.8, 0]])
    write_vtk(tmp_path / "ring.vtu", ring, points, np.ones((5, 1)))
    assert np.isnan(meshio.read(tmp_path / "ring.vtu").point_data["u"]).tolist() == [True] + 4 * [False]


@pytest.mark.parametrize("points", [[[1.5, 0], [1.2, 0], [1.8, 0]], [[1.5, 0]], [[0, 0]]])
def test_points_that_span_nothing_are_one_line(tmp_path, points):
    with pytest.raises(UserError, match="do not span a triangle"):
        write_vtk(tmp_path / "ring.vtu", problem(RING), np.array(points, dtype=float), np.ones((len(points), 1)))


def test_time_alone_is_refused(spring, tmp_path):
    with pytest.raises(UserError, match="has no points of space"):
        write_vtk(tmp_path / "spring.vtu", Problem(**spring), np.zeros((3, 1)), np.zeros((3, 1)))


def test_a_prediction_becomes_a_mesh(rod, tmp_path, monkeypatch):
    monkeypatch.setattr("twinlib.training.physics.predictor", lambda config, folder: lambda points: points**2)
    data = {"_target_": "twinlib.physics.problem.Problem", **rod}
    preprocess = Preprocess.from_json(json.loads(json.dumps(Problem(**rod).preprocess.to_json())))
    twin = SimpleNamespace(config={"data": data}, preprocess=preprocess, record=SimpleNamespace(folder=tmp_path))
    (tmp_path / "points.csv").write_text("x\n0.25\n0.5\n1\n")
    assert "u at 3 points" in predict(twin, tmp_path / "points.csv", tmp_path / "out.vtu")
    np.testing.assert_allclose(meshio.read(tmp_path / "out.vtu").point_data["u"], [0.0625, 0.25, 1])
    with pytest.raises(UserError, match=r"the output is a .csv or .npy file, or .vtu or .vtk"):
        predict(twin, tmp_path / "points.csv", tmp_path / "out.vts")
