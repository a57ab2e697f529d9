from types import SimpleNamespace

import numpy as np
import pytest

from tests.flow import tiny
from twinlib.flow.dataset import Flows
from twinlib.plots.flow import field, flows


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    folder = tmp_path_factory.mktemp("flow") / "flow"
    tiny.write(folder)
    return Flows(str(folder), "sdf", [tiny.ROWS, tiny.COLUMNS, 2], name="flow")


def test_best_typical_and_worst_of_each_split(dataset, tmp_path, figures):
    _, targets = dataset.batch("test", np.arange(8))
    off = np.array([0.3, 0.1, 0.5, 0.2, 0.4, 0.7, 0.6, 0.8])
    test = SimpleNamespace(predictions=targets * (1 - off[:, None, None, None]), targets=targets)
    paths = flows(SimpleNamespace(tests={"test": test, "test_more": test}), dataset, tmp_path)
    assert [path.name for path in paths] == ["flows_test.png", "flows_test_more.png"]
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in paths)
    drawn = figures["flows_test.png"]
    panels = [axes for axes in drawn.axes if axes.get_title()]
    assert [axes.get_ylabel() for axes in panels[::5]] == ["best (10.0%)", "typical (40.0%)", "worst (80.0%)"]
    assert "synthetic data" in drawn.get_suptitle() and "split test" in drawn.get_suptitle()
    # the worst flow: its error is 0.8 of its speed, and solids are left out
    speed, wrong = (panels[10 + column].images[0].get_array() for column in (1, 3))
    np.testing.assert_allclose(wrong, 0.8 * speed, rtol=1e-5)
    assert speed.mask.sum() == (dataset.columns("test")["fluid"][7] == 0).sum() > 0


def test_the_picture_of_one_flow(dataset, tmp_path, figures):
    inputs, targets = dataset.batch("test", np.arange(1))
    fluid = inputs[0, ..., 1] > 0.5
    field(targets[0], fluid, tmp_path / "flow.png", title="a flow")
    speed = figures["flow.png"].axes[0].images[0]
    np.testing.assert_allclose(speed.get_array().compressed(), np.hypot(*np.moveaxis(targets[0], -1, 0))[fluid])
    assert speed.origin == "lower"  # row 0 is the lowest
