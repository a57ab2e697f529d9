"""A residual U-Net in torch: images in, images of the same size out."""

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

from twinlib.models.glorot import glorot
from twinlib.models.halved import missing, require_unet


def unet(
    input_shape: Sequence[int],
    outputs: int,
    filters: Sequence[int] = (8, 16, 32, 64, 128),
    gated: bool = True,
    dropout: float = 0.3,
    final: str = "tanh",
) -> nn.Module:
    """Residual blocks of 3x3 convolutions, halved and doubled in size, with skips (Hennigh 2017, arXiv:1710.10352).

    The model takes (n, channels, rows, columns) and gives (n, outputs, rows, columns). Any size will do: one that
    cannot be halved evenly is padded inside by zeros below and to the right.

    Parameters
    ----------
    input_shape
        rows, columns, channels; the weights depend on the channels only.
    outputs
        Channels of the output.
    filters
        Channels at full size, half, a quarter, …
    gated
        A block's second convolution gives twice the channels, a and b, and the block adds a * sigmoid(b)
        (van den Oord et al. 2016, arXiv:1606.05328).
    dropout
        In front of the second convolution of each block.
    final
        What follows the last convolution: `tanh` keeps the output within ±1, `linear` does not.

    Raises
    ------
    UserError
        The options do not fit each other.
    """
    require_unet(input_shape, filters, final)
    return glorot(UNet(input_shape[-1], outputs, filters, gated, dropout, final))


class UNet(nn.Module):
    """The network that `unet` describes."""

    def __init__(
        self, channels: int, outputs: int, filters: Sequence[int], gated: bool, dropout: float, final: str
    ) -> None:
        super().__init__()
        self.filters = filters
        self.first = Block(channels, filters[0], gated, dropout, activated=False)
        self.down = nn.ModuleList()
        for before, after in pairwise(filters):
            self.down.append(Block(before, after, gated, dropout, stride=2))
            self.down.append(Block(after, after, gated, dropout))
        self.up = nn.ModuleList()
        for before, after in zip(filters[:0:-1], filters[-2::-1], strict=True):
            self.up.append(nn.ConvTranspose2d(before, after, 3, stride=2, padding=1, output_padding=1))
            self.up.append(Block(after, after, gated, dropout, skip=True))
        self.last = nn.Conv2d(filters[0], outputs, 3, padding=1)
        self.bounded = final == "tanh"

    def forward(self, images: Tensor) -> Tensor:
        rows, columns = images.shape[-2:]
        below, right = missing(rows, columns, self.filters)
        x = self.first(functional.pad(images, (0, right, 0, below)))
        skips = []
        for smaller, block in zip(self.down[::2], self.down[1::2], strict=True):
            skips.append(x)
            x = block(smaller(x))
        for larger, block in zip(self.up[::2], self.up[1::2], strict=True):
            x = block(larger(x), skips.pop())
        x = self.last(x)[..., :rows, :columns]
        return torch.tanh(x) if self.bounded else x


class Block(nn.Module):
    """Two convolutions 3x3 whose result is added to the input; the first may halve the image."""

    def __init__(
        self,
        before: int,
        after: int,
        gated: bool,
        dropout: float,
        stride: int = 1,
        activated: bool = True,
        skip: bool = False,
    ) -> None:
        super().__init__()
        self.more = after - before
        self.gated = gated
        self.stride = stride
        self.activated = activated
        self.conv1 = nn.Conv2d(2 * before if activated else before, after, 3, stride=stride, padding=1)
        self.skip = nn.Conv2d(2 * after, after, 1) if skip else None
        self.dropout = nn.Dropout(dropout)
        self.conv2 = nn.Conv2d(2 * after, 2 * after if gated else after, 3, padding=1)

    def forward(self, x: Tensor, passed: Tensor | None = None) -> Tensor:
        y = self.conv1(concat_elu(x) if self.activated else x)
        if self.skip is not None and passed is not None:
            y = y + self.skip(concat_elu(passed))
        y = self.conv2(self.dropout(concat_elu(y)))
        if self.gated:
            y = functional.glu(y, dim=1)
        if self.stride > 1:
            x = functional.avg_pool2d(x, self.stride)
        if self.more:
            x = functional.pad(x, (0, 0, 0, 0, self.more, 0))
        return x + y


def concat_elu(x: Tensor) -> Tensor:
    """ELU of x and of -x: twice the channels (as Shang et al. 2016, arXiv:1603.05201, with ReLU)."""
    return functional.elu(torch.cat([x, -x], dim=1))
