"""The VGG networks in torch and in Keras: the original's parameters, the same numbers, the same penalty."""

import numpy as np
import pytest

from twinlib.cyclones.vgg_layers import ACTIVATIONS, NETWORKS, REGULARIZATION, sizes_of
from twinlib.errors import UserError

COUNTS = {"VGG_V1": 3_749_634, "VGG_V2": 6_023_842, "VGG_V3": 11_792_674}  # of the original with four drivers


def in_torch(**options):
    import torch

    from twinlib.cyclones.vgg_torch import vgg

    torch.manual_seed(0)
    return vgg(**{"input_shape": [40, 40, 4], "outputs": 2} | options)


def in_keras(**options):
    from twinlib.training.keras import keras  # the backend is chosen there

    keras.utils.set_random_seed(0)
    from twinlib.cyclones.vgg_keras import vgg

    return vgg(**{"input_shape": [40, 40, 4], "outputs": 2} | options)


@pytest.mark.parametrize("network", NETWORKS)
def test_parameters_of_the_original(network):
    assert sum(p.numel() for p in in_torch(network=network).parameters()) == COUNTS[network]
    assert in_keras(network=network).count_params() == COUNTS[network]


@pytest.mark.parametrize(("network", "activation"), [*zip([*NETWORKS, "VGG_V1"], ACTIVATIONS, strict=True)])
def test_the_same_weights_give_the_same_numbers(network, activation):
    import torch

    options = {"network": network, "activation": activation, "input_shape": [40, 40, 2], "outputs": 3}
    model, twin = in_torch(**options, regularization_strength="MEDIUM").eval(), in_keras(**options)
    with torch.no_grad():  # biases begin at 0 and would hide a mistake
        for parameter in model.parameters():
            if parameter.ndim == 1:
                parameter.uniform_(-1, 1)
    arrays = [p.detach().numpy() for p in model.parameters()]
    twin.set_weights([a.transpose(2, 3, 1, 0) if a.ndim == 4 else a.T for a in arrays])
    patches = np.random.default_rng(0).normal(size=(2, 40, 40, 2)).astype(np.float32)
    with torch.no_grad():
        ours = model(torch.from_numpy(patches).movedim(-1, 1)).numpy()
    assert ours.shape == (2, 3)
    np.testing.assert_allclose(np.asarray(twin(patches)), ours, rtol=1e-4, atol=1e-4)


def test_a_linear_network_has_pools_alone_that_are_not_linear():
    import torch

    model = in_torch(activation="LINEAR").eval()
    patch = torch.randn(1, 4, 40, 40)
    with torch.no_grad():
        # A pool of a multiple is the multiple of the pool, if that is positive.
        torch.testing.assert_close(model(2 * patch), 2 * model(patch))
        assert not torch.allclose(model(-patch), -model(patch))


def test_weights_begin_alike():
    model, twin = in_torch(), in_keras()
    kernels = [p.detach().numpy() for p in model.parameters() if p.ndim > 1]
    twins = [np.asarray(v) for v in twin.weights if v.ndim > 1]
    for kernel, other in zip(kernels, twins, strict=True):
        area = kernel[0, 0].size
        limit = np.sqrt(6 / (area * sum(kernel.shape[:2])))  # Glorot & Bengio 2010, eq. 16
        for values in (kernel, other):
            assert 0.97 * limit < np.abs(values).max() <= limit
            assert values.std() == pytest.approx(limit / np.sqrt(3), rel=0.1)
    assert all((p == 0).all() for p in model.parameters() if p.ndim == 1)


@pytest.mark.parametrize("strength", REGULARIZATION)
def test_the_penalty_is_that_of_the_hidden_kernels(strength):
    l1, l2 = REGULARIZATION[strength]
    model, twin = in_torch(regularization_strength=strength), in_keras(regularization_strength=strength)
    *kernels, _ = (p.detach().numpy().astype(float) for p in model.parameters() if p.ndim > 1)
    expected = sum(l1 * np.abs(k).sum() + l2 * np.square(k).sum() for k in kernels)
    assert model.penalty().item() == pytest.approx(expected, rel=1e-5)
    *twins, _ = (np.asarray(v, float) for v in twin.weights if v.ndim > 1)
    expected = sum(l1 * np.abs(k).sum() + l2 * np.square(k).sum() for k in twins)
    assert float(sum(twin.losses)) == pytest.approx(expected, rel=1e-5)
    assert len(twin.losses) == (len(twins) if expected else 0)


def test_the_same_weights_take_the_same_steps():
    """Loss, penalty and Adam together: four batches, from one set of weights."""
    import torch

    model, twin = in_torch(regularization_strength="STRONG"), in_keras(regularization_strength="STRONG")
    from twinlib.loss import keras as keras_loss
    from twinlib.loss import torch as torch_loss
    from twinlib.optimizer import keras as keras_optimizer
    from twinlib.optimizer import torch as torch_optimizer
    from twinlib.training.keras import tf

    arrays = [p.detach().numpy() for p in model.parameters()]
    twin.set_weights([a.transpose(2, 3, 1, 0) if a.ndim == 4 else a.T for a in arrays])
    adam, twin_adam = torch_optimizer.adam(model.parameters(), lr=3e-4), keras_optimizer.adam(lr=3e-4)
    rng, losses, penalty = np.random.default_rng(0), [], model.penalty().item()
    for _ in range(4):
        patches = rng.normal(size=(2, 40, 40, 4)).astype(np.float32)
        positions = rng.uniform(0, 39, (2, 2)).astype(np.float32)
        adam.zero_grad()
        loss = torch_loss.MeanAbsoluteError()(
            model(torch.from_numpy(patches).movedim(-1, 1)), torch.from_numpy(positions)
        ).mean()
        loss = loss + model.penalty()
        loss.backward()
        adam.step()
        with tf.GradientTape() as tape:
            other = tf.reduce_mean(keras_loss.MeanAbsoluteError()(twin(patches, training=True), positions))
            other += sum(twin.losses)
        twin_adam.apply(tape.gradient(other, twin.trainable_variables), twin.trainable_variables)
        losses.append((loss.item(), float(other)))
    assert model.penalty().item() < 0.99 * penalty  # they are steps that change something
    for mine, its in losses:
        assert its == pytest.approx(mine, rel=1e-4)


def test_sizes_down_to_one_point():
    sizes = list(sizes_of(NETWORKS["VGG_V1"], [40, 40, 4]))
    assert [sizes[i][0] for i in (2, 3, 6, 9, 12, 13)] == [40, 20, 10, 5, 2, 1]
    assert all([*sizes_of(NETWORKS[name], [40, 40, 4])][-1] == (1, 1) for name in NETWORKS)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"network": "VGG_V9"}, "model.network is VGG_V9; use one of VGG_V1"),
        ({"activation": "relu"}, "model.activation is relu; use one of RELU"),
        ({"regularization_strength": "HUGE"}, "model.regularization_strength is HUGE; use one of NONE"),
        ({"input_shape": [40, 24, 4]}, r"VGG_V1 leaves nothing of \[40, 24\] points"),
    ],
)
@pytest.mark.parametrize("build", [in_torch, in_keras])
def test_settings_that_are_not_right(build, change, said):
    with pytest.raises(UserError, match=said):
        build(**change)
