import numpy as np
import pytest

from twinlib.errors import UserError
from twinlib.flow.channel import passable
from twinlib.flow.fields import FAMILIES
from twinlib.flow.shapes import SHAPES, Room, arrangement, distance, inside, mask, naca, turned

ROOM = Room(2.0)
SQUARE = np.array([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]])


def area(outline):
    x, y = outline.T
    return abs(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1))) / 2


def test_the_families_are_those_of_the_data():
    assert tuple(SHAPES) == FAMILIES


@pytest.mark.parametrize("family", FAMILIES)
def test_a_shape_is_solid_at_the_small_size_and_seeded(family):
    for seed in range(20):
        outline = SHAPES[family](np.random.default_rng(seed))
        assert (outline == SHAPES[family](np.random.default_rng(seed))).all()
        cells = (~mask([outline + np.array([1, 0.5])], 64, 128)).sum() / 64**2
        assert cells == pytest.approx(area(outline), abs=0.1 * area(outline) + 0.002)
        assert cells * 64**2 > 30
        assert np.ptp(outline, axis=0).max() < 0.7


def test_naca_0012():
    """Its thickness is 12 % at 30 % of the chord; its area 0.08221, the integral of the published polynomial."""
    outline = naca(0, 0.4, 0.12)
    top, bottom = outline[:, 1].max(), outline[:, 1].min()
    assert (top, bottom) == pytest.approx((0.06, -0.06), abs=1e-4)
    assert outline[outline[:, 1].argmax(), 0] == pytest.approx(0.3, abs=0.03)
    exact = 2 * 0.6 * (0.2969 / 1.5 - 0.1260 / 2 - 0.3516 / 3 + 0.2843 / 4 - 0.1036 / 5)
    assert area(outline) == pytest.approx(exact, rel=0.01)
    camber = naca(0.04, 0.4, 0.0)
    assert camber[:, 1].max() == pytest.approx(0.04, abs=1e-4)  # 4412's mean line


def test_turned_against_the_clock():
    assert turned(np.array([[1.0, 0.0]]), np.pi / 2) == pytest.approx(np.array([[0.0, 1.0]]))


def test_inside_and_the_mask_of_a_circle():
    assert inside(SQUARE, np.array([[0.5, 0.5], [1.5, 0.5], [-0.1, 0.5], [0.5, 1.1]])).tolist() == [
        True,
        False,
        False,
        False,
    ]
    angle = np.linspace(0, 2 * np.pi, 2000, endpoint=False)
    circle = np.stack([1 + 0.3 * np.cos(angle), 0.5 + 0.3 * np.sin(angle)], axis=1)
    y, x = (np.mgrid[:40, :80] + 0.5) / 40
    assert (mask([circle], 40, 80) == (np.hypot(y - 0.5, x - 1) > 0.3)).all()


@pytest.mark.parametrize(
    ("shift", "expected"),
    [((2, 0), 1), ((2, 2), 2**0.5), ((0.5, 0.5), 0), ((0, 0), 0), ((-1.25, 0.1), 0.25)],
)
def test_distance_of_two_squares(shift, expected):
    assert distance(SQUARE, SQUARE + shift) == pytest.approx(expected)
    assert distance(SQUARE + shift, SQUARE) == pytest.approx(expected)


def test_distance_of_what_crosses_or_contains():
    bar = (SQUARE - 0.5) * [3, 0.1] + 0.5  # through the square, no corner in it
    assert distance(SQUARE, bar) == distance(bar, SQUARE) == 0
    assert distance(SQUARE, (SQUARE - 0.5) * 0.1 + 0.5) == 0


@pytest.mark.parametrize("count", [1, 3, 5])
def test_obstacles_touch_nothing(count):
    for seed in range(10):
        outlines = arrangement(np.random.default_rng(seed), FAMILIES[:3], count, ROOM)
        assert len(outlines) == count
        for n, outline in enumerate(outlines):
            (left, low), (right, high) = outline.min(axis=0), outline.max(axis=0)
            assert min(low, 1 - high) >= ROOM.wall - 1e-12
            assert left >= ROOM.inlet - 1e-12
            assert right <= ROOM.length - ROOM.outlet + 1e-12
            for other in outlines[:n]:
                sampled = np.concatenate(
                    [outline + t * (np.roll(outline, -1, axis=0) - outline) for t in np.linspace(0, 1, 20)]
                )
                assert np.hypot(*(sampled[:, None] - other).T).min() >= ROOM.gap - 1e-12
        passable(mask(outlines, 64, 128))


def test_the_same_seed_gives_the_same_arrangement_on_every_grid():
    one, two = (arrangement(np.random.default_rng(4), ["car"], 2, ROOM) for _ in range(2))
    assert all((a == b).all() for a, b in zip(one, two, strict=True))
    coarse, fine = mask(one, 64, 128), mask(two, 256, 512)
    assert abs((~coarse).mean() - (~fine).mean()) < 0.003


def test_no_room_and_no_family():
    with pytest.raises(UserError, match="no room for 40"):
        arrangement(np.random.default_rng(0), ["ellipse"], 40, ROOM)
    with pytest.raises(UserError, match="families: elipse is unknown; there are ellipse"):
        arrangement(np.random.default_rng(0), ["elipse"], 1, ROOM)
