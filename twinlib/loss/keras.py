"""Losses on Keras tensors: `(prediction, target) -> losses`, shapes (n, …), (n, …) and (n,).

A sample's loss is the mean over its elements. Channels and classes are the last axis.
"""

from keras import KerasTensor, ops

from twinlib.loss.shapes import require_classes, require_same


class CrossEntropy:
    """Minus the log-likelihood of the target's class.

    `prediction` holds logits, shape (n, …, classes); `target` class indices, shape (n, …). With `label_smoothing` the
    target is `1 - label_smoothing` for its class plus `label_smoothing / classes` for every class (Szegedy et al. 2016,
    sec. 7).
    """

    def __init__(self, label_smoothing: float = 0.0) -> None:
        self.label_smoothing = label_smoothing

    def __call__(self, prediction: KerasTensor, target: KerasTensor) -> KerasTensor:
        require_classes(prediction.shape, target.shape)
        losses = ops.sparse_categorical_crossentropy(target, prediction, from_logits=True)
        if self.label_smoothing:
            uniform = -ops.mean(ops.log_softmax(prediction, axis=-1), axis=-1)
            losses = (1 - self.label_smoothing) * losses + self.label_smoothing * uniform
        return ops.mean(ops.reshape(losses, (prediction.shape[0], -1)), axis=1)


class BinaryCrossEntropy:
    """Minus the log-likelihood of targets from 0 to 1, mean over a sample's elements.

    `prediction` holds logits, `target` probabilities, both of shape (n, …). The part of the ones counts
    `positive_weight` times: where they are rare, a model that never says one is soon found otherwise.
    """

    def __init__(self, positive_weight: float = 1.0) -> None:
        self.positive_weight = positive_weight

    def __call__(self, prediction: KerasTensor, target: KerasTensor) -> KerasTensor:
        require_same(prediction.shape, target.shape)
        target = ops.cast(ops.reshape(target, prediction.shape), prediction.dtype)
        ones, zeros = ops.log_sigmoid(prediction), ops.log_sigmoid(-prediction)
        losses = -(self.positive_weight * target * ones + (1 - target) * zeros)
        return ops.mean(ops.reshape(losses, (prediction.shape[0], -1)), axis=1)


class MeanSquaredError:
    """Mean of the squared differences."""

    def __call__(self, prediction: KerasTensor, target: KerasTensor) -> KerasTensor:
        return ops.mean(ops.square(_difference(prediction, target)), axis=1)


class MeanAbsoluteError:
    """Mean of the absolute differences."""

    def __call__(self, prediction: KerasTensor, target: KerasTensor) -> KerasTensor:
        return ops.mean(ops.abs(_difference(prediction, target)), axis=1)


def _difference(prediction: KerasTensor, target: KerasTensor) -> KerasTensor:
    require_same(prediction.shape, target.shape)
    target = ops.cast(ops.reshape(target, prediction.shape), prediction.dtype)
    return ops.reshape(prediction - target, (prediction.shape[0], -1))
