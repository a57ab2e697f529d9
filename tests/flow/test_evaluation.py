import numpy as np
import pytest

from tests.flow import tiny
from twinlib.flow.dataset import Flows
from twinlib.flow.divergence import box_divergence
from twinlib.flow.drag import drag
from twinlib.flow.evaluation import FlowErrors, divergence, relative_l2

SHAPE = [tiny.ROWS, tiny.COLUMNS, 2]


@pytest.fixture(scope="module")
def flows(tmp_path_factory):
    folder = tmp_path_factory.mktemp("flow") / "flow"
    tiny.write(folder)
    return Flows(str(folder), "sdf", SHAPE)


def test_errors_of_a_scaled_flow_are_known(flows):
    """A prediction that is the truth times (1 + e) is off by e, everywhere and near walls."""
    _, targets = flows.batch("test", np.arange(8))
    off = np.array([0.01, 0.02, 0.03, 0.04, 0.05, 0.06, 0.07, -0.2])
    found = FlowErrors()(flows, "test", targets * (1 + off[:, None, None, None]), targets)
    assert found["l2_mean"] == pytest.approx(np.abs(off).mean(), rel=1e-4)
    assert found["l2_median"] == pytest.approx(0.045, rel=1e-4)
    assert found["l2_worst"] == pytest.approx(0.2, rel=1e-4)
    assert found["near_wall"] == pytest.approx(0.045, rel=1e-4)
    assert found["divergence"] == pytest.approx(found["divergence_truth"], rel=0.05)
    forces, fluid = flows.columns("test")["drag"][:, 0], flows.columns("test")["fluid"][..., 0] > 0.5
    own = np.array([drag(fluid[row], targets[row], 100.0) for row in range(8)])
    assert found["drag_error_truth"] == pytest.approx(np.median(np.abs(own / forces - 1)), rel=1e-5)
    assert found["drag_error"] != found["drag_error_truth"]


def test_the_truth_has_no_error(flows):
    _, targets = flows.batch("test_unseen", np.arange(8))
    found = FlowErrors()(flows, "test_unseen", targets, targets)
    assert found["l2_worst"] == found["near_wall"] == 0
    assert found["divergence"] == found["divergence_truth"] > 0
    assert found["drag_error"] == found["drag_error_truth"]


def test_only_the_flows_that_were_predicted_count(flows):
    _, targets = flows.batch("test", np.arange(3))
    assert FlowErrors()(flows, "test", targets * 1.5, targets)["l2_mean"] == pytest.approx(0.5)


def test_what_is_wrong_near_walls_is_told_apart(flows):
    _, targets = flows.batch("test", np.arange(8))
    columns = flows.columns("test")
    near = (columns["fluid"] == 1) & (columns["sdf"] <= 3)
    found = FlowErrors()(flows, "test", np.where(near, 0, targets), targets)
    assert found["near_wall"] == 1
    assert 0 < found["l2_median"] < 0.6


def test_relative_l2_over_some_cells():
    target = np.zeros((2, 2, 2, 2))
    target[0, 0, 0] = [3, 4]
    prediction = target.copy()
    prediction[0, 0, 0] += [0, 1]
    prediction[0, 1, 1] = [9, 9]  # not asked for
    where = np.ones((2, 2, 2, 1))
    where[0, 1, 1] = 0
    np.testing.assert_allclose(relative_l2(prediction, target, where), [0.2, 0])


def test_divergence_is_a_root_mean_square_between_fluid_cells():
    rng = np.random.default_rng(0)
    velocity, fluid = rng.normal(size=(1, 4, 5, 2)), np.ones((1, 4, 5, 1))
    fluid[0, 0, 0] = 0
    leak = box_divergence(velocity[..., 0], velocity[..., 1])[0].ravel()[1:]
    np.testing.assert_allclose(divergence(velocity, fluid), [np.sqrt(np.mean(leak**2))])
