"""Fully connected network and encoder-decoder: the same parameters and numbers in torch and in Keras."""

from importlib import import_module

import numpy as np
import pytest

from twinlib.errors import UserError

CASES = [
    ("dense", {"input_shape": [4, 6, 2], "outputs": 2, "hidden": [5, 7]}),
    ("dense", {"input_shape": [3, 5, 1], "outputs": 1, "hidden": []}),
    (
        "encoder_decoder",
        {"input_shape": [64, 128, 1], "outputs": 2, "filters": [4, 6], "dense": 8, "decoder": [5, 4, 3]},
    ),
    (
        "encoder_decoder",
        # padded to 128 x 64 for the encoder
        {"input_shape": [96, 32, 2], "outputs": 1, "filters": [4, 6], "dense": 8, "decoder": [6, 5, 4]},
    ),
]


def in_torch(kind, options):
    import torch

    torch.manual_seed(0)
    return getattr(import_module(f"twinlib.models.{kind}_torch"), kind)(**options)


def in_keras(kind, options):
    import_module("twinlib.training.keras")  # chooses the backend
    return getattr(import_module(f"twinlib.models.{kind}_keras"), kind)(**options)


@pytest.mark.parametrize(("kind", "options"), CASES)
def test_the_same_weights_give_the_same_numbers(kind, options):
    import torch

    model, twin = in_torch(kind, options), in_keras(kind, options)
    with torch.no_grad():  # biases begin at 0 and would hide a mistake
        for parameter in model.parameters():
            if parameter.ndim == 1:
                parameter.uniform_(-1, 1)
    arrays = [p.detach().numpy() for p in model.parameters()]
    twin.set_weights([a.transpose(2, 3, 1, 0) if a.ndim == 4 else a.T for a in arrays])
    images = np.random.default_rng(0).normal(size=(2, *options["input_shape"])).astype(np.float32)
    with torch.no_grad():
        ours = model(torch.from_numpy(images).movedim(-1, 1)).movedim(1, -1).numpy()
    assert ours.shape == (2, *options["input_shape"][:2], options["outputs"])
    assert (ours < 0).any()  # negative velocities can be represented
    np.testing.assert_allclose(np.asarray(twin(images)), ours, atol=1e-5)


def test_the_sizes_of_the_laboratory_at_256_x_128():
    """32768 -> 256 -> 65536; and what one pixel of 1024 channels grows to."""
    shape = {"input_shape": [128, 256, 1], "outputs": 2}
    connected = in_torch("dense", shape)
    assert sum(p.numel() for p in connected.parameters()) == 32768 * 256 + 256 + 256 * 65536 + 65536
    strided = in_torch("encoder_decoder", {**shape, "filters": [2, 4], "dense": 8, "decoder": [4, 3, 2]})
    transposed = [layer.kernel_size for layer in strided.decoders[0] if hasattr(layer, "kernel_size")]
    assert transposed == [(8, 8), (4, 8), (2, 2), (2, 2)]  # rows, columns


@pytest.mark.parametrize("build", [in_torch, in_keras])
def test_an_encoder_decoder_needs_multiples_of_32(build):
    with pytest.raises(UserError, match="80 x 128 pixels"):
        build("encoder_decoder", {"input_shape": [80, 128, 1], "outputs": 2})
