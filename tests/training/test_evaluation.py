import numpy as np
import pytest

from twinlib.metrics import Accuracy
from twinlib.training.evaluation import evaluate


def forward(inputs, targets):
    return (inputs.sum(axis=1) - targets).astype(np.float32) ** 2, inputs


def batches(size, n=101, seed=0):
    rng = np.random.default_rng(seed)
    inputs, targets = rng.normal(size=(n, 3)).astype(np.float32), rng.integers(0, 3, n)
    for start in range(0, n, size):
        yield inputs[start : start + size], targets[start : start + size]


def test_the_batch_size_changes_nothing():
    whole = evaluate(forward, batches(101), {"accuracy": Accuracy()}).values
    for size in (1, 7, 50, 100):
        assert evaluate(forward, batches(size), {"accuracy": Accuracy()}).values == pytest.approx(whole, rel=1e-12)


def test_mean_over_samples():
    ((inputs, targets),) = batches(101)
    losses, predictions = forward(inputs, targets)
    values = evaluate(forward, batches(7), {"accuracy": Accuracy()}).values
    assert values["loss"] == pytest.approx(losses.astype(np.float64).mean(), rel=1e-12)
    assert values["accuracy"] == (predictions.argmax(axis=1) == targets).mean()


def test_sums_in_float64():
    def large(inputs, targets):
        return np.full(len(inputs), 1e8 if inputs[0, 0] > 0 else 1.0, np.float32), inputs

    def two():
        for sign in [1] + [-1] * 1000:
            yield np.full((1, 1), sign, np.float32), np.zeros(1)

    assert evaluate(large, two(), {}).values["loss"] == (1e8 + 1000) / 1001


def test_collects_in_order_only_when_asked():
    ((inputs, targets),) = batches(101)
    found = evaluate(forward, batches(7), {}, collect=True)
    np.testing.assert_array_equal(found.predictions, inputs)
    np.testing.assert_array_equal(found.targets, targets)
    assert evaluate(forward, batches(7), {}).predictions.size == 0


def test_metrics_begin_anew_at_each_evaluation():
    metrics = {"accuracy": Accuracy()}
    first = evaluate(forward, batches(7), metrics).values
    evaluate(forward, batches(7, seed=1), metrics)
    assert evaluate(forward, batches(7), metrics).values == first
