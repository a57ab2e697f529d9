"""Every shape against closed forms: sizes by counting points, normals as the slope of the distance."""

import numpy as np
import pytest
import sympy
from scipy.spatial import cKDTree
from scipy.special import ellipe
from scipy.stats import chisquare

from twinlib.errors import UserError
from twinlib.physics.expressions import expression
from twinlib.physics.geometry import Formula, boundary, size
from twinlib.physics.shapes import Shapes

NAMES = {"l": sympy.Symbol("l", real=True)}
L = np.array([1.3])
PI = np.pi
CHIP = {"difference": [
    {"shape": "rectangle", "x": [-2.5, 2.5], "y": [-0.5, 0.5]},
    {"shape": "rectangle", "x": [-1, 0], "y": [-0.5, 0.1]},
]}  # fmt: skip
CLOSED = {"shape": "rectangle", "x": [0, 2], "y": [0, 1]}
DISC = {"shape": "circle", "x": 0, "y": 0, "radius": 1}
# What covers how much, and how long or large its boundary is. Parts that touch must not count twice.
EXACT = {
    "line": ({"shape": "line", "x": [0, "2*l"]}, 2.6, 2),
    "rectangle": ({"shape": "rectangle", "x": [1, 3], "y": ["-l", 0]}, 2.6, 6.6),
    "circle": ({"shape": "circle", "x": 1, "y": -1, "radius": "l/2"}, PI * 0.65**2, 2 * PI * 0.65),
    "ellipse": ({"shape": "ellipse", "x": 1, "y": 0, "radii": [0.5, 2]}, PI, 8 * ellipe(1 - 1 / 16)),
    "triangle": ({"shape": "triangle", "x": [0, 4, 0], "y": [0, 0, 3]}, 6, 12),
    "polygon": ({"shape": "polygon", "x": [0, 0, 1, 1, 2, 2], "y": [0, 2, 2, 1, 1, 0]}, 3, 8),
    "channel": ({"shape": "channel", "x": [0, 5], "y": [0, 1], "along": "x"}, 5, 10),
    "box": ({"shape": "box", "x": [0, 1], "y": [0, 2], "z": [0, 3]}, 6, 22),
    "duct": ({"shape": "channel", "x": [0, 1], "y": [0, 2], "z": [0, 3], "along": "z"}, 6, 18),
    "sphere": ({"shape": "sphere", "x": 1, "y": 1, "z": 1, "radius": "l"}, 4 / 3 * PI * 1.3**3, 4 * PI * 1.3**2),
    "cylinder": ({"shape": "cylinder", "x": 0, "y": [1, 4], "z": 1, "radius": 1}, 3 * PI, 8 * PI),
    "cone": ({"shape": "cone", "x": [4, 0], "y": 1, "z": 0, "radius": 3}, 12 * PI, 24 * PI),
    "torus": ({"shape": "torus", "x": 0, "y": 0, "z": 1, "radius": 2, "tube": 0.5}, PI**2, 4 * PI**2),
    "chip": (CHIP, 4.4, 13.2),
    "hole": ({"difference": [{"shape": "rectangle", "x": [-2, 2], "y": [-2, 2]}, DISC]}, 16 - PI, 16 + 2 * PI),
    "union": ({"union": [CLOSED, {"shape": "rectangle", "x": [1, 3], "y": [0, 1]}]}, 3, 8),
    "beside": ({"union": [CLOSED, {"shape": "rectangle", "x": [2, 3], "y": [0, 2]}]}, 4, 10),
    "cut": ({"intersection": [CLOSED, {"shape": "rectangle", "x": [1, 3], "y": [0, 1]}]}, 1, 4),
    "lens": ({"intersection": [DISC, {**DISC, "x": 1}]}, 2 * PI / 3 - np.sqrt(3) / 2, 4 * PI / 3),
    "apart": ({"difference": [CLOSED, {"shape": "rectangle", "x": [2, 3], "y": [0, 1]}]}, 2, 6),
    "nested": ({"difference": [{"union": [DISC, {**DISC, "x": 5}]}, {**DISC, "radius": 0.5}]}, 1.75 * PI, 5 * PI),
    "turned": ({**CLOSED, "rotate": "pi/6", "scale": "l", "shift": {"x": 3}}, 2 * 1.69, 6 * 1.3),
    "turned chip": ({**CHIP, "rotate": 1, "about": [0, "l"]}, 4.4, 13.2),
    "turned cone": (
        {"shape": "cone", "x": [4, 0], "y": 1, "z": 0, "radius": 3, "rotate": {"y": 0.7}, "scale": 2},
        96 * PI,
        96 * PI,
    ),
}  # fmt: skip
ROUGH = {"chip", "hole", "union", "beside", "lens", "nested", "apart", "turned chip"}  # their distance is a bound


