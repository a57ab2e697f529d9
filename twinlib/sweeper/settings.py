"""The keys of `sweeper` for Optuna, checked."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from twinlib.config.mistakes import nearest
from twinlib.errors import UserError

SAMPLERS = ("tpe", "random", "cmaes", "qmc")
PRUNERS = ("none", "median", "hyperband")
DIRECTIONS = ("minimize", "maximize")


@dataclass(frozen=True)
class Objective:
    """A metric of a record, and whether it should be small or large."""

    metric: str
    direction: str


@dataclass(frozen=True)
class Settings:
    """What `conf/sweeper/optuna.yaml` says, but for the space; `objectives` has at least one."""

    sampler: str
    trials: int
    seed: int
    pruner: str
    warmup: int
    objectives: tuple[Objective, ...]
    study: str
    folder: Path

    @property
    def file(self) -> Path:
        """The journal of the study."""
        return self.folder / f"{self.slug}.log"

    @property
    def slug(self) -> str:
        """The study's name as the name of a file."""
        return self.study.replace("/", "-")


def read(sweeper: Mapping[str, Any], base: Mapping[str, Any], root: Path) -> Settings:
    """Check the settings.

    Parameters
    ----------
    sweeper
        The resolved node of the sweep's config.
    base
        The config of some point: its objective, its metrics, its epochs.
    root
        The project folder; a relative `folder` starts there.

    Raises
    ------
    UserError
        Names the key, the value and what would do instead.
    """
    known = [*(field.name for field in fields(Settings)), "space"]
    for key in sweeper:
        if key not in known:
            raise UserError(f"sweeper.{key}: no such key{nearest(key, known)}")
    for key in known:
        if key not in sweeper:
            raise UserError(f"sweeper.{key}: is missing; conf/sweeper/optuna.yaml gives it")
    for key, choices in {"sampler": SAMPLERS, "pruner": PRUNERS}.items():
        if sweeper[key] not in choices:
            raise UserError(f"sweeper.{key}={sweeper[key]}: choose one of {', '.join(choices)}")
    for key, least in {"trials": 1, "seed": 0, "warmup": 0}.items():
        if type(sweeper[key]) is not int or sweeper[key] < least:
            raise UserError(f"sweeper.{key}={sweeper[key]}: must be a whole number, {least} or more")
    study = sweeper["study"]
    if not isinstance(study, str) or not re.fullmatch(r"[\w=-][\w./=-]*", study):
        raise UserError(f"sweeper.study={study}: a study needs a name of letters, digits and ._=-/; it is kept by it")
    if not isinstance(sweeper["folder"], str) or not sweeper["folder"]:
        raise UserError(f"sweeper.folder={sweeper['folder']}: name a folder, such as runs/.studies")
    settings = Settings(
        **{key: sweeper[key] for key in ("sampler", "trials", "seed", "pruner", "warmup", "study")},
        objectives=_objectives(sweeper["objectives"], base),
        folder=root / str(sweeper["folder"]),
    )
    _check_together(settings, base)
    return settings


def _objectives(given: Any, base: Mapping[str, Any]) -> tuple[Objective, ...]:
    if not given:
        return (Objective(base["objective"], base["direction"]),)
    wanted = "write [{metric: val_loss, direction: minimize}, …]"
    if not isinstance(given, list):
        raise UserError(f"sweeper.objectives={given}: must be a list; {wanted}")
    measured = ["loss", *base["metrics"]]
    metrics = [f"{split}_{name}" for split in ("val", "test") for name in measured]
    metrics += ["train_loss", "best_epoch", "epochs"]
    objectives = []
    for item in given:
        if not isinstance(item, Mapping) or set(item) != {"metric", "direction"}:
            raise UserError(f"sweeper.objectives: {item} is no objective; {wanted}")
        if item["metric"] not in metrics:
            raise UserError(f"sweeper.objectives: {item['metric']} is not measured{nearest(item['metric'], metrics)}")
        if item["direction"] not in DIRECTIONS:
            raise UserError(f"sweeper.objectives: direction {item['direction']}: choose {' or '.join(DIRECTIONS)}")
        objectives.append(Objective(item["metric"], item["direction"]))
    return tuple(objectives)


def _check_together(settings: Settings, base: Mapping[str, Any]) -> None:
    several = len(settings.objectives) > 1
    if several and settings.sampler == "cmaes":
        raise UserError("sweeper.sampler=cmaes: has one objective only; choose tpe, random or qmc")
    if settings.pruner == "none":
        return
    if several:
        raise UserError(f"sweeper.pruner={settings.pruner}: needs one objective, not several; set sweeper.pruner=none")
    metric = settings.objectives[0].metric
    if not metric.startswith(("val_", "train_")):
        raise UserError(f"sweeper.pruner={settings.pruner}: {metric} is not known at each epoch; choose a val_ metric")
    if settings.warmup >= base["epochs"]:
        raise UserError(
            f"sweeper.warmup={settings.warmup}: no run of epochs={base['epochs']} could be ended early; make it smaller"
        )
