"""What holds for a predicted flow whatever the network says."""

import importlib

import numpy as np
import pytest
import torch

from twinlib.errors import UserError
from twinlib.flow.divergence import box_divergence
from twinlib.flow.networks_torch import masked, stream
from twinlib.flow.stream import discharge
from twinlib.models.unet_torch import unet

ROWS, COLUMNS = 16, 32


def wild(input_shape, outputs):
    """A network that says anything."""
    torch.manual_seed(0)
    network = unet(input_shape, outputs, filters=(4, 6), dropout=0.0, final="linear").eval()
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    return network


def inputs():
    """Two flows: two obstacles, one of them at the upper wall; and one obstacle."""
    fluid = np.ones((2, ROWS, COLUMNS), np.float32)
    fluid[0, 4:7, 8:12] = fluid[0, 7, 12] = 0
    fluid[0, 13:, 18:20] = 0
    fluid[1, 9, 15] = 0
    seen = np.random.default_rng(0).normal(size=fluid.shape).astype(np.float32)
    return torch.from_numpy(np.stack([seen, fluid], axis=1))


def test_no_flow_in_solids_and_the_mask_is_not_seen():
    model, batch = masked([ROWS, COLUMNS, 2], wild), inputs()
    velocity = model(batch).detach()
    fluid = batch[:, 1:].expand_as(velocity) == 1
    assert (velocity[~fluid] == 0).all() and (velocity[fluid] != 0).all()
    torch.testing.assert_close(velocity[fluid], wild([ROWS, COLUMNS, 1], 2)(batch[:, :1]).detach()[fluid])


def test_the_same_in_keras():
    keras = importlib.import_module("twinlib.training.keras").keras
    ours = importlib.import_module("twinlib.flow.networks_keras").masked

    def copy(input_shape, outputs):  # of the first channel
        images = keras.Input(input_shape)
        return keras.Model(images, keras.ops.concatenate([images, -images], axis=-1))

    batch = inputs().movedim(1, -1).numpy()
    velocity = np.asarray(ours([ROWS, COLUMNS, 2], copy)(batch))
    np.testing.assert_allclose(velocity, batch[..., :1] * [1, -1] * batch[..., 1:])


def test_a_stream_function_has_no_divergence_up_to_rounding():
    velocity = stream([ROWS, COLUMNS, 2], wild)(inputs()).detach().double()
    assert velocity.abs().max() > 1  # wild indeed
    leak = box_divergence(velocity[:, 0], velocity[:, 1])
    assert leak.shape == (2, ROWS - 1, COLUMNS - 1)  # also at walls
    assert leak.abs().max() < 4 * torch.finfo(torch.float32).eps * velocity.abs().max()


def test_a_stream_function_lets_nothing_into_solids_and_the_same_amount_through():
    batch = inputs()
    velocity = stream([ROWS, COLUMNS, 2], wild)(batch).detach().double()
    solid = batch[:, 1:].expand_as(velocity) == 0
    assert (velocity[solid] == 0).all()
    passing = velocity[:, 0].sum(dim=1)  # through each column of cells
    torch.testing.assert_close(passing, torch.full_like(passing, discharge(ROWS)), rtol=1e-5, atol=0)


def test_an_obstacle_s_constant_is_learned():
    """The gradient reaches the network through the value on the obstacle as well."""
    model, batch = stream([ROWS, COLUMNS, 2], wild), inputs()[:1]
    batch.requires_grad_()
    model(batch)[0, 0, 3, 8:12].sum().backward()  # below the obstacle
    assert batch.grad[0, 0, 5, 9].abs() > 0  # what the network sees in the middle of it


def test_an_empty_network_gives_the_parabola():
    def silent(input_shape, outputs):
        network = torch.nn.Conv2d(1, 1, 1).requires_grad_(False)
        for parameter in network.parameters():
            parameter.zero_()
        return network

    batch = torch.ones(1, 2, ROWS, COLUMNS)
    velocity = stream([ROWS, COLUMNS, 2], silent)(batch)[0]
    y = torch.arange(ROWS) + 0.5
    torch.testing.assert_close(
        velocity[0], (4 * y * (ROWS - y) / ROWS**2)[:, None].expand(ROWS, COLUMNS), atol=2e-3, rtol=0
    )
    assert (velocity[1] == 0).all()


def test_a_closed_channel_has_no_stream_function():
    batch = inputs()
    batch[0, 1, :, 5] = 0
    with pytest.raises(UserError, match="the channel is closed"):
        stream([ROWS, COLUMNS, 2], wild)(batch)
