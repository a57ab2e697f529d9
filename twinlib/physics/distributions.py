"""How an uncertain parameter is distributed, read from a text such as `uniform(1, 2)` or `normal(1.5, 0.1)`."""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from scipy.stats import norm

from twinlib.config.mistakes import nearest
from twinlib.errors import UserError

_CALL = re.compile(r"\s*(\w+)\s*\(([^(),]+),([^(),]+)\)\s*")
_MEANINGS = {"uniform": "uniform(1, 2), from and to", "normal": "normal(1.5, 0.1), mean and deviation"}
_CUT = 0.05  # how much of a normal distribution may lie where nothing was trained
_FAR = 6.0  # deviations: what lies beyond, 2e-9, is left out in any case
_ROUNDING = 1e-9  # of a range


@dataclass(frozen=True)
class Distribution:
    """A parameter is centre + scale * s, with s uniform on [low, high], or normal(0, 1) and cut off at low and high.

    `cut` is how much of the distribution was cut off.
    """

    kind: str
    centre: float
    scale: float
    low: float
    high: float
    cut: float = 0.0

    @property
    def ends(self) -> tuple[float, float]:
        """The least and the greatest value of the parameter."""
        return self.centre + self.scale * self.low, self.centre + self.scale * self.high


def distributions(
    texts: Any, parameters: Mapping[str, tuple[float, float]], where: str = "predict.uncertain"
) -> dict[str, Distribution]:
    """The distributions of some parameters, by name.

    Parameters
    ----------
    texts
        By name of the parameter; nothing of them is executed.
    parameters
        The ranges that were trained. A normal distribution is cut off at their ends.

    Raises
    ------
    UserError
        A name is no parameter, a text cannot be read, or the distribution leaves the range.
    """
    if not isinstance(texts, Mapping) or not texts:
        raise UserError(f"{where}: {texts}: give distributions by name of the parameter: {{l: uniform(1, 2)}}")
    found = {}
    for name, text in texts.items():
        if name not in parameters:
            there = nearest(str(name), parameters) if parameters else "; the problem has none"
            raise UserError(f"{where}.{name}: is no parameter that was trained{there}")
        found[name] = _read(str(text), parameters[name], f"{where}.{name}")
    return found


def _read(text: str, trained: tuple[float, float], where: str) -> Distribution:
    call = _CALL.fullmatch(text)
    meanings = "; ".join(_MEANINGS.values())
    if call is None or call[1] not in _MEANINGS:
        raise UserError(f"{where}: {text} cannot be read; give {meanings}")
    try:
        first, second = float(call[2]), float(call[3])
    except ValueError:
        raise UserError(f"{where}: {text} has something else than numbers; give {meanings}") from None
    if not (math.isfinite(first) and math.isfinite(second)):
        raise UserError(f"{where}: {text} has a number that is not finite")
    low, high = trained
    remedy = f"stay within it, or train with a wider data.parameters.{where.rpartition('.')[2]}"
    if call[1] == "uniform":
        if first >= second:
            raise UserError(f"{where}: {text} goes from {first:g} to {second:g}; the first has to be less")
        slack = _ROUNDING * (high - low)
        if first < low - slack or second > high + slack:
            raise UserError(f"{where}: {text} leaves what was trained, {low:g} to {high:g}; {remedy}")
        return Distribution("uniform", (first + second) / 2, (second - first) / 2, -1.0, 1.0)
    if second <= 0:
        raise UserError(f"{where}: {text}: a deviation is greater than 0")
    low, high = (low - first) / second, (high - first) / second
    cut = float(norm.cdf(low) + norm.sf(high))
    if cut > _CUT:
        raise UserError(
            f"{where}: {100 * cut:.0f} % of {text} lie outside of what was trained, {trained[0]:g} to {trained[1]:g}; "
            f"{remedy}"
        )
    return Distribution("normal", first, second, max(low, -_FAR), min(high, _FAR), cut)
