"""Mean absolute error."""

import numpy as np

from twinlib.loss.shapes import require_same


class MeanAbsoluteError:
    """Mean over all samples and their elements of the absolute difference, in the target's units."""

    def __init__(self) -> None:
        self._sum = 0.0
        self._all = 0

    def update(self, prediction: np.ndarray, target: np.ndarray) -> None:
        """Add a batch: prediction and target of shape (n, …).

        Raises
        ------
        UserError
            The shapes do not belong together.
        """
        require_same(prediction.shape, target.shape)
        difference = prediction.reshape(target.shape).astype(np.float64) - target
        self._sum += float(np.abs(difference).sum())
        self._all += target.size

    def compute(self) -> float:
        return self._sum / self._all
