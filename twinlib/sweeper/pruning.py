"""Ends a run after an epoch that is bad beside the epochs of the study's other trials.

Whether a run is ended says nothing about what it computes: what comes to its end has the same record with and without.
Known by the worker of every run, so Optuna is imported only for a trial.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from twinlib.errors import UserError
from twinlib.training.outcome import Report

if TYPE_CHECKING:
    from optuna import Study
    from optuna.pruners import BasePruner

EPOCH = "pruned"  # attribute of a trial whose run was ended: after which epoch
KEY = "trial"  # in the `sweeper` of a run's config


class Pruned(Exception):
    """The run is bad beside the others of its study."""

    def __init__(self, epoch: int, metric: str, value: float) -> None:
        super().__init__(f"pruned after epoch {epoch}: {metric} {value:.6g}")


@dataclass(frozen=True)
class Pruning:
    """What a worker has to know of its trial. `epochs` is the length of a usual run, `number` that of the trial."""

    file: str
    study: str
    number: int
    metric: str
    pruner: str
    warmup: int
    epochs: int

    def put_into(self, config: dict[str, Any]) -> dict[str, Any]:
        """The config of the trial's run."""
        return config | {"sweeper": config["sweeper"] | {KEY: asdict(self)}}


def pruner(name: str, warmup: int, epochs: int) -> "BasePruner":
    """Optuna's pruner; it ends no run before epoch `warmup + 1`."""
    from optuna import pruners

    if name == "median":
        return pruners.MedianPruner(n_warmup_steps=warmup + 1)
    if name == "hyperband":
        return pruners.HyperbandPruner(min_resource=warmup + 1, max_resource=epochs)
    return pruners.NopPruner()


def under_study(report: Report, config: Mapping[str, Any]) -> Report:
    """The report of a run: for a trial that may be pruned one that raises `Pruned`, else the one given.

    Raises
    ------
    UserError
        The study cannot be reached from here.
    """
    trial = config["sweeper"].get(KEY)
    return Prunable(report, Pruning(**trial), config["epochs"]) if trial else report


class Prunable:
    """A report that hands each epoch's objective to the study and raises `Pruned` if that says so.

    The last epoch ends no run: it is over.
    """

    def __init__(self, report: Report, pruning: Pruning, epochs: int) -> None:
        from optuna.trial import Trial

        self.epoch_begins = report.epoch_begins
        self.batch = report.batch
        self._report, self._metric, self._epochs = report, pruning.metric, epochs
        study = load(pruning)
        self._trial = Trial(study, study.trials[pruning.number]._trial_id)

    def epoch_ends(self, row: dict[str, float]) -> None:
        self._report.epoch_ends(row)
        epoch, value = int(row["epoch"]), row[self._metric]
        self._trial.report(value, epoch)
        if epoch < self._epochs and self._trial.should_prune():
            self._trial.set_user_attr(EPOCH, epoch)
            raise Pruned(epoch, self._metric, value)


def load(pruning: Pruning) -> "Study":
    """The study of a trial, as its worker needs it."""
    import optuna
    from optuna.storages.journal import JournalFileBackend

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    if not Path(pruning.file).is_file():
        raise UserError(f"sweeper.folder: {pruning.file} is not there for this run; share it, or sweeper.pruner=none")
    backend = JournalFileBackend(pruning.file)
    return optuna.load_study(
        study_name=pruning.study,
        storage=optuna.storages.JournalStorage(backend),
        # Draws nothing, as the trial has its values; the default one would import more.
        sampler=optuna.samplers.RandomSampler(),
        pruner=pruner(pruning.pruner, pruning.warmup, pruning.epochs),
    )
