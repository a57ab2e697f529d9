"""Share of the right classes."""

import numpy as np

from twinlib.loss.shapes import require_classes, require_same


class Accuracy:
    """Share of the predictions, from 0 to 1, whose class is the target's."""

    def __init__(self) -> None:
        self._right = 0
        self._all = 0

    def update(self, prediction: np.ndarray, target: np.ndarray) -> None:
        """Count a batch.

        Parameters
        ----------
        prediction
            shape (n, …, classes), the greatest counts; or for two classes (n, …) or (n, …, 1), the second from 0.5 on
        target
            shape (n, …), class indices

        Raises
        ------
        UserError
            The shapes do not belong together.
        """
        if prediction.ndim > target.ndim and prediction.shape[-1] > 1:
            require_classes(prediction.shape, target.shape)
            classes = prediction.argmax(axis=-1)
        else:
            require_same(prediction.shape, target.shape)
            classes = (prediction >= 0.5).reshape(target.shape)
        self._right += int((classes == target).sum())
        self._all += target.size

    def compute(self) -> float:
        return self._right / self._all
