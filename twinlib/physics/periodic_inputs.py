"""Networks that are periodic in some of their inputs, which they see as sine and cosine (Dong & Ni 2021)."""

from collections.abc import Mapping
from math import pi

import numpy as np
import torch
from torch import Tensor, nn

from twinlib.physics.derivatives import sine


class PeriodicInputs(nn.Module):
    """A network whose inputs are those that are not periodic, then the sine and cosine of each that is.

    Parameters
    ----------
    network
        A map of jets.
    inputs
        How many there are.
    periods
        From where to where a period goes, by the number of the input.
    """

    def __init__(self, network: nn.Module, inputs: int, periods: Mapping[int, tuple[float, float]]) -> None:
        super().__init__()
        self.network = network
        self._plain = [column for column in range(inputs) if column not in periods]
        self._periodic = list(periods)
        limits = torch.as_tensor(np.array(list(periods.values())), dtype=torch.get_default_dtype())
        self.register_buffer("start", limits[:, 0])
        self.register_buffer("rate", 2 * pi / (limits[:, 1] - limits[:, 0]))

    def forward(self, jet: Tensor, order: int) -> Tensor:
        """Jet of the inputs -> jet of the fields."""
        own = jet[..., self._periodic]
        angle = torch.cat([own[:1] - self.start, own[1:]]) * self.rate
        quarter = torch.cat([angle[:1] + pi / 2, angle[1:]])
        waves = [sine(each, order) for each in (angle, quarter)]
        return self.network(torch.cat([jet[..., self._plain], *waves], dim=-1), order)  # type: ignore[no-any-return]
