"""A residual network that finds the cell of a patch that holds a cyclone, in torch."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from twinlib.cyclones.cells import cell_centres, require_grid_points
from twinlib.models.glorot import glorot


def residual(
    input_shape: Sequence[int],
    filters: Sequence[int] = (32, 64),
    blocks: int = 2,
    target_scale: bool = False,
) -> nn.Module:
    """One score for each cell of the patch, which says both whether there is a cyclone and where.

    Each level halves the patch by a convolution 2x2 with stride 2, and has `blocks` residual blocks of two
    convolutions 3x3 (He et al. 2016, arXiv:1603.05027, without normalisation; the second begins at 0, as Zhang et
    al. 2019, arXiv:1901.09321, have it). From the last one each cell gives a score s and an offset of the centre from
    the middle of the cell. The logit of the presence is the logarithm of the mean of exp(s), the position the mean of
    the cells' positions with the weights softmax(s) (Sun et al. 2018, arXiv:1711.08229).

    The model takes (n, channels, rows, columns) and gives (n, 3): logit, row, column, the last two in grid points.

    Parameters
    ----------
    input_shape
        rows, columns, channels
    filters
        Channels of each level; with two of them a cell has 4 x 4 points.
    blocks
        Residual blocks in each level.
    target_scale
        That of the data; must be false.

    Raises
    ------
    UserError
        The patch cannot be halved so many times, or its positions are scaled.
    """
    require_grid_points(target_scale)
    model = glorot(Residual(input_shape, filters, blocks))
    for module in model.modules():
        if isinstance(module, Block):
            nn.init.zeros_(module.second.weight)
    return model


class Residual(nn.Module):
    """The network that `residual` describes."""

    centres: Tensor

    def __init__(self, input_shape: Sequence[int], filters: Sequence[int], blocks: int) -> None:
        super().__init__()
        self.register_buffer("centres", torch.from_numpy(cell_centres(input_shape, len(filters))), persistent=False)
        levels: list[nn.Module] = []
        for before, after in zip((input_shape[-1], *filters), filters, strict=False):
            levels += [nn.Conv2d(before, after, 2, stride=2), *(Block(after) for _ in range(blocks))]
        self.levels = nn.Sequential(*levels)
        self.head = nn.Conv2d(filters[-1], 3, 1)
        self.size = 2 ** len(filters)

    def forward(self, patches: Tensor) -> Tensor:
        scores, offsets = self.head(functional.relu(self.levels(patches))).split((1, 2), dim=1)
        scores = scores.flatten(1)
        positions = (self.centres + self.size * offsets).flatten(2)
        presence = scores.logsumexp(dim=1, keepdim=True) - math.log(scores.shape[1])
        position = (scores.softmax(dim=1)[:, None] * positions).sum(dim=2)
        return torch.cat([presence, position], dim=1)


class Block(nn.Module):
    """Two convolutions 3x3, each behind ReLU, whose result is added to the input."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, channels, 3, padding=1)
        self.second = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.second(functional.relu(self.first(functional.relu(x))))  # type: ignore[no-any-return]
