"""What a loss of detections can be made of, and what it can be given."""

from collections.abc import Sequence

from twinlib.errors import UserError
from twinlib.loss.shapes import require_same

DEVIATIONS = ("mae", "mse", "huber")


def require_deviation(name: str) -> None:
    """Raises UserError when no deviation has this name."""
    if name not in DEVIATIONS:
        raise UserError(f"loss.deviation is {name}; use one of {', '.join(DEVIATIONS)}")


def require_detection(prediction: Sequence[int], target: Sequence[int]) -> None:
    """Prediction and target are presence, row and column. Raises UserError when they are not."""
    require_same(prediction, target)
    if tuple(target[1:]) != (3,):
        raise UserError(f"for each sample the target is {tuple(target[1:])}; this loss needs data.target=detection")