def read(node):
    return Shapes({"it": node}, lambda text, where: Formula(expression(text, NAMES, where))).by_name["it"]


def named(shape, points):
    return {**dict(zip(shape.coordinates, points.T, strict=True)), "l": np.full(len(points), L[0])}


def on_boundary(shape, count, open_too=False):
    unit = np.random.default_rng(0).random((count, len(shape.coordinates)))
    points, normals, there = boundary(shape, unit, {"l": np.full(count, L[0])}, open_too)
    return points[there], normals[there], there


@pytest.fixture(params=EXACT, scope="module")
def case(request):
    return request.param, read(EXACT[request.param][0]), *EXACT[request.param][1:]


def test_the_part_of_the_box_that_is_inside(case):
    _, shape, volume, _ = case
    lower, upper = shape.box({"l": L})
    points = lower + np.random.default_rng(1).random((40_000, lower.shape[1])) * (upper - lower)
    found = np.mean(shape.distance(named(shape, points)) > 0) * np.prod(upper - lower)
    assert found == pytest.approx(volume, rel=0.03)


def test_the_box_is_tight(case):
    name, shape, _, _ = case
    points = on_boundary(shape, 20_000)[0]
    lower, upper = (each[0] for each in shape.box({"l": L}))
    reach = 1e-9 * size(shape, {"l": L})
    assert (points >= lower - reach).all() and (points <= upper + reach).all()
    if name not in {
        "lens",
        "turned chip",
        "turned cone",
        "channel",
        "duct",
    }:  # of what is turned, the box may be larger
        assert np.allclose(points.min(axis=0), lower, atol=0.05) and np.allclose(points.max(axis=0), upper, atol=0.05)


def test_the_size_of_the_boundary(case):
    _, shape, _, area = case
    there = on_boundary(shape, 40_000)[2]
    faces = [face for face in shape.faces() if not face.open]
    found = sum(float(face.measure({"l": L})[0]) for face in faces) * np.mean(there)
    assert found == pytest.approx(area, rel=0.02)


def test_normals_are_the_slope_of_the_distance(case):
    _, shape, _, _ = case
    points, normals, _ = on_boundary(shape, 400)
    np.testing.assert_allclose(np.square(normals).sum(axis=1), 1, atol=1e-12)
    np.testing.assert_allclose(shape.distance(named(shape, points)), 0, atol=1e-7)
    step = 1e-5
    for sense in (1, -1):
        away = shape.distance(named(shape, points + sense * step * normals))
        np.testing.assert_allclose(away, -sense * step, rtol=1e-3)
    slopes = np.empty_like(points)
    for column in range(points.shape[1]):
        there = np.zeros(points.shape[1])
        there[column] = step
        ends = [shape.distance(named(shape, points - 0.1 * step * normals + sign * there * 0.05)) for sign in (1, -1)]
        slopes[:, column] = (ends[0] - ends[1]) / (0.1 * step)
    # But for the few points within a step of an edge.
    assert np.mean(np.abs(slopes + normals).max(axis=1) < 1e-3) > 0.98


def test_distances_are_those_to_many_points_of_the_boundary(case):
    name, shape, _, _ = case
    lower, upper = shape.box({"l": L})
    points = lower + np.random.default_rng(2).random((300, lower.shape[1])) * (upper - lower)
    found = shape.distance(named(shape, points))
    wall = on_boundary(shape, 60_000, open_too=True)[0]
    nearest = cKDTree(wall).query(points)[0]
    spacing = 0.1 * size(shape, {"l": L}) / (20 if len(shape.coordinates) < 3 else 2)
    assert (np.abs(found) <= nearest + 1e-9).all()
    if name not in ROUGH:
        np.testing.assert_allclose(np.abs(found), nearest, atol=spacing)


