"""The losses of both frameworks against a closed form, and so against each other."""

from importlib import import_module

import numpy as np
import pytest
from scipy.special import expit, log_softmax

from twinlib.errors import UserError

RNG = np.random.default_rng(0)


@pytest.fixture(params=["torch", "keras"])
def framework(request):
    return request.param


@pytest.fixture
def losses(framework):
    """Losses and the gradient of their sum with respect to the prediction, in numpy."""

    def of(name, prediction, target, **options):
        if framework == "torch":
            import torch

            loss = import_module("twinlib.loss.torch")
            given = torch.tensor(prediction, requires_grad=True)
            values = getattr(loss, name)(**options)(given, torch.tensor(target))
            values.sum().backward()
            return values.detach().numpy(), given.grad.numpy()
        tf = import_module("twinlib.training.keras").tf
        loss = import_module("twinlib.loss.keras")
        given = tf.constant(prediction)
        with tf.GradientTape() as tape:
            tape.watch(given)
            values = getattr(loss, name)(**options)(given, tf.constant(target))
        return values.numpy(), tape.gradient(values, given).numpy()

    return of


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("shape", [(6,), (6, 4), (6, 4, 3)])
def test_cross_entropy(losses, shape, smoothing):
    logits, target = 3 * RNG.normal(size=(*shape, 5)).astype(np.float32), RNG.integers(0, 5, shape)
    values, gradient = losses("CrossEntropy", logits, target, label_smoothing=smoothing)
    wanted = (1 - smoothing) * np.eye(5)[target] + smoothing / 5
    expected = -(wanted * log_softmax(logits.astype(float), axis=-1)).sum(axis=-1)
    np.testing.assert_allclose(values, expected.reshape(6, -1).mean(axis=1), rtol=1e-5)
    elements = np.prod(shape[1:])
    np.testing.assert_allclose(gradient, (np.exp(log_softmax(logits, axis=-1)) - wanted) / elements, atol=1e-6)


def test_cross_entropy_of_hopeless_logits_is_finite(losses):
    values, gradient = losses("CrossEntropy", np.array([[1000.0, -1000.0]], np.float32), np.array([1]))
    assert values == pytest.approx([2000.0]) and np.isfinite(gradient).all()


@pytest.mark.parametrize("weight", [1.0, 5.0])
@pytest.mark.parametrize("shape", [(6,), (6, 4), (6, 4, 3, 1)])
def test_binary_cross_entropy(losses, shape, weight):
    logits, target = 3 * RNG.normal(size=shape).astype(np.float32), RNG.random(shape).astype(np.float32)
    values, gradient = losses("BinaryCrossEntropy", logits, target, positive_weight=weight)
    probability = expit(logits.astype(float))
    expected = -(weight * target * np.log(probability) + (1 - target) * np.log(1 - probability))
    np.testing.assert_allclose(values, expected.reshape(6, -1).mean(axis=1), rtol=1e-5)
    slope = (1 - target) * probability - weight * target * (1 - probability)
    np.testing.assert_allclose(gradient, slope / np.prod(shape[1:]), atol=1e-6)


def test_binary_cross_entropy_of_hopeless_logits_is_finite(losses):
    values, gradient = losses("BinaryCrossEntropy", np.array([[-1000.0]], np.float32), np.array([[1.0]], np.float32))
    assert values == pytest.approx([1000.0]) and np.isfinite(gradient).all()


@pytest.mark.parametrize(
    ("name", "function", "slope"),
    [("MeanSquaredError", np.square, lambda x: 2 * x), ("MeanAbsoluteError", np.abs, np.sign)],
)
@pytest.mark.parametrize("shape", [(6,), (6, 4), (6, 4, 3, 2)])
def test_errors(losses, name, function, slope, shape):
    prediction, target = RNG.normal(size=shape).astype(np.float32), RNG.normal(size=shape).astype(np.float32)
    values, gradient = losses(name, prediction, target)
    difference = prediction - target
    np.testing.assert_allclose(values, function(difference).reshape(6, -1).mean(axis=1), rtol=1e-5)
    np.testing.assert_allclose(gradient, slope(difference) / np.prod(shape[1:]), rtol=1e-5)


@pytest.mark.parametrize(("prediction", "target"), [((6, 1), (6,)), ((6,), (6, 1))])
def test_a_column_and_a_row_do_not_become_a_table(losses, prediction, target):
    one, other = RNG.normal(size=prediction).astype(np.float32), RNG.normal(size=target).astype(np.float32)
    values, _ = losses("MeanSquaredError", one, other)
    np.testing.assert_allclose(values, (one.ravel() - other.ravel()) ** 2, rtol=1e-5)


@pytest.mark.parametrize("name", ["MeanSquaredError", "MeanAbsoluteError", "CrossEntropy"])
@pytest.mark.parametrize(("prediction", "target"), [((6, 3), (6, 2)), ((6, 2, 3), (6,)), ((6, 2, 3), (6, 3, 2))])
def test_shapes_that_do_not_belong_together(losses, name, prediction, target):
    with pytest.raises(UserError, match="for each sample the model gives"):
        losses(name, np.zeros(prediction, np.float32), np.zeros(target, int))
