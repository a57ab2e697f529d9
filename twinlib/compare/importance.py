"""How much of the spread of the objective each setting explains: Optuna's functional ANOVA over the runs."""

import json
import logging
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from twinlib.compare.table import CODE, DATA, ENVIRONMENT, NAME, Column

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution

FEWEST = 4  # runs
DEPTH = 7  # of the trees: the same shares as with whole ones, and of 1,000 runs in seconds instead of half a minute
WIDE = 100.0  # from this ratio of the largest to the least value a setting is judged by its logarithm


@dataclass(frozen=True)
class Importance:
    """Shares by key, the largest first, of sum 1; or `why` there are none."""

    shares: dict[str, float]
    why: str | None = None


def importance(found: Sequence[Column], objective: Sequence[float | None]) -> Importance:
    """Functional ANOVA (Hutter, Hoos, Leyton-Brown 2014) of the objective, by run, over the settings that differ.

    Settings that some runs do not have, and what is no setting (name, code, data), are left out.
    """
    settings = [
        column
        for column in found
        if column.key not in (NAME, CODE, DATA, ENVIRONMENT) and all(value is not None for value in column.values)
    ]
    values = {run: value for run, value in enumerate(objective) if value is not None and math.isfinite(value)}
    usable = list(values)
    if len(usable) < FEWEST:
        return Importance({}, f"needs at least {FEWEST} runs with a finite objective, there are {len(usable)}")
    settings = [column for column in settings if len({_text(column.values[run]) for run in usable}) > 1]
    if len(settings) < 2:
        which = f"only {settings[0].key} varies" if settings else "no setting varies"
        return Importance({}, f"needs at least two settings that vary and that all runs have: {which}")
    lowest, highest = min(values.values()), max(values.values())
    if lowest == highest:
        return Importance({}, "all runs have the same objective")

    import optuna

    logging.getLogger("optuna").setLevel(logging.WARNING)
    study = optuna.create_study()
    spaces = {column.key: _space([column.values[run] for run in usable]) for column in settings}
    for run in usable:
        study.add_trial(
            optuna.trial.create_trial(
                params={column.key: _value(column.values[run], spaces[column.key]) for column in settings},
                distributions=spaces,
                # Shares do not depend on the scale; squares of losses of 1e-9 would count as nothing.
                value=(values[run] - lowest) / (highest - lowest),
            )
        )
    evaluator = optuna.importance.FanovaImportanceEvaluator(max_depth=DEPTH, seed=0)
    try:
        shares = optuna.importance.get_param_importances(study, evaluator=evaluator)
    except RuntimeError:  # no tree splits
        return Importance({}, "the objective follows from no setting")
    return Importance({key: float(share) for key, share in shares.items() if math.isfinite(share)})


def _space(values: Sequence[Any]) -> "BaseDistribution":
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    if all(type(value) in (int, float) for value in values):
        low, high = min(values), max(values)
        wide = low > 0 and high / low >= WIDE
        if all(type(value) is int for value in values):
            return IntDistribution(low, high, log=wide)
        return FloatDistribution(low, high, log=wide)
    return CategoricalDistribution(sorted({_text(value) for value in values}))


def _value(value: Any, space: "BaseDistribution") -> Any:
    from optuna.distributions import CategoricalDistribution

    return _text(value) if isinstance(space, CategoricalDistribution) else value


def _text(value: Any) -> str:
    return json.dumps(value, sort_keys=True)
