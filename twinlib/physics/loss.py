"""How the residuals of the conditions add up to the loss."""

from collections.abc import Mapping

from twinlib.config.mistakes import nearest
from twinlib.errors import UserError


class SquaredResiduals:
    """The mean square of each residual, weighted by condition.

    Parameters
    ----------
    weights
        By the name of the condition; 1 where there is none.
    """

    def __init__(self, weights: Mapping[str, float] | None = None) -> None:
        self.weights = dict(weights or {})

    def of(self, names: list[str]) -> dict[str, float]:
        """The weights of these conditions.

        Raises
        ------
        UserError
            A weight is of no condition with residuals, or not positive.
        """
        for name, weight in self.weights.items():
            if name not in names:
                raise UserError(f"loss.weights.{name}: no condition with a residual{nearest(name, names)}")
            if not weight > 0:
                raise UserError(f"loss.weights.{name}={weight}: must be greater than 0")
        return {name: float(self.weights.get(name, 1.0)) for name in names}
