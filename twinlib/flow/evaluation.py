"""What a predicted flow is worth to somebody who knows flows."""

import numpy as np

from twinlib.flow.dataset import Flows
from twinlib.flow.divergence import between_fluid, box_divergence
from twinlib.flow.drag import drag


class FlowErrors:
    """Errors of a split: called after training, once for each test split.

    Parameters
    ----------
    near
        Cells at most so far from a wall, of the channel or of an obstacle, are near it; in cells.
    """

    def __init__(self, near: float = 3.0) -> None:
        self.near = near

    def __call__(self, dataset: Flows, split: str, predictions: np.ndarray, targets: np.ndarray) -> dict[str, float]:
        """Compare velocities in units of u_max, shape (n, rows, columns, 2), the first n of the split.

        Returns
        -------
        l2_mean, l2_median, l2_worst
            Relative L2 error of the velocity over the fluid cells of a flow, over the flows.
        near_wall
            The same over the cells near walls only, median.
        divergence, divergence_truth
            Root mean square of `box_divergence` between fluid cells, in u_max a cell, mean over the flows; of the
            prediction and, as what a number means, of the solver's field.
        drag_error, drag_error_truth
            |drag - the solver's| / |the solver's|, median, with `twinlib.flow.drag` on the predicted and on the
            solver's field: the second is what the method itself is off by.
        """
        n = len(predictions)
        fluid, sdf, reynolds, forces = (
            dataset.columns(split)[name][:n] for name in ("fluid", "sdf", "reynolds", "drag")
        )
        errors = relative_l2(predictions, targets, fluid)
        near = fluid * (sdf <= self.near)
        pairs = [(p, t) for p, t in zip(_drags(fluid, predictions, reynolds), forces[:, 0], strict=True) if t != 0]
        truth = [(p, t) for p, t in zip(_drags(fluid, targets, reynolds), forces[:, 0], strict=True) if t != 0]
        return {
            "l2_mean": float(errors.mean()),
            "l2_median": float(np.median(errors)),
            "l2_worst": float(errors.max()),
            "near_wall": float(np.median(relative_l2(predictions, targets, near))),
            "divergence": float(divergence(predictions, fluid).mean()),
            "divergence_truth": float(divergence(targets, fluid).mean()),
            "drag_error": _median_error(pairs),
            "drag_error_truth": _median_error(truth),
        }


def relative_l2(predictions: np.ndarray, targets: np.ndarray, where: np.ndarray) -> np.ndarray:
    """The L2 norm of the difference over that of the target, on the cells where `where` is not 0.

    Parameters
    ----------
    predictions, targets
        Shape (n, rows, columns, 2).
    where
        Shape (n, rows, columns, 1).

    Returns
    -------
    Shape (n,); 0 for a flow that has no such cell.
    """
    inside = where != 0
    wrong = np.sum((predictions.astype(float) - targets) ** 2 * inside, axis=(1, 2, 3))
    whole = np.sum(targets.astype(float) ** 2 * inside, axis=(1, 2, 3))
    return np.sqrt(wrong / np.where(whole == 0, 1, whole))


def divergence(velocity: np.ndarray, fluid: np.ndarray) -> np.ndarray:
    """Root mean square of `box_divergence` where all four cells are fluid, shape (n,), velocity a cell."""
    inside = between_fluid(fluid[..., 0])
    leak = box_divergence(velocity[..., 0].astype(float), velocity[..., 1].astype(float)) * inside
    return np.sqrt(np.sum(leak**2, axis=(1, 2)) / inside.sum(axis=(1, 2)))


def _drags(fluid: np.ndarray, velocity: np.ndarray, reynolds: np.ndarray) -> list[float]:
    flows = zip(fluid[..., 0] > 0.5, velocity, reynolds[:, 0], strict=True)
    return [drag(mask, field, float(number)) for mask, field, number in flows]


def _median_error(pairs: list[tuple[float, float]]) -> float:
    return float(np.median([abs(found - true) / abs(true) for found, true in pairs])) if pairs else 0.0
