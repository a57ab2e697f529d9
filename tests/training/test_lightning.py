import os
import signal

import numpy as np
import pytest
import torch
from torch import nn

from twinlib.training import lightning as adapter
from twinlib.training import torch_module
from twinlib.training.outcome import Silent
from twinlib.training.torch_tensors import call, precision_of


def test_weights_are_tensors_that_load_without_running_anything(train, tmp_path):
    train("torch", model="cnn")
    state = torch.load(tmp_path / "weights.pt", weights_only=True)
    assert [tuple(value.shape) for value in state.values()][:2] == [(4, 1, 3, 3), (4,)]


def test_channels_are_first_inside_the_model_and_last_outside():
    seen = []

    def model(inputs):
        seen.append(tuple(inputs.shape))
        return inputs

    images = torch.arange(2 * 3 * 4 * 5.0).reshape(2, 3, 4, 5)
    assert torch.equal(call(model, images), images)
    rows = torch.ones(2, 7)
    assert call(model, rows).shape == (2, 7)
    assert seen == [(2, 5, 3, 4), (2, 7)]


def test_half_precision_outputs_are_widened():
    assert call(lambda inputs: inputs.bfloat16(), torch.ones(2, 7)).dtype == torch.float32


def test_evaluates_without_dropout_and_trains_with_it(train):
    """Dropout of nearly all makes the training loss useless and leaves that of an evaluation alone."""
    row = train("torch", "lr=1e-30", "epochs=1", "model.dropout=[0,0.9]", model="cnn").history[0]
    plain = train("torch", "lr=1e-30", "epochs=1", model="cnn").history[0]
    assert row["val_loss"] == plain["val_loss"]
    assert row["train_loss"] != pytest.approx(plain["train_loss"], rel=1e-3)


def test_batch_norm_is_kept_with_the_weights(configure, digits, tmp_path, monkeypatch):
    """Its running means are no parameters, but a prediction needs them."""
    config = configure("torch", "epochs=1")
    model = lambda: nn.Sequential(nn.BatchNorm2d(1), nn.Flatten(), nn.Linear(64, 10))  # noqa: E731
    build = adapter.build
    monkeypatch.setattr(adapter, "build", lambda node: model() if node is config["model"] else build(node))
    monkeypatch.setattr(torch_module, "build", adapter.build)
    outcome = adapter.train(config=config, dataset=digits, folder=tmp_path)
    inputs, _ = digits.batch("test", np.arange(101))
    np.testing.assert_array_equal(adapter.predictor(config, tmp_path)(inputs), outcome.predictions)
    assert torch.load(tmp_path / "weights.pt", weights_only=True)["0.running_mean"].item() > 0


class Penalised(nn.Sequential):
    def __init__(self, factor):
        super().__init__(nn.Flatten(), nn.Linear(64, 10, bias=False))
        self.factor = factor

    def penalty(self):
        return self.factor * self[1].weight.sum()


@pytest.mark.parametrize("accumulate", [1, 3])
def test_what_a_model_adds_to_the_loss_counts_once_a_batch(configure, digits, tmp_path, monkeypatch, accumulate):
    config = configure("torch", "epochs=1", "lr=0.1", f"accumulate={accumulate}")
    build = adapter.build
    weights = []
    for factor in (0.0, 2.0):
        model = lambda factor=factor: Penalised(factor)  # noqa: E731
        monkeypatch.setattr(
            torch_module, "build", lambda node, model=model: model() if node is config["model"] else build(node)
        )
        outcome = adapter.train(config=config, dataset=digits, folder=tmp_path, steps=1)
        weights.append(torch.load(tmp_path / "weights.pt", weights_only=True)["1.weight"])
    # One step from the same weights: the gradient of the penalty is its factor.
    np.testing.assert_allclose((weights[0] - weights[1]).numpy(), 0.1 * 2.0, rtol=1e-5)
    assert outcome.history[0]["train_loss"] < 3  # of the samples, without the penalty


def test_a_terminated_training_does_not_end_well(train):
    class Terminates(Silent):
        def batch(self):
            os.kill(os.getpid(), signal.SIGTERM)

    with pytest.raises(SystemExit) as end:
        train("torch", report=Terminates())
    assert end.value.code == 143


@pytest.mark.parametrize(("tf32", "kind"), [(True, "tf32"), (False, "ieee")])
def test_products_on_a_gpu_are_rounded_only_when_asked_for(tf32, kind):
    precision_of("32", "cpu", tf32)
    assert torch.backends.cuda.matmul.fp32_precision == torch.backends.cudnn.conv.fp32_precision == kind


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning:torch")  # torch's compiler imports its older one
def test_compile_changes_rounding_only(train, configure, digits, tmp_path):
    plain = train("torch", "epochs=1", steps=1).metrics
    compiled = train("torch", "epochs=1", "trainer.compile=true", steps=1)
    assert compiled.metrics == pytest.approx(plain, rel=1e-5)
    inputs, _ = digits.batch("test", np.arange(32))
    predict = adapter.predictor(configure("torch"), tmp_path)  # the weights go by the names of the plain model
    np.testing.assert_allclose(predict(inputs), compiled.predictions, atol=1e-6)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("precision", ["32", "bf16-mixed", "16-mixed"])
def test_trains_on_a_gpu(train, precision):
    metrics = train("torch", "epochs=8", "lr=1", "clip_norm=1", f"strategy.precision={precision}").metrics
    assert metrics["test_accuracy"] > 0.65
