"""The losses of detections of both frameworks against a closed form, and so against each other."""

from importlib import import_module

import numpy as np
import pytest
from scipy.special import expit, huber

from twinlib.errors import UserError

RNG = np.random.default_rng(0)
DEVIATIONS = {
    "mae": (np.abs, np.sign),
    "mse": (np.square, lambda e: 2 * e),
    "huber": (lambda e: huber(0.7, e), lambda e: np.clip(e, -0.7, 0.7)),
}


@pytest.fixture(params=["torch", "keras"])
def losses(request):
    """Losses and the gradient of their sum with respect to the prediction, in numpy."""

    def of(prediction, target, **options):
        if request.param == "torch":
            import torch

            given = torch.tensor(prediction, requires_grad=True)
            values = import_module("twinlib.cyclones.loss_torch").Detection(**options)(given, torch.tensor(target))
            values.sum().backward()
            return values.detach().numpy(), given.grad.numpy()
        tf = import_module("twinlib.training.keras").tf
        loss = import_module("twinlib.cyclones.loss_keras").Detection(**options)
        given = tf.constant(prediction)
        with tf.GradientTape() as tape:
            tape.watch(given)
            values = loss(given, tf.constant(target))
        return values.numpy(), tape.gradient(values, given).numpy()

    return of


@pytest.mark.parametrize("deviation", DEVIATIONS)
def test_presence_and_position(losses, deviation):
    there = np.array([1, 0, 1, 1, 0, 1, 0, 1], np.float32)
    prediction = 2 * RNG.normal(size=(8, 3)).astype(np.float32)
    target = np.where(there[:, None] == 1, RNG.normal(size=(8, 3)), -1).astype(np.float32)
    target[:, 0] = there
    values, gradient = losses(prediction, target, position_weight=0.3, deviation=deviation, delta=0.7)

    probability, error = expit(prediction[:, 0].astype(float)), (prediction - target)[:, 1:].astype(float)
    function, slope = DEVIATIONS[deviation]
    entropy = -there * np.log(probability) - (1 - there) * np.log(1 - probability)
    np.testing.assert_allclose(values, entropy + 0.3 * there * function(error).mean(axis=1), rtol=1e-5)
    np.testing.assert_allclose(gradient[:, 0], probability - there, atol=1e-6)
    np.testing.assert_allclose(gradient[:, 1:], 0.15 * there[:, None] * slope(error), atol=1e-6)


def test_hopeless_predictions_have_a_finite_loss(losses):
    prediction = np.array([[1000, 0, 0], [-1000, 1e4, -1e4]], np.float32)
    target = np.array([[0, -1, -1], [1, 0, 0]], np.float32)
    values, gradient = losses(prediction, target, position_weight=1.0, delta=1.0)
    assert values == pytest.approx([1000, 1000 + 1e4 - 0.5])
    assert np.isfinite(gradient).all()


def test_what_is_no_loss(losses):
    with pytest.raises(UserError, match=r"loss\.deviation is mape; use one of mae, mse, huber"):
        losses(np.zeros((2, 3), np.float32), np.zeros((2, 3), np.float32), deviation="mape")
    with pytest.raises(UserError, match="the model gives"):
        losses(np.zeros((2, 2), np.float32), np.zeros((2, 3), np.float32))
    with pytest.raises(UserError, match=r"data\.target=detection"):
        losses(np.zeros((2, 2), np.float32), np.zeros((2, 2), np.float32))