@pytest.mark.parametrize("name", ["ellipse", "sphere", "torus", "triangle", "cone"])
def test_points_are_spread_uniformly_over_the_boundary(name):
    """Among boxes of space, as many as among points that are drawn by another way: rejection next to the boundary."""
    shape = read(EXACT[name][0])
    points = on_boundary(shape, 30_000)[0]
    lower, upper = (each[0] for each in shape.box({"l": L}))
    thin, many = (
        (0.004 * size(shape, {"l": L}), 800_000) if len(lower) == 3 else (0.008 * size(shape, {"l": L}), 250_000)
    )
    near = lower - thin + np.random.default_rng(3).random((many, len(lower))) * (upper - lower + 2 * thin)
    near = near[np.abs(shape.distance(named(shape, near))) < thin]

    def counts(places):
        cells = np.clip(((places - lower) / (upper - lower) * 3).astype(int), 0, 2)
        return np.bincount(np.ravel_multi_index(tuple(cells.T), (3,) * len(lower)), minlength=3 ** len(lower))

    expected = counts(near) / len(near) * len(points)
    some = expected > 500
    # The layer beside the boundary is itself random, and thicker at edges.
    found = counts(points)[some]
    expected = expected[some] * found.sum() / expected[some].sum()
    assert chisquare(found, expected).statistic / some.sum() < 8
    assert np.abs(found / expected - 1).max() < 0.15


def test_angles_on_a_circle_and_heights_on_a_sphere_are_uniform():
    points = on_boundary(read(EXACT["circle"][0]), 20_000)[0] - [1, -1]
    angles = np.histogram(np.arctan2(points[:, 1], points[:, 0]), 20, (-PI, PI))[0]
    assert chisquare(angles).pvalue > 0.001
    heights = on_boundary(read(EXACT["sphere"][0]), 20_000)[0][:, 2] - 1
    assert chisquare(np.histogram(heights, 20, (-1.3, 1.3))[0]).pvalue > 0.001


def test_each_side_of_what_is_left_has_its_share_of_points():
    points = on_boundary(read(CHIP), 20_000)[0]
    x, y = points.T
    on = np.isclose
    sides = {
        "inlet": (on(x, -2.5), 1),
        "floor before": (on(y, -0.5) & (x < -1), 1.5),
        "front": (on(x, -1) & (y < 0.1), 0.6),
        "top": (on(y, 0.1) & (x > -1) & (x < 0), 1),
        "back": (on(x, 0) & (y < 0.1), 0.6),
        "floor behind": (on(y, -0.5) & (x > 0), 2.5),
        "outlet": (on(x, 2.5), 1),
        "ceiling": (on(y, 0.5), 5),
    }
    counts = np.array([rows.sum() for rows, _ in sides.values()])
    lengths = np.array([length for _, length in sides.values()])
    assert counts.sum() == len(points)
    assert chisquare(counts, len(points) * lengths / lengths.sum()).pvalue > 0.001
    ceiling = np.histogram(x[on(y, 0.5)], 10, (-2.5, 2.5))[0]
    assert chisquare(ceiling).pvalue > 0.001


def test_each_point_has_its_own_parameters():
    shape = read({"difference": [{"shape": "rectangle", "x": [0, 10], "y": [0, "l"]}, {**DISC, "radius": "l/2"}]})
    lengths = np.array([1.0, 2.0, 4.0])
    points = {"x": np.array([0.6, 0.6, 6.0]), "y": np.array([0.5, 0.5, 0.5]), "l": lengths}
    away = np.hypot(0.6, 0.5)
    np.testing.assert_allclose(shape.distance(points), [away - 0.5, away - 1, 0.5])
    lower, upper = shape.box({"l": lengths})
    assert upper[:, 1].tolist() == [1, 2, 4] and (lower == 0).all()
    rng = np.random.default_rng(0)
    many = rng.choice(lengths, 3000)
    place, _, there = boundary(shape, rng.random((3000, 2)), {"l": many})
    np.testing.assert_allclose(shape.distance({"x": place[:, 0], "y": place[:, 1], "l": many})[there], 0, atol=1e-12)
    assert np.isclose(place[there, 1], many[there]).any()


