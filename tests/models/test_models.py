from importlib import import_module

import numpy as np
import pytest

from twinlib.errors import UserError

SHAPES = {
    "linear": [{"input_shape": [28, 28, 1], "classes": 10}, {"input_shape": [5, 7, 3], "classes": 4}],
    "cnn": [
        {"input_shape": [28, 28, 1], "classes": 10},
        {"input_shape": [15, 20, 3], "classes": 4, "filters": [5, 6, 7], "dense": 9, "dropout": [0.1, 0.2]},
    ],
}
CASES = [(kind, options) for kind, cases in SHAPES.items() for options in cases]


def in_torch(kind, options):
    import torch

    torch.manual_seed(0)
    return getattr(import_module(f"twinlib.models.{kind}_torch"), kind)(**options)


def in_keras(kind, options):
    keras = import_module("twinlib.training.keras").keras
    keras.utils.set_random_seed(0)
    return getattr(import_module(f"twinlib.models.{kind}_keras"), kind)(**options)


@pytest.mark.parametrize(("kind", "options"), CASES)
def test_both_have_the_same_layers(kind, options):
    """In the same order, with parameters of the same number and size."""
    torch_sizes = [parameter.numel() for parameter in in_torch(kind, options).parameters()]
    keras_sizes = [int(np.prod(weight.shape)) for weight in in_keras(kind, options).weights]
    assert torch_sizes == keras_sizes


def test_the_default_cnn_has_the_layers_it_says():
    rows = in_torch("cnn", SHAPES["cnn"][0])
    kinds = ["Conv2d", "ReLU"] * 2 + ["MaxPool2d", "Dropout", "Flatten", "Linear", "ReLU", "Dropout", "Linear"]
    assert [type(layer).__name__ for layer in rows] == kinds
    assert [layer.p for layer in rows if type(layer).__name__ == "Dropout"] == [0.25, 0.5]
    assert sum(parameter.numel() for parameter in rows.parameters()) == 1_199_882
    layers = in_keras("cnn", SHAPES["cnn"][0]).layers
    assert [layer.rate for layer in layers if type(layer).__name__ == "Dropout"] == [0.25, 0.5]


@pytest.mark.parametrize(("kind", "options"), CASES)
def test_logits_for_each_class(kind, options):
    import torch

    images = np.zeros((3, *options["input_shape"]), np.float32)
    assert in_torch(kind, options)(torch.from_numpy(images).movedim(-1, 1)).shape == (3, options["classes"])
    assert in_keras(kind, options)(images).shape == (3, options["classes"])


@pytest.mark.parametrize("build", [in_torch, in_keras])
@pytest.mark.parametrize("kind", ["linear", "cnn"])
def test_weights_begin_glorot_uniform_and_biases_zero(build, kind):
    model = build(kind, SHAPES[kind][0])
    arrays = list(model.parameters()) if build is in_torch else model.weights
    for array in (np.asarray(value.detach() if build is in_torch else value) for value in arrays):
        if array.ndim == 1:
            assert not array.any()
            continue
        # (out, in, 3, 3) in torch, (3, 3, in, out) in Keras
        shape = array.shape if build is in_torch else array.shape[::-1]
        limit = np.sqrt(6 / (np.prod(array.shape[:-2] if build is in_keras else shape[2:]) * (shape[0] + shape[1])))
        assert np.abs(array).max() <= limit
        assert np.abs(array).max() > 0.9 * limit
        assert array.std() == pytest.approx(limit / np.sqrt(3), rel=0.15)


@pytest.mark.parametrize("build", [in_torch, in_keras])
@pytest.mark.parametrize(("filters", "message"), [([], "at least one"), ([4] * 14, "leave nothing")])
def test_filters_that_cannot_be(build, filters, message):
    with pytest.raises(UserError, match=message):
        build("cnn", {**SHAPES["cnn"][0], "filters": filters})
