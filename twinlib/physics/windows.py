"""The parts of time that are trained one after the other: their points, and what cannot be solved so."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import sympy

from twinlib.errors import UserError
from twinlib.physics.condition import Condition
from twinlib.physics.domain import Samples
from twinlib.physics.geometry import Array
from twinlib.physics.vocabulary import Vocabulary


def in_window(samples: Samples, column: int, borders: Array, window: int) -> Samples:
    """Points of the whole time as points of a window."""
    inputs = samples.inputs.copy()
    inputs[:, column] = borders[window] + (inputs[:, column] - borders[0]) / (len(borders) - 1)
    return replace(samples, inputs=inputs)


def require_windows(words: Vocabulary, conditions: Sequence[Condition], windows: Any) -> None:
    """Refuse what cannot be solved window by window.

    Raises
    ------
    UserError
        Without time, of second order in it, or with conditions that are of the whole time.
    """
    where = "data.windows"
    if type(windows) is not int or windows < 1:
        raise UserError(f"{where}: is {windows}; give a number, 1 or more")
    time = next(iter(words.places.values())).time
    if time is None:
        raise UserError(f"{where}: there are windows of data.time, which is missing")
    if words.unknowns:
        raise UserError(f"{where}: unknown numbers are of the whole time; leave windows or unknowns out")
    symbol = words.names[time[0]]
    for item in conditions:
        if item.times or item.periodic == time[0] or (item.along == time[0] and item.covers is not None):
            raise UserError(f"{where}: {item.name} is of the whole time; leave windows or this condition out")
        for each in (*item.equations, *item.held):
            for found in each.atoms(sympy.Derivative):
                if dict(found.variable_count).get(symbol, 0) > 1:
                    raise UserError(
                        f"{where}: {found} is of second order in time; write it as two equations of the first"
                    )
        if any(getattr(side, "rate", None) is not None for sides in item.sides.values() for side in sides):
            raise UserError(f"{where}: {item.name} gives a rate; write the equation as two of the first order")
