"""The U-Net in torch and in Keras: the same parameters, the same numbers."""

from itertools import pairwise

import numpy as np
import pytest

from twinlib.errors import UserError
from twinlib.models.halved import missing

CASES = [
    {"input_shape": [16, 32, 2], "outputs": 2, "filters": [4, 6, 8], "gated": True, "final": "linear"},
    {"input_shape": [10, 11, 1], "outputs": 3, "filters": [3, 4, 5], "gated": False, "final": "tanh"},  # padded
    {"input_shape": [5, 4, 1], "outputs": 1, "filters": [4], "gated": True, "final": "tanh"},  # one level only
]


def in_torch(options):
    import torch

    from twinlib.models.unet_torch import unet

    torch.manual_seed(0)
    return unet(**options)


def in_keras(options):
    from twinlib.training.keras import keras  # the backend is chosen there

    keras.utils.set_random_seed(0)
    from twinlib.models.unet_keras import unet

    return unet(**options)


@pytest.mark.parametrize("options", CASES)
def test_the_same_weights_give_the_same_numbers(options):
    import torch

    model, twin = in_torch(options).eval(), in_keras(options)
    with torch.no_grad():  # biases begin at 0 and would hide a mistake
        for parameter in model.parameters():
            if parameter.ndim == 1:
                parameter.uniform_(-1, 1)
    # Torch: (out, in, rows, columns), Keras: (rows, columns, in, out); transposed ones have in and out exchanged.
    arrays = [p.detach().numpy() for p in model.parameters()]
    twin.set_weights([a.transpose(2, 3, 1, 0) if a.ndim == 4 else a for a in arrays])
    images = np.random.default_rng(0).normal(size=(2, *options["input_shape"])).astype(np.float32)
    with torch.no_grad():
        ours = model(torch.from_numpy(images).movedim(-1, 1)).movedim(1, -1).numpy()
    assert ours.shape == (2, *options["input_shape"][:2], options["outputs"])
    assert np.abs(ours).max() > 0.1
    np.testing.assert_allclose(np.asarray(twin(images)), ours, atol=1e-5)


def test_the_default_has_the_layers_it_says():
    import torch

    model = in_torch({"input_shape": [64, 128, 1], "outputs": 2})

    def block(before, after, skip=False):
        first = 9 * before * after + after
        return first + (2 * after * after + after if skip else 0) + 9 * 2 * after * 2 * after + 2 * after

    f = (8, 16, 32, 64, 128)
    expected = block(1, f[0])  # the image itself is not doubled by concat-ELU
    expected += sum(block(2 * a, b) + block(2 * b, b) for a, b in pairwise(f))
    expected += sum(9 * b * a + a + block(2 * a, a, skip=True) for a, b in pairwise(f))
    expected += 9 * f[0] * 2 + 2
    assert sum(p.numel() for p in model.parameters()) == expected
    assert {m.p for m in model.modules() if isinstance(m, torch.nn.Dropout)} == {0.3}
    # tanh, and dropout only while it is trained
    images = torch.randn(1, 1, 64, 128) * 100
    assert model(images).abs().max() <= 1
    assert not torch.equal(model(images), model(images))
    model.eval()
    assert torch.equal(model(images), model(images))
    # every pixel is within reach: the smallest image has 4 x 8 of them
    images.requires_grad_()
    model(images)[0, 0, 32, 64].backward()
    assert (images.grad[0, 0].abs().amax(dim=1) > 0).all()


def test_any_size_is_padded_below_and_to_the_right():
    import torch

    assert missing(40, 33, [8, 16, 32, 64]) == (0, 7)
    options = {"input_shape": [10, 11, 1], "outputs": 1, "filters": [3, 4, 5], "final": "linear"}
    model = in_torch(options).eval()
    images = torch.randn(1, 1, 10, 11)
    padded = torch.zeros(1, 1, 12, 12)
    padded[..., :10, :11] = images
    torch.testing.assert_close(model(images), model(padded)[..., :10, :11])


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"filters": []}, "model.filters is empty"),
        ({"filters": [4, 2]}, r"model.filters is \[4, 2\]"),
        ({"filters": [1, 2], "input_shape": [8, 8, 3]}, r"begin with 3"),
        ({"final": "relu"}, "model.final is relu"),
    ],
)
@pytest.mark.parametrize("build", [in_torch, in_keras])
def test_options_that_do_not_fit(build, change, said):
    with pytest.raises(UserError, match=said):
        build({"input_shape": [8, 8, 1], "outputs": 1, "filters": [2, 4], **change})
