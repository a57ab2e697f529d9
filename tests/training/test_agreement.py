"""The same weights, the same data, the same keys: the same numbers in both frameworks."""

import sys

import numpy as np
import pytest

from twinlib.models import cnn_torch, linear_torch

# Models of a project, whose weights begin as those in a file.
MODELS = '''
import numpy as np


def torch_model(file, kind, **options):
    from importlib import import_module
    import torch
    model = getattr(import_module(f"twinlib.models.{kind}_torch"), kind)(**options)
    arrays = np.load(file)
    for name, parameter in model.named_parameters():
        parameter.data = torch.from_numpy(arrays[name])
    return model


def keras_model(file, kind, **options):
    from importlib import import_module
    model = getattr(import_module(f"twinlib.models.{kind}_keras"), kind)(**options)
    arrays = np.load(file)
    model.set_weights([to_keras(arrays[name], variable.shape) for name, variable in zip(arrays, model.weights)])
    return model


def to_keras(array, shape):
    """(out, in, 3, 3) -> (3, 3, in, out); (out, in) -> (in, out), an image from channels first to last."""
    if array.ndim == 4:
        return array.transpose(2, 3, 1, 0)
    if array.ndim == 2 and array.shape[1] == 2 * 2 * 6:  # what comes out of the small network's pool
        array = array.reshape(-1, 6, 2, 2).transpose(0, 2, 3, 1).reshape(len(array), -1)
    return array.T
'''
SHAPES = {"linear": {"input_shape": [8, 8, 1], "classes": 10}}
SHAPES["cnn"] = {**SHAPES["linear"], "filters": [4, 6], "dense": 8, "dropout": [0.0, 0.0]}


@pytest.fixture
def both(configure, digits, tmp_path, monkeypatch, weights):
    """Train in both frameworks from the same weights -> both outcomes, and the trained weights of both."""
    from importlib import import_module

    import torch

    (tmp_path / "same_start.py").write_text(MODELS)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "same_start", raising=False)

    def trained(*overrides, kind="linear"):
        torch.manual_seed(5)
        start = {"linear": linear_torch.linear, "cnn": cnn_torch.cnn}[kind](**SHAPES[kind])
        np.savez(tmp_path / "start.npz", **{name: value.detach().numpy() for name, value in start.named_parameters()})
        outcomes, ends = [], []
        for framework, adapter in (("torch", "lightning"), ("keras", "keras")):
            config = configure(framework, "output=identity", "checkpoint=last", *overrides, model=kind)
            target = f"same_start.{framework}_model"
            config["model"] = {"_target_": target, "file": str(tmp_path / "start.npz"), "kind": kind, **SHAPES[kind]}
            train = import_module(f"twinlib.training.{adapter}").train
            outcomes.append(train(config=config, dataset=digits, folder=tmp_path))
            ends.append(weights(framework, tmp_path, model=kind))
        from same_start import to_keras

        ends[0] = [to_keras(array, None) for array in ends[0]]
        return outcomes, ends

    return trained


def assert_agree(outcomes, ends, tolerance):
    first, second = outcomes
    for one, other in zip(first.history, second.history, strict=True):
        for name in ("train_loss", "val_loss", "lr"):
            assert one[name] == pytest.approx(other[name], abs=tolerance), name
    np.testing.assert_allclose(first.predictions, second.predictions, atol=10 * tolerance)
    assert first.metrics == pytest.approx(second.metrics, abs=10 * tolerance)
    for one, other in zip(*ends, strict=True):
        np.testing.assert_allclose(one, other, atol=tolerance)


@pytest.mark.parametrize("kind", ["linear", "cnn"])
def test_logits_and_losses_of_the_same_weights(both, kind):
    outcomes, ends = both("lr=1e-30", "epochs=1", kind=kind)
    assert_agree(outcomes, ends, 1e-6)


@pytest.mark.parametrize(
    "overrides",
    [
        ["lr=0.05"],
        ["optimizer=sgd", "schedule=cosine", "schedule.warmup=0.2", "lr=0.01"],
        ["clip_norm=0.1", "clip_value=0.01", "accumulate=3"],
        ["loss.label_smoothing=0.1"],
    ],
    ids=["sgd", "momentum and schedule", "clipping and accumulation", "label smoothing"],
)
def test_weights_after_two_epochs_of_the_network(both, overrides):
    outcomes, ends = both(*overrides, kind="cnn")
    assert_agree(outcomes, ends, 1e-5)


@pytest.mark.parametrize(
    "overrides",
    [
        ["optimizer=adam", "lr=1e-2"],
        ["optimizer=adamw", "lr=1e-2", "optimizer.weight_decay=0.1", "schedule=exponential"],
        ["optimizer=sgd", "optimizer.nesterov=true", "schedule=step"],
        ["optimizer=rmsprop", "lr=1e-3"],
        ["strategy.precision=64", "optimizer=sgd"],
    ],
    ids=["adam", "adamw", "nesterov", "rmsprop", "64"],
)
def test_weights_after_two_epochs_of_one_layer(both, overrides):
    outcomes, ends = both(*overrides)
    assert_agree(outcomes, ends, 1e-5)
