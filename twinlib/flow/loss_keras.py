"""Losses of velocity fields on Keras tensors, shapes (n, rows, columns, 2) -> (n,)."""

from keras import KerasTensor, ops

from twinlib.flow.divergence import between_fluid, box_divergence
from twinlib.loss.shapes import require_same


class HalfSumOfSquares:
    """Half the sum of the squared differences, over all cells and both components."""

    def __call__(self, prediction: KerasTensor, target: KerasTensor) -> KerasTensor:
        require_same(prediction.shape, target.shape)
        return ops.sum(ops.square(prediction - ops.cast(target, prediction.dtype)), axis=(1, 2, 3)) / 2


class RelativeL2:
    """The L2 norm of the difference over that of the target: each flow counts the same, whatever its speed."""

    def __call__(self, prediction: KerasTensor, target: KerasTensor) -> KerasTensor:
        require_same(prediction.shape, target.shape)
        target = ops.cast(target, prediction.dtype)
        # The gradient of a norm has no value at 0.
        difference = ops.sum(ops.square(prediction - target), axis=(1, 2, 3)) + 1e-12
        return ops.sqrt(difference / ops.sum(ops.square(target), axis=(1, 2, 3)))


class Penalised(HalfSumOfSquares):
    """Half the sum of squares plus `weight` times half the sum of the squared divergence, each in its own units.

    The divergence is `box_divergence`, at the corners whose four cells are fluid. A cell is solid where the target's
    velocity is exactly 0.
    """

    def __init__(self, weight: float) -> None:
        self.weight = weight

    def __call__(self, prediction: KerasTensor, target: KerasTensor) -> KerasTensor:
        squares = super().__call__(prediction, target)
        inside = between_fluid(ops.cast(ops.any(ops.not_equal(target, 0), axis=-1), prediction.dtype))
        leak = box_divergence(prediction[..., 0], prediction[..., 1]) * inside
        return squares + self.weight / 2 * ops.sum(ops.square(leak), axis=(1, 2))
