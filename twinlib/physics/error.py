"""How far a solution is from its reference."""

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from twinlib.physics.problem import Problem


class RelativeL2:
    """sqrt(sum (u - u*)^2 / sum u*^2) over the points where a field u with the reference u* is defined.

    Called with a problem, a split, the fields and their references, shape (n, fields); gives the error of each field,
    and of all the greatest.
    """

    def __call__(
        self, problem: "Problem", split: str, predictions: np.ndarray, targets: np.ndarray
    ) -> dict[str, float]:
        errors = {}
        for column, name in enumerate(problem.words.fields):
            size = float(np.sqrt(np.square(targets[:, column]).sum()))
            if np.isfinite(size):  # there is a reference
                difference = float(np.sqrt(np.square(predictions[:, column] - targets[:, column]).sum()))
                errors[f"relative_l2_{name}"] = difference / (size or 1.0)
        if not errors:
            return {}
        worst = {"relative_l2": max(errors.values())}
        return worst | errors if len(errors) > 1 else worst
