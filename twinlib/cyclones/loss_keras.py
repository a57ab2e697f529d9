"""Losses of detections on Keras tensors: `(prediction, target) -> losses`, shapes (n, 3), (n, 3) and (n,)."""

from keras import KerasTensor, ops

from twinlib.cyclones.deviation import require_detection, require_deviation


class Detection:
    """Is there a cyclone, and where: cross-entropy of the presence, and where there is one the error of its position.

    Predictions are (logit, row, column), targets (1, row, column), or (0, …) without a cyclone. The loss is

        -p log s(l) - (1 - p) log(1 - s(l)) + p * position_weight * (d(row) + d(column)) / 2

    with the presence p, the logit l and its sigmoid s. The deviation d of a difference e is |e| (`mae`), e² (`mse`) or
    (`huber`; Huber 1964) e² / 2 up to |e| = `delta`, and delta * (|e| - delta / 2) beyond.

    Parameters
    ----------
    position_weight
        How much an error of one unit of the position counts.
    deviation
        `mae`, `mse` or `huber`.
    delta
        In units of the position: grid points, unless data.target_scale.

    Raises
    ------
    UserError
        No such deviation; or, when it is called, shapes that do not belong together.
    """

    def __init__(self, position_weight: float = 0.1, deviation: str = "huber", delta: float = 1.0) -> None:
        require_deviation(deviation)
        self.position_weight, self.deviation, self.delta = position_weight, deviation, delta

    def __call__(self, prediction: KerasTensor, target: KerasTensor) -> KerasTensor:
        require_detection(prediction.shape, target.shape)
        target = ops.cast(target, prediction.dtype)
        presence, logit = target[:, 0], prediction[:, 0]
        entropy = -presence * ops.log_sigmoid(logit) - (1 - presence) * ops.log_sigmoid(-logit)
        error = prediction[:, 1:] - target[:, 1:]
        if self.deviation == "mae":
            each = ops.abs(error)
        elif self.deviation == "mse":
            each = ops.square(error)
        else:
            near = ops.clip(error, -self.delta, self.delta)
            each = near * (error - near / 2)
        return entropy + self.position_weight * presence * ops.mean(each, axis=1)
