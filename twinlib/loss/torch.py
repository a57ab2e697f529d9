"""Losses on torch tensors: `(prediction, target) -> losses`, shapes (n, …), (n, …) and (n,).

A sample's loss is the mean over its elements. Channels and classes are the last axis, as in Keras.
"""

from torch import Tensor
from torch.nn import functional

from twinlib.loss.shapes import require_classes, require_same


class CrossEntropy:
    """Minus the log-likelihood of the target's class.

    `prediction` holds logits, shape (n, …, classes); `target` class indices, shape (n, …). With `label_smoothing` the
    target is `1 - label_smoothing` for its class plus `label_smoothing / classes` for every class (Szegedy et al. 2016,
    sec. 7).
    """

    def __init__(self, label_smoothing: float = 0.0) -> None:
        self.label_smoothing = label_smoothing

    def __call__(self, prediction: Tensor, target: Tensor) -> Tensor:
        require_classes(prediction.shape, target.shape)
        losses = functional.cross_entropy(
            prediction.flatten(0, -2), target.flatten().long(), reduction="none", label_smoothing=self.label_smoothing
        )
        return losses.view(len(target), -1).mean(dim=1)


class BinaryCrossEntropy:
    """Minus the log-likelihood of targets from 0 to 1, mean over a sample's elements.

    `prediction` holds logits, `target` probabilities, both of shape (n, …). The part of the ones counts
    `positive_weight` times: where they are rare, a model that never says one is soon found otherwise.
    """

    def __init__(self, positive_weight: float = 1.0) -> None:
        self.positive_weight = positive_weight

    def __call__(self, prediction: Tensor, target: Tensor) -> Tensor:
        require_same(prediction.shape, target.shape)
        target = target.reshape(prediction.shape).to(prediction.dtype)
        ones, zeros = functional.logsigmoid(prediction), functional.logsigmoid(-prediction)
        losses = -(self.positive_weight * target * ones + (1 - target) * zeros)
        return losses.reshape(len(prediction), -1).mean(dim=1)


class MeanSquaredError:
    """Mean of the squared differences."""

    def __call__(self, prediction: Tensor, target: Tensor) -> Tensor:
        return _difference(prediction, target).square().mean(dim=1)


class MeanAbsoluteError:
    """Mean of the absolute differences."""

    def __call__(self, prediction: Tensor, target: Tensor) -> Tensor:
        return _difference(prediction, target).abs().mean(dim=1)


def _difference(prediction: Tensor, target: Tensor) -> Tensor:
    require_same(prediction.shape, target.shape)
    return (prediction - target.reshape(prediction.shape)).reshape(len(prediction), -1)
