"""What makes a network's output a flow, in torch: no velocity in solids, or a stream function."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from twinlib.flow.stream import poiseuille, walls


def masked(input_shape: Sequence[int], network: Callable[..., nn.Module]) -> nn.Module:
    """The network's two outputs times the mask, the input's last channel: velocity is exactly 0 in solids.

    Parameters
    ----------
    input_shape
        rows, columns, channels; the last channel is 1 in the fluid, 0 in solids, and the network does not see it.
    network
        Called `network(input_shape=…, outputs=2)`.
    """
    rows, columns, channels = input_shape
    return Masked(network(input_shape=[rows, columns, channels - 1], outputs=2))


class Masked(nn.Module):
    """(n, channels, rows, columns) -> (n, 2, rows, columns)."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, inputs: Tensor) -> Tensor:
        velocity: Tensor = self.network(inputs[:, :-1]) * inputs[:, -1:]
        return velocity


def stream(input_shape: Sequence[int], network: Callable[..., nn.Module], width: float = 4.0) -> nn.Module:
    """The velocity as the curl of a stream function: free of divergence, without flow into or inside of solids.

    The network's one output is the change that the obstacles make to the stream function of the empty channel. What
    holds by construction, up to rounding, is said in `twinlib.flow.stream`.

    Parameters
    ----------
    input_shape
        rows, columns, channels; the last channel is 1 in the fluid, 0 in solids, and the network does not see it.
    network
        Called `network(input_shape=…, outputs=1)`.
    width
        Distance from a wall, in cells, at which its constant has faded out.
    """
    rows, columns, channels = input_shape
    return Stream(network(input_shape=[rows, columns, channels - 1], outputs=1), width)


class Stream(nn.Module):
    """(n, channels, rows, columns) -> (n, 2, rows, columns)."""

    def __init__(self, network: nn.Module, width: float) -> None:
        super().__init__()
        self.network = network
        self.width = width

    def forward(self, inputs: Tensor) -> Tensor:
        rows = inputs.shape[-2]
        # float64: differences of a stream function of the order of `rows` lose that much of their precision.
        change = _at_corners(self.network(inputs[:, :-1])[:, 0]).double() * (rows / 8)
        free = change + torch.as_tensor(poiseuille(rows), device=inputs.device)[:, None]
        found = walls(inputs[:, -1].detach().cpu().numpy() > 0.5, self.width)
        parts = (found.on, found.nearest, found.channel, found.share)
        on, nearest, channel, share = (torch.as_tensor(part, device=inputs.device) for part in parts)
        constants = (free[:, None] * on).sum(dim=(2, 3)) / on.sum(dim=(2, 3)).clamp(min=1)
        wall = channel + (constants[:, :, None, None] * nearest).sum(dim=1)
        psi = wall + (free - wall) * share
        across = psi[:, 1:] - psi[:, :-1]
        along = psi[:, :, 1:] - psi[:, :, :-1]
        u, v = (across[:, :, 1:] + across[:, :, :-1]) / 2, -(along[:, 1:] + along[:, :-1]) / 2
        return torch.stack([u, v], dim=1).to(inputs.dtype)


def _at_corners(cells: Tensor) -> Tensor:
    """Means of the four cells around a corner, those at the edge repeated: (n, rows, columns) -> one more of each."""
    wide = torch.cat([cells[:, :, :1], cells, cells[:, :, -1:]], dim=2)
    wide = (wide[:, :, 1:] + wide[:, :, :-1]) / 2
    high = torch.cat([wide[:, :1], wide, wide[:, -1:]], dim=1)
    return (high[:, 1:] + high[:, :-1]) / 2
