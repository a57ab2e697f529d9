import numpy as np
import pytest

from tests.flow import tiny
from twinlib.errors import UserError
from twinlib.flow.dataset import Flows

SHAPE = [tiny.ROWS, tiny.COLUMNS, 2]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("flow") / "flow"
    tiny.write(folder)
    return str(folder)


def test_boundary_and_mask_in_velocity_out(folder):
    flows = Flows(folder, "sdf", SHAPE)
    columns, rows = flows.columns("test"), np.array([5, 2])
    inputs, velocity = flows.batch("test", rows)
    assert inputs.dtype == velocity.dtype == np.float32
    np.testing.assert_allclose(inputs[..., 0], columns["sdf"][rows][..., 0] / (tiny.ROWS / 2))
    np.testing.assert_array_equal(inputs[..., 1], columns["fluid"][rows][..., 0])
    np.testing.assert_array_equal(velocity, columns["velocity"][rows])
    binary, _ = Flows(folder, "binary", SHAPE).batch("test", rows)
    np.testing.assert_array_equal(binary[..., 0], binary[..., 1])
    np.testing.assert_array_equal(binary[..., 1], inputs[..., 1])


def test_what_the_record_keeps_takes_a_boundary(folder):
    flows = Flows(folder, "sdf", SHAPE)
    assert flows.preprocess.field.names == ("sdf", "fluid")
    inputs, _ = flows.batch("test", np.arange(2))
    np.testing.assert_array_equal(flows.preprocess(inputs), inputs)


def test_half_of_the_training_flows_are_mirrored(folder):
    flows = Flows(folder, "sdf", SHAPE)
    rows = np.zeros(200, np.int64)  # one flow, 200 times
    stored, straight = flows.batch("train", rows)
    inputs, velocity = flows.batch("train", rows, np.random.default_rng(0))
    mirrored = np.array([not np.array_equal(one, stored[0]) for one in inputs])
    assert 70 < mirrored.sum() < 130
    np.testing.assert_array_equal(inputs[mirrored][0], stored[0, ::-1])
    np.testing.assert_array_equal(velocity[mirrored][0, ..., 0], straight[0, ::-1, :, 0])
    np.testing.assert_array_equal(velocity[mirrored][0, ..., 1], -straight[0, ::-1, :, 1])
    np.testing.assert_array_equal(velocity[~mirrored][0], straight[0])
    unchanged, _ = Flows(folder, "sdf", SHAPE, reflect=False).batch("train", rows, np.random.default_rng(0))
    np.testing.assert_array_equal(unchanged, stored)


@pytest.mark.parametrize(
    ("boundary", "shape", "said"),
    [
        ("grey", SHAPE, "data.boundary is grey; use binary or sdf"),
        ("sdf", [64, 128, 2], "data.input_shape"),
        ("sdf", [*SHAPE[:2], 1], "its last number is 2"),
    ],
)
def test_settings_that_do_not_fit(folder, boundary, shape, said):
    with pytest.raises(UserError, match=said):
        Flows(folder, boundary, shape)
