"""How the residuals of the conditions add up to the loss."""

from collections.abc import Mapping, Sequence
from typing import Any

from twinlib.config.mistakes import nearest
from twinlib.errors import UserError
from twinlib.physics.causal import Causal
from twinlib.physics.problem import Problem
from twinlib.physics.weighting import Weighting
from twinlib.physics.weightings import WEIGHTINGS


class SquaredResiduals:
    """The mean square of each residual, weighted by condition.

    Parameters
    ----------
    weights
        By the name of the condition; 1 where there is none.
    adapt
        How weights follow the training, beside these: `name`, and the settings of that in
        `twinlib.physics.weightings`. None: not at all.
    """

    def __init__(self, weights: Mapping[str, float] | None = None, adapt: Mapping[str, Any] | None = None) -> None:
        self.weights = dict(weights or {})
        self._adapt = adapt

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

    def weighting(self, problem: Problem, seed: int, optimizers: Sequence[str]) -> Weighting | None:
        """What lets the weights follow a training by these optimizers.

        Raises
        ------
        UserError
            No such weighting or setting, or one that the optimizers or the problem cannot have.
        """
        if self._adapt is None:
            return None
        if not isinstance(self._adapt, Mapping):
            raise UserError(f"loss.adapt: is {self._adapt}; write it as {{name: {self._adapt}}}")
        settings = dict(self._adapt)
        name = settings.pop("name", None)
        if name not in WEIGHTINGS:
            raise UserError(f"loss.adapt.name: no weighting {name}{nearest(str(name), WEIGHTINGS)}")
        try:
            found = WEIGHTINGS[name](problem, seed, **settings)
        except TypeError as error:
            raise UserError(f"loss.adapt: {name}: {str(error).partition('() ')[2] or error}") from None
        if wrong := [each for each in optimizers if each not in found.methods]:
            raise UserError(
                f"loss.adapt.name={name}: has no meaning with {wrong[0]}; it is for {', '.join(found.methods)}"
            )
        if isinstance(found, Causal) and not found.possible:
            raise UserError("loss.adapt.name=causal: needs data.time and an equation that holds inside")
        return found