def test_walls_of_a_channel_and_its_open_ends():
    shape = read(EXACT["channel"][0])
    points = {"x": np.array([0.1, 2.5]), "y": np.array([0.3, 0.9])}
    np.testing.assert_allclose(shape.distance(points), [0.1, 0.1])
    np.testing.assert_allclose(shape.clearance(points), [0.3, 0.1])
    unit = np.random.default_rng(0).random((200, 2))
    for ends in (True, False):
        place = boundary(shape, unit, {}, open_too=ends)[0]
        assert bool(np.isclose(place[:, 0], 0).any()) is ends


def test_walls_of_what_is_combined_out_of_channels():
    duct = {"shape": "channel", "x": [0, 4], "y": [0, 1], "along": "x"}
    room = {"shape": "rectangle", "x": [4, 6], "y": [-1, 2]}
    block = {"shape": "rectangle", "x": [1, 2], "y": [0, 0.5]}
    points = {"x": np.array([0.1, 3.9, 0.9, 5.0]), "y": np.array([0.4, 0.4, 0.2, 0.5])}
    np.testing.assert_allclose(read({"difference": [duct, block]}).clearance(points)[:3], [0.4, 0.4, 0.1])
    np.testing.assert_allclose(read({"union": [duct, room]}).clearance(points), [0.4, 0.4, 0.2, 1.0])
    lower = {"shape": "rectangle", "x": [-1, 5], "y": [-1, 0.6]}
    np.testing.assert_allclose(read({"intersection": [duct, lower]}).clearance(points)[:3], [0.2, 0.2, 0.2])
    moved = {**duct, "scale": 2, "about": [0, 0], "shift": {"x": 1}}
    np.testing.assert_allclose(read(moved).clearance({"x": np.array([1.1]), "y": np.array([0.8])}), [0.8])


@pytest.mark.parametrize(
    ("node", "message"),
    [
        ({"shape": "rectangle", "x": [0, 1]}, "a rectangle has two coordinates; here stand x"),
        ({"shape": "circle", "x": 0, "y": 0}, "data.geometry.it.radius: is missing"),
        ({"shape": "circle", "x": 0, "y": 0, "radius": "r"}, "data.geometry.it.radius: r: r is not declared"),
        ({"shape": "ellipse", "x": 0, "y": 0, "radii": 1}, "radii: give the radii along both coordinates"),
        ({"shape": "polygon", "x": [0, 1], "y": [0, 1]}, "it.x: give three corners or more"),
        ({"shape": "polygon", "x": [0, 1, 2, 0], "y": [0, 1, 2]}, "has not as many numbers for x as for y"),
        ({"shape": "cylinder", "x": 0, "y": 0, "z": 0, "radius": 1}, "give one coordinate two ends"),
        ({"shape": "channel", "x": [0, 1], "y": [0, 1], "along": "z"}, "it.along: no coordinate z"),
        ({"union": [CLOSED]}, "it.union: give two shapes or more"),
        ({"union": [CLOSED, {"shape": "line", "x": [0, 1]}]}, "one part has the coordinates x, y, another x"),
        ({"union": [CLOSED, "that"]}, "it.union: no geometry that; there are it"),
        ({"union": [CLOSED, "it"]}, "data.geometry.it: is made of itself"),
        ({"union": [CLOSED, CLOSED], "x": 1}, "it.x: a union has no such key"),
        ({**CLOSED, "rotate": {"z": 1}}, "it.rotate: give an angle"),
        ({**CLOSED, "shift": {"z": 1}}, "it.shift: give how far by coordinate"),
        ("that", "data.geometry.it: no geometry that"),
        (3, "data.geometry.it: is 3"),
    ],
)  # fmt: skip
def test_a_mistake_is_one_line(node, message):
    with pytest.raises(UserError) as refusal:
        read(node)
    assert message in str(refusal.value)
