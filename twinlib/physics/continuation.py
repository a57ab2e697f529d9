"""Continuation: a problem is approached through easier ones, whose constants have other values.

Newton's method finds a fast flow from a slower one, and so does a network: where there is nearly a second solution, as
behind a high obstacle, a training from random weights may end near that one, with small residuals but not small enough
(in networks also called a curriculum: Krishnapriyan et al. 2021).
"""

from collections.abc import Mapping, Sequence
from typing import Any

from twinlib.config.build import build
from twinlib.config.mistakes import nearest
from twinlib.errors import UserError
from twinlib.physics.problem import Problem

WHERE = "trainer.continuation"


def approach(data: Mapping[str, Any], continuation: Sequence[Mapping[str, Any]] | None) -> list[Problem]:
    """The easier problems in their order.

    They have no reference: it is that of other constants.

    Parameters
    ----------
    data
        The config of the problem itself.
    continuation
        Values of constants, for each of them as `{nu: 0.05}`.

    Raises
    ------
    UserError
        No such constant, or a problem in windows of time.
    """
    if not continuation:
        return []
    if data.get("windows", 1) != 1:
        raise UserError(f"{WHERE}: time is cut into data.windows, which follow each other; leave one of the two out")
    if not isinstance(continuation, Sequence) or isinstance(continuation, str):
        raise UserError(f"{WHERE}: is {continuation}; give a list of constants, as [{{nu: 0.05}}, {{nu: 0.03}}]")
    constants = data.get("constants") or {}
    for number, values in enumerate(continuation):
        if not isinstance(values, Mapping) or not values:
            raise UserError(f"{WHERE}[{number}]: is {values}; give constants, as {{nu: 0.05}}")
        for name in values:
            if name not in constants:
                raise UserError(f"{WHERE}[{number}].{name}: no such constant{nearest(str(name), constants)}")
    return [build({**data, "constants": {**constants, **values}, "reference": {}}) for values in continuation]
