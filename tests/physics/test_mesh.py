import numpy as np
import pytest
import trimesh

from twinlib.errors import UserError
from twinlib.physics.geometry import boundary
from twinlib.physics.mesh import Mesh
from twinlib.physics.problem import Problem


@pytest.fixture
def part(tmp_path):
    def written(body, name="part.stl"):
        body.export(tmp_path / name)
        return tmp_path / name

    return written


def named(points, names="xyz"):
    return dict(zip(names, points.T, strict=True))


@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e3])
def test_a_cuboid_of_any_size(part, scale):
    body = trimesh.creation.box(extents=[scale, 2 * scale, 3 * scale])
    shape = Mesh(part(body), ["x", "y", "z"], "stl")
    lower, upper = shape.box({})
    np.testing.assert_allclose(upper - lower, [[scale, 2 * scale, 3 * scale]], rtol=1e-6)
    points = np.random.default_rng(0).uniform(-2 * scale, 2 * scale, (500, 3))
    beyond = np.abs(points) - np.array([0.5, 1, 1.5]) * scale
    outside = np.linalg.norm(np.maximum(beyond, 0), axis=1)
    expected = -outside - np.minimum(beyond.max(axis=1), 0)
    np.testing.assert_allclose(shape.distance(named(points)), expected, atol=1e-6 * scale)


def test_the_boundary_of_a_body_is_uniform_and_its_normals_point_outwards(part):
    shape = Mesh(part(trimesh.creation.icosphere(subdivisions=3, radius=2.0)), ["x", "y", "z"], "stl")
    points, normals, there = boundary(shape, np.random.default_rng(0).random((4000, 3)), {})
    assert there.all()
    np.testing.assert_allclose(np.linalg.norm(points, axis=1), 2, rtol=0.01)
    assert ((points * normals).sum(axis=1) > 1.98).all()
    heights = np.histogram(points[:, 2], 8, (-2, 2))[0]
    np.testing.assert_allclose(heights, 500, rtol=0.15)


def test_the_axes_of_a_file_may_have_any_names_in_any_order(part):
    body = trimesh.creation.box(extents=[1, 2, 3])
    shape = Mesh(part(body), ["z", "x", "y"], "stl")
    np.testing.assert_allclose(shape.box({})[1], [[1, 1.5, 0.5]])
    assert shape.distance({"x": np.zeros(1), "y": np.ones(1), "z": np.zeros(1)})[0] == pytest.approx(0.5)
    other = Mesh(part(body), ["x", "z", "y"], "stl")
    _, normals, there = boundary(other, np.random.default_rng(0).random((100, 3)), {})
    assert there.all() and np.isclose(np.abs(normals).max(axis=1), 1).all()


def test_a_problem_around_a_body(part):
    file = part(trimesh.creation.icosphere(subdivisions=2, radius=0.5))
    problem = Problem(
        name="around",
        geometry={
            "room": {"shape": "box", "x": [-1, 1], "y": [-1, 1], "z": [-1, 1]},
            "part": {"stl": str(file), "coordinates": ["x", "y", "z"], "scale": 1.5},
            "air": {"difference": ["room", "part"]},
        },
        fields={"T": {}},
        conditions={
            "heat": {"type": "interior", "equation": "diff(T, x, 2) + diff(T, y, 2) + diff(T, z, 2) = 0", "points": 64},
            "room": {"type": "dirichlet", "where": "on room", "values": {"T": 0}},
            "part": {"type": "dirichlet", "where": "on part", "values": {"T": 1}},
        },
    )
    samples = problem.samples("train", 0)
    away = np.linalg.norm(samples["part"].inputs, axis=1)
    assert len(away) == 64 and (away < 0.751).all() and (away > 0.7).all()
    assert ((samples["part"].inputs * samples["part"].normals).sum(axis=1) < 0).all()  # out of the air
    assert (np.linalg.norm(samples["heat"].inputs, axis=1) > 0.7).all()


def test_a_file_that_is_no_closed_surface_is_one_line(part, tmp_path):
    body = trimesh.creation.box(extents=[1, 1, 1])
    body.update_faces(np.arange(len(body.faces)) > 0)
    with pytest.raises(UserError, match="the surface is not closed"):
        Mesh(part(body), ["x", "y", "z"], "data.geometry.part.stl")
    (tmp_path / "empty.stl").write_text("nothing")
    for name, message in (
        ("empty.stl", "cannot be read|not closed"),
        ("no.stl", "there is no file"),
        ("a.obj", "no .stl"),
    ):
        with pytest.raises(UserError, match=message):
            Mesh(tmp_path / name, ["x", "y", "z"], "data.geometry.part.stl")
