import numpy as np
import pytest

from twinlib.cyclones.targets import Target, flipped, present
from twinlib.errors import UserError

CENTRES = np.array([[0, 0], [12.25, 31.5], [39.4, -0.4], [-1, -1]], np.float32)


@pytest.mark.parametrize(("label", "value"), [("NONE", -1), ("ONE", -1), ("ZERO_3", -0.3)])
def test_position(label, value):
    taught = Target("position", label).encode(CENTRES)
    assert taught.dtype == np.float32
    # Centres just outside of the outermost points are moved onto them: below 0 means absent.
    np.testing.assert_array_equal(taught, np.array([[0, 0], [12.25, 31.5], [39, 0], [value, value]], np.float32))


@pytest.mark.parametrize(("label", "value"), [("NONE", -1), ("ONE", -1), ("ZERO_3", -0.3)])
def test_scaled_position(label, value):
    """The original's formula: (y - label) / (patch size - 1 - label)."""
    taught = Target("position", label, target_scale=True).encode(CENTRES)
    span = 39 - value
    expected = [[-value / span] * 2, [(12.25 - value) / span, (31.5 - value) / span], [1, -value / span], [0, 0]]
    np.testing.assert_allclose(taught, expected, rtol=1e-6)


def test_rounded_coordinates_are_the_nearest_grid_point():
    taught = Target("detection", coordinates="rounded_cyclone").encode(CENTRES)
    np.testing.assert_array_equal(taught, [[1, 0, 0], [1, 12, 32], [1, 39, 0], [0, -1, -1]])


def test_density_is_a_gaussian_with_its_peak_at_the_centre():
    maps = Target("density", sigma=5.0).encode(CENTRES)
    assert maps.dtype == np.float32 and maps.shape == (4, 40, 40, 1)
    row, column = np.mgrid[:40, :40]
    for centre, density in zip(CENTRES[:3], maps[:3, ..., 0], strict=True):
        distance = np.hypot(row - centre[0], column - centre[1])
        np.testing.assert_allclose(density, np.exp(-(distance**2) / 50), atol=1e-6)
    assert not maps[3].any()


@pytest.mark.parametrize("kind", ["position", "detection", "density"])
@pytest.mark.parametrize("label", ["NONE", "ZERO_3", "ONE"])
@pytest.mark.parametrize("scale", [False, True])
def test_decoding_what_was_encoded(kind, label, scale):
    target = Target(kind, label, scale)
    rng = np.random.default_rng(0)
    centres = rng.uniform(0 if kind == "position" else -0.5, 39, (200, 2)).astype(np.float32)
    centres[::4] = -1
    there = present(centres)
    taught = target.encode(centres)
    assert taught.shape == (200, *target.shape)
    if kind == "detection":
        taught[:, 0] = np.where(taught[:, 0] == 1, 5, -5)  # as logits
    probability, position = target.decode(taught)
    assert probability.dtype == position.dtype == np.float32
    np.testing.assert_allclose(position[there], centres[there], atol=2e-5)
    assert probability[there].min() > 0.98 and probability[~there].max() < 0.01


def test_probability_of_a_position_is_the_way_from_the_label_to_zero():
    said = np.array([[-1, 5], [-0.5, 20], [-0.1, -0.1], [0, 3], [45, 12]], np.float32)
    probability, position = Target("position", "ONE").decode(said)
    np.testing.assert_allclose(probability, [0, 0.5, 0.9, 1, 1], atol=1e-6)  # 0.9 is the original's rule
    np.testing.assert_allclose(position, [[0, 5], [0, 20], [0, 0], [0, 3], [39, 12]])
    np.testing.assert_allclose(Target("position", "ZERO_3").decode(said / 2)[0][1:3], [1 / 6, 5 / 6], atol=1e-6)


def test_probability_of_a_detection_is_the_sigmoid():
    logits = np.array([-1000, -2, 0, 3, 1000], np.float32)
    said = np.column_stack([logits, np.zeros((5, 2), np.float32)])
    expected = [0, 1 / (1 + np.exp(2)), 0.5, 1 / (1 + np.exp(-3)), 1]
    np.testing.assert_allclose(Target("detection").decode(said)[0], expected, rtol=1e-6)


def test_a_flat_density_has_a_position_all_the_same():
    probability, position = Target("density").decode(np.full((2, 40, 40, 1), 0.25, np.float32))
    np.testing.assert_allclose(probability, 0.25)
    assert ((position >= 0) & (position <= 39)).all()


def test_mirrored_positions():
    position = np.array([[3, 10.25], [3, 10.25], [3, 10.25], [3, 10.25], [-1, -1]], np.float32)
    up_down, left_right = np.array([0, 1, 0, 1, 1], bool), np.array([0, 0, 1, 1, 1], bool)
    expected = [[3, 10.25], [36, 10.25], [3, 28.75], [36, 28.75], [-1, -1]]
    np.testing.assert_array_equal(flipped(position, up_down, left_right), expected)


@pytest.mark.parametrize("kind", ["position", "density"])
def test_mirroring_and_encoding_commute(kind):
    """A density of a mirrored position is the mirrored density."""
    position = np.array([[3.25, 10.5]], np.float32)
    for up_down, left_right in [(True, False), (False, True), (True, True)]:
        moved = Target(kind).encode(flipped(position, np.array([up_down]), np.array([left_right])))
        still = Target(kind).encode(position)
        if kind == "density":
            expected = still[:, :: -1 if up_down else 1, :: -1 if left_right else 1]
        else:
            expected = np.where([up_down, left_right], 39 - still, still)
        np.testing.assert_allclose(moved, expected, atol=1e-6)


def test_of_config():
    data = {"name": "cyclones", "target": "detection", "label_no_cyclone": "ZERO_3", "target_scale": True, "sigma": 3.0}
    assert Target.of_config(data) == Target("detection", "ZERO_3", True, 3.0)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"kind": "box"}, r"data\.target is box; use one of position, detection, density"),
        ({"label_no_cyclone": "-1"}, r"data\.label_no_cyclone is -1; use one of NONE, ZERO_3, ONE"),
        ({"label_no_cyclone": None}, r"data\.label_no_cyclone is null; use one of NONE"),
        ({"target_scale": "yes"}, r"data\.target_scale is yes; use one of false, true"),
        ({"coordinates": "real_cyclone"}, r"data\.coordinates is real_cyclone; use one of patch_cyclone"),
        ({"sigma": 0.0}, r"data\.sigma is 0\.0"),
    ],
)
def test_unknown_values(values, message):
    with pytest.raises(UserError, match=message):
        Target(**values)


def test_predictions_of_another_shape():
    with pytest.raises(UserError, match=r"data\.target position is predicted as \(n, 2\); the model gives \(5, 3\)"):
        Target("position").decode(np.zeros((5, 3), np.float32))
