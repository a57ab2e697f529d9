"""Metrics on numpy arrays, the same in every framework: `update` with each batch's predictions, then `compute`.

Predictions are what comes after `output`; sums are float64, so that the batch size does not change a metric.
"""

from twinlib.metrics.accuracy import Accuracy
from twinlib.metrics.mean_absolute_error import MeanAbsoluteError
from twinlib.metrics.mean_squared_error import MeanSquaredError

__all__ = ["Accuracy", "MeanAbsoluteError", "MeanSquaredError"]
