"""VGG-like networks that say where in a patch a cyclone is, in torch."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from twinlib.cyclones.vgg_layers import REGULARIZATION, Pool, layers_of, sizes_of
from twinlib.models.glorot import glorot

ACTIVATIONS = {"RELU": nn.ReLU, "LINEAR": nn.Identity, "SIGMOID": nn.Sigmoid, "TANH": nn.Tanh}


def vgg(
    input_shape: Sequence[int],
    outputs: int,
    network: str = "VGG_V1",
    activation: str = "RELU",
    regularization_strength: str = "NONE",
) -> nn.Module:
    """Convolutions and pools down to one point, then dense layers; weights begin Glorot-uniform, biases at 0.

    The model takes (n, channels, rows, columns) and gives (n, outputs), of any sign.

    Parameters
    ----------
    input_shape
        rows, columns, channels
    outputs
        2 for a position; 3 for a detection.
    network
        `VGG_V1`, `VGG_V2` or `VGG_V3`, see `twinlib.cyclones.vgg_layers`.
    activation
        Of the hidden layers: `RELU`, `LINEAR`, `SIGMOID` or `TANH`. With `LINEAR`, which is the original's default,
        the pools are all that is not linear.
    regularization_strength
        `NONE`, `WEAK`, `MEDIUM`, `STRONG` or `VERY_STRONG`: the penalty l1 * sum |w| + l2 * sum w² over the kernels of
        the hidden layers.

    Raises
    ------
    UserError
        A name that there is not, or an image that is too small.
    """
    layers = layers_of(network, activation, regularization_strength, input_shape)
    activate = ACTIVATIONS[activation]
    modules: list[nn.Module] = []
    channels = input_shape[-1]
    for layer in layers.convolutions:
        if isinstance(layer, Pool):
            modules.append(nn.MaxPool2d(2))
            continue
        before, after = (layer.kernel - 1) // 2, layer.kernel // 2
        if layer.same and before != after:
            modules.append(nn.ZeroPad2d((before, after, before, after)))
        padding = before if layer.same and before == after else 0
        modules += [nn.Conv2d(channels, layer.filters, layer.kernel, padding=padding), activate()]
        channels = layer.filters
    *_, (rows, columns) = sizes_of(layers, input_shape)
    modules.append(nn.Flatten())
    width = rows * columns * channels
    for after in layers.dense:
        modules += [nn.Linear(width, after), activate()]
        width = after
    return glorot(VGG(modules, nn.Linear(width, outputs), *REGULARIZATION[regularization_strength]))


class VGG(nn.Module):
    """The network that `vgg` describes: hidden layers, whose kernels may be penalised, and the last one."""

    def __init__(self, hidden: list[nn.Module], last: nn.Module, l1: float, l2: float) -> None:
        super().__init__()
        self.hidden = nn.Sequential(*hidden)
        self.last = last
        self.l1, self.l2 = l1, l2

    def forward(self, patches: Tensor) -> Tensor:
        return self.last(self.hidden(patches))  # type: ignore[no-any-return]

    def penalty(self) -> Tensor:
        """What the trainer adds to the loss of each batch; a scalar."""
        total = torch.zeros((), device=next(self.parameters()).device)
        kernels = [layer.weight for layer in self.hidden if isinstance(layer, nn.Conv2d | nn.Linear)]
        if self.l1:
            total = total + self.l1 * sum(kernel.abs().sum() for kernel in kernels)
        if self.l2:
            total = total + self.l2 * sum(kernel.square().sum() for kernel in kernels)
        return total
