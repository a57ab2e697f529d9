"""A search space: for each key the values that it may have, written as Hydra writes sweeps."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from hydra.core.config_loader import ConfigLoader
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import IntervalSweep, Override, RangeSweep
from hydra.errors import HydraException
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution

from twinlib.errors import UserError

Space = dict[str, BaseDistribution]

FORMS = "interval(0,1), int(interval(1,8)), tag(log,interval(1e-4,1)), range(0,9,3) or choice(a,b)"


def read(given: Any, arguments: list[str], loader: ConfigLoader) -> tuple[Space, list[str]]:
    """The search space, and the arguments that are the same for all points.

    Parameters
    ----------
    given
        `sweeper.space` of the config: `{"lr": "interval(0,1)"}`.
    arguments
        Of the command line; here a key may get other values than in the config, or one value for all points.

    Raises
    ------
    UserError
        A key has no values, or what stands there describes none; or there is no key at all.
    """
    if not isinstance(given, Mapping):
        raise UserError(f"sweeper.space={given}: must name keys, each with its values: {FORMS}")
    parser = OverridesParser.create(config_loader=loader)
    chosen: dict[str, Override] = {}
    for key, text in given.items():
        try:
            (override,) = parser.parse_overrides([f"{key}={text}"])
        except HydraException as error:
            raise UserError(f"sweeper.space.{key}: cannot read {text}; write {FORMS}") from error
        if not override.is_sweep_override():
            raise UserError(f"sweeper.space.{key}={text}: is one value; several are written {FORMS}")
        chosen[override.get_key_element()] = override
    fixed = []
    for override in parser.parse_overrides(arguments):
        if override.is_sweep_override():
            chosen[override.get_key_element()] = override
        else:
            chosen.pop(override.get_key_element(), None)
            fixed.append(str(override.input_line))
    if not chosen:
        raise UserError("sweeper.space: is empty; name keys there or on the command line: 'lr=interval(1e-4,1e-1)'")
    return {key: distribution(override) for key, override in chosen.items()}, fixed


def distribution(override: Override) -> BaseDistribution:
    """What Optuna draws the values of one key from. Choices are texts, as they stand in an override.

    Raises
    ------
    UserError
        There is no value in it.
    """
    value: Any = override.value()
    line = override.input_line
    tags: set[str] = getattr(value, "tags", set())
    if tags - {"log"}:
        raise UserError(f"{line}: the one tag that means something is log")
    if isinstance(value, IntervalSweep):
        low, high = value.start, value.end
        assert low is not None and high is not None
        if not low < high:
            raise UserError(f"{line}: an empty interval; it goes from the smaller number to the larger one")
        _check_log(line, tags, low)
        if isinstance(low, int) and isinstance(high, int):
            return IntDistribution(low, high, log="log" in tags)
        return FloatDistribution(low, high, log="log" in tags)
    if isinstance(value, RangeSweep):
        return _range(value, line)
    try:
        choices = list(dict.fromkeys(override.sweep_string_iterator()))
    except ValueError as error:
        raise UserError(f"{line}: {error}") from error
    if not choices:
        raise UserError(f"{line}: no choice matches; `python train.py --help` lists them")
    if tags:
        raise UserError(f"{line}: choices have no order, so log means nothing; write an interval or a range")
    return CategoricalDistribution(choices)


def written(key: str, value: Any) -> str:
    """The override that gives a key a value; a float exactly."""
    return f"{key}={value!r}" if isinstance(value, float) else f"{key}={value}"


def first(space: Space) -> list[str]:
    """The overrides of one point of the space."""
    firsts = {
        key: values.choices[0] if isinstance(values, CategoricalDistribution) else values.low
        for key, values in space.items()
        if isinstance(values, CategoricalDistribution | FloatDistribution | IntDistribution)
    }
    return [written(key, value) for key, value in firsts.items()]


def _range(value: RangeSweep, line: str | None) -> BaseDistribution:
    try:
        values = list(value.range())
    except ValueError as error:  # a range of step 0
        raise UserError(f"{line}: {error}") from error
    if not values:
        raise UserError(f"{line}: an empty range; it starts at the first number and ends before the second")
    _check_log(line, value.tags, min(values))
    log = "log" in value.tags
    if log and abs(value.step) != 1:
        raise UserError(f"{line}: a range with log has the step 1; or write an interval")
    if all(isinstance(number, int) for number in values):
        return IntDistribution(min(values), max(values), log=log, step=int(abs(value.step)))
    if log:
        raise UserError(f"{line}: a range of fractions has no log; write tag(log,interval(…))")
    # In decimals, as Optuna counts: 0.1 + 3 * 0.2 is 0.7 and not a little more.
    start, step = Decimal(repr(value.start)), Decimal(repr(value.step))
    low, high = sorted(map(float, (start, start + (len(values) - 1) * step)))
    return FloatDistribution(low, high, step=float(abs(step)))


def _check_log(line: str | None, tags: set[str], low: float) -> None:
    if "log" in tags and low <= 0:
        raise UserError(f"{line}: log needs numbers above 0")
