import numpy as np
import pytest
from sklearn.metrics import accuracy_score, mean_absolute_error, mean_squared_error

from twinlib.errors import UserError
from twinlib.metrics import Accuracy, MeanAbsoluteError, MeanSquaredError

RNG = np.random.default_rng(0)


def stream(metric, prediction, target, size=7):
    for start in range(0, len(target), size):
        metric.update(prediction[start : start + size], target[start : start + size])
    return metric.compute()


def test_accuracy_of_classes():
    prediction, target = RNG.random((100, 4)).astype(np.float32), RNG.integers(0, 4, 100)
    assert stream(Accuracy(), prediction, target) == accuracy_score(target, prediction.argmax(axis=1))


def test_accuracy_of_each_pixel():
    prediction, target = RNG.random((20, 5, 6, 3)), RNG.integers(0, 3, (20, 5, 6))
    found = accuracy_score(target.ravel(), prediction.argmax(axis=-1).ravel())
    assert stream(Accuracy(), prediction, target) == found


@pytest.mark.parametrize("shape", [(100,), (100, 1)])
def test_accuracy_of_two_classes(shape):
    prediction, target = RNG.random(shape), RNG.integers(0, 2, 100)
    assert stream(Accuracy(), prediction, target) == accuracy_score(target, prediction.ravel() >= 0.5)


@pytest.mark.parametrize(
    ("metric", "reference"), [(MeanSquaredError, mean_squared_error), (MeanAbsoluteError, mean_absolute_error)]
)
@pytest.mark.parametrize("shape", [(100,), (100, 3), (20, 4, 5, 2)])
def test_errors(metric, reference, shape):
    prediction, target = RNG.normal(size=shape).astype(np.float32), RNG.normal(size=shape).astype(np.float32)
    expected = reference(target.ravel().astype(float), prediction.ravel().astype(float))
    assert stream(metric(), prediction, target) == pytest.approx(expected, rel=1e-12)


def test_a_column_and_a_row_do_not_become_a_table():
    prediction, target = RNG.normal(size=(100, 1)), RNG.normal(size=100)
    expected = mean_squared_error(target, prediction[:, 0])
    assert stream(MeanSquaredError(), prediction, target) == pytest.approx(expected)


def test_sums_in_float64():
    metric = MeanSquaredError()
    metric.update(np.full(1, 1e4, np.float32), np.zeros(1, np.float32))
    for _ in range(1000):
        metric.update(np.ones(1, np.float32), np.zeros(1, np.float32))
    assert metric.compute() == (1e8 + 1000) / 1001


@pytest.mark.parametrize("metric", [Accuracy, MeanSquaredError, MeanAbsoluteError])
@pytest.mark.parametrize(("prediction", "target"), [((5, 3), (5, 2)), ((5, 3, 3), (5,)), ((5, 2, 3), (5, 3, 2))])
def test_shapes_that_do_not_belong_together(metric, prediction, target):
    with pytest.raises(UserError, match="for each sample the model gives"):
        metric().update(np.zeros(prediction), np.zeros(target, int))
