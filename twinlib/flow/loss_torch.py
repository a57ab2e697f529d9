"""Losses of velocity fields on torch tensors, shapes (n, rows, columns, 2) -> (n,)."""

from torch import Tensor

from twinlib.flow.divergence import between_fluid, box_divergence
from twinlib.loss.shapes import require_same


class HalfSumOfSquares:
    """Half the sum of the squared differences, over all cells and both components."""

    def __call__(self, prediction: Tensor, target: Tensor) -> Tensor:
        require_same(prediction.shape, target.shape)
        return (prediction - target).square().flatten(1).sum(dim=1) / 2


class RelativeL2:
    """The L2 norm of the difference over that of the target: each flow counts the same, whatever its speed."""

    def __call__(self, prediction: Tensor, target: Tensor) -> Tensor:
        require_same(prediction.shape, target.shape)
        # The gradient of a norm has no value at 0.
        difference = (prediction - target).square().flatten(1).sum(dim=1) + 1e-12
        return (difference / target.square().flatten(1).sum(dim=1)).sqrt()


class Penalised(HalfSumOfSquares):
    """Half the sum of squares plus `weight` times half the sum of the squared divergence, each in its own units.

    The divergence is `box_divergence`, at the corners whose four cells are fluid. A cell is solid where the target's
    velocity is exactly 0.
    """

    def __init__(self, weight: float) -> None:
        self.weight = weight

    def __call__(self, prediction: Tensor, target: Tensor) -> Tensor:
        squares = super().__call__(prediction, target)
        inside = between_fluid((target != 0).any(dim=-1).to(prediction.dtype))
        leak = box_divergence(prediction[..., 0], prediction[..., 1]) * inside
        return squares + self.weight / 2 * leak.square().flatten(1).sum(dim=1)
