"""A persistent study: a journal that several processes and machines extend, each trial told once."""

import os
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any

import numpy as np
import optuna
from optuna.distributions import CategoricalDistribution, distribution_to_json
from optuna.exceptions import ExperimentalWarning
from optuna.samplers import BaseSampler, CmaEsSampler, QMCSampler, RandomSampler, TPESampler
from optuna.storages.journal import JournalFileBackend
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, Trial, TrialState

from twinlib.errors import UserError
from twinlib.identity.explain import differences, sentence
from twinlib.identity.fingerprint import Identity
from twinlib.store.faults import explained
from twinlib.store.lock import Owner, lock
from twinlib.sweeper.pruning import pruner
from twinlib.sweeper.settings import Settings
from twinlib.sweeper.space import Space

KEPT = "twinlib"  # attribute of a study: what all its trials have in common
OWNER = "owner"  # attribute of a trial: the process that computes it
STOPPED = "stopped"  # attribute of a trial that was not computed to its end, and is asked for again
FOLDER = "sweeper.folder"  # the key that names where a study is kept
RECORD = "record"  # attribute of a trial: the folder of its record in the store


class Study:
    """The trials of a study as one of its processes sees them. Use it as a context, while trials run.

    Parameters
    ----------
    settings
        Checked.
    identity
        Of some point of the space, the same whenever the study is opened.
    epochs
        Of a usual run.

    Raises
    ------
    UserError
        The study has begun with something else; or its journal cannot be read or written.
    """

    def __init__(self, settings: Settings, space: Space, identity: Identity, epochs: int) -> None:
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        numbers = sum(not isinstance(values, CategoricalDistribution) for values in space.values())
        if settings.sampler == "cmaes" and numbers < 2:
            raise UserError("sweeper.sampler=cmaes: needs two keys at least whose values are numbers; choose tpe")
        self._settings, self._space = settings, space
        self._name = os.urandom(8).hex()
        with explained(settings.folder, FOLDER):
            settings.folder.mkdir(parents=True, exist_ok=True)
        with self._alone():
            self._study = self._open(epochs)
            self._require_same(_common(settings, space, identity))

    def _open(self, epochs: int) -> optuna.Study:
        settings = self._settings
        with explained(settings.folder, FOLDER):
            try:
                backend = JournalFileBackend(str(settings.file))
                return optuna.create_study(
                    study_name=settings.study,
                    storage=optuna.storages.JournalStorage(backend),
                    directions=[StudyDirection[objective.direction.upper()] for objective in settings.objectives],
                    pruner=pruner(settings.pruner, settings.warmup, epochs),
                    load_if_exists=True,
                )
            except (ValueError, KeyError) as error:
                raise UserError(
                    f"{settings.file}: is no journal of a study: {error}; set another sweeper.study"
                ) from error

    def _require_same(self, common: Mapping[str, Any]) -> None:
        kept = self._study.user_attrs.get(KEPT)
        if kept is None:
            self._study.set_user_attr(KEPT, common)
            return
        changes = list(_changes(common, kept))
        if changes:
            raise UserError(
                f"sweeper.study={self._settings.study}: has begun with something else, its trials would not compare: "
                f"{'; '.join(changes)}; set another sweeper.study"
            )

    def __enter__(self) -> "Study":
        # While this lock is held, the others know that the trials of this process are on their way.
        self._presence = lock(self._settings.folder, self._name, named=FOLDER)
        self._presence.__enter__()
        with self._alone():
            self._ask_again(self._lost())
        return self

    def __exit__(self, *error: Any) -> None:
        try:
            with self._alone():
                self._ask_again(trial for trial in self._running() if trial.user_attrs.get(OWNER) == self._name)
        finally:
            self._presence.__exit__(*error)

    def ask(self) -> Trial | None:
        """A new trial, or None if the study has as many as it may."""
        with self._alone():
            trials = self._trials()
            if sum(map(_counts, trials)) >= self._settings.trials:
                self._ask_again(self._lost())
                trials = self._trials()
                if sum(map(_counts, trials)) >= self._settings.trials:
                    return None
            # What a trial proposes depends on the seed, its number and the other trials, not on who asks when.
            self._study.sampler = sampler(self._settings.sampler, self._settings.seed, len(trials))
            trial = self._study.ask(self._space)
            trial.set_user_attr(OWNER, self._name)
            return trial

    def tell(self, trial: Trial, metrics: Mapping[str, float], record: str | None) -> None:
        """A trial came to its end."""
        values = [float(metrics[objective.metric]) for objective in self._settings.objectives]
        if not np.isfinite(values).all():
            self.tell_failed(trial)
            return
        if record is not None:
            trial.set_user_attr(RECORD, record)
        self._study.tell(trial, values)

    def tell_pruned(self, trial: Trial) -> None:
        """A trial was ended early; what it has reported is known."""
        self._study.tell(trial, state=TrialState.PRUNED)

    def tell_failed(self, trial: Trial) -> None:
        self._study.tell(trial, state=TrialState.FAIL)

    def pruned_twin(self, trial: Trial) -> FrozenTrial | None:
        """A trial with the same values that was pruned: this one would be so too."""
        pruned = self._study.get_trials(deepcopy=False, states=(TrialState.PRUNED,))
        return next((other for other in pruned if other.params == trial.params), None)

    def state(self, number: int) -> FrozenTrial:
        """A trial as it is now."""
        return self._trials()[number]

    def best(self) -> list[FrozenTrial]:
        """The best trial; of several objectives all that no other beats in each; none if none came to its end."""
        return sorted(self._study.best_trials, key=lambda trial: trial.values)[: None if self._several else 1]

    @property
    def size(self) -> int:
        """How many trials are over or on their way."""
        return sum(map(_counts, self._trials()))

    @property
    def _several(self) -> bool:
        return len(self._settings.objectives) > 1

    def _trials(self) -> list[FrozenTrial]:
        return self._study.get_trials(deepcopy=False)

    def _running(self) -> list[FrozenTrial]:
        return self._study.get_trials(deepcopy=False, states=(TrialState.RUNNING,))

    def _lost(self) -> Iterator[FrozenTrial]:
        """Trials on their way whose process has ended."""
        return (trial for trial in self._running() if not self._is_alive(trial.user_attrs.get(OWNER)))

    def _ask_again(self, trials: Iterator[FrozenTrial]) -> None:
        for trial in trials:
            self._study._storage.set_trial_user_attr(trial._trial_id, STOPPED, True)
            self._study.tell(trial.number, state=TrialState.FAIL)
            self._study.enqueue_trial(trial.params)

    def _is_alive(self, owner: str | None) -> bool:
        """Does the process still run? Its lock can be had only if not."""
        if owner == self._name:
            return True
        if owner is None:  # it ended between two lines of `ask`
            return False
        try:
            with lock(self._settings.folder, owner, waiting=_raise_held, named=FOLDER):
                return False
        except _Held:
            return True

    @contextmanager
    def _alone(self) -> Iterator[None]:
        with lock(self._settings.folder, self._settings.slug, named=FOLDER):
            yield


class _Held(Exception):
    pass


def _raise_held(owner: Owner) -> None:
    raise _Held


def _counts(trial: FrozenTrial) -> bool:
    return trial.state != TrialState.WAITING and STOPPED not in trial.user_attrs


def sampler(name: str, seed: int, number: int) -> BaseSampler:
    """Optuna's sampler for the trial of a number."""
    own = int(np.random.SeedSequence([seed, number]).generate_state(1)[0])
    if name == "random":
        return RandomSampler(seed=own)
    independent = RandomSampler(seed=own)
    if name == "cmaes":  # the seed of its evolution belongs to the study
        return CmaEsSampler(seed=seed, independent_sampler=independent, warn_independent_sampling=False)
    if name == "qmc":  # that of its sequence too
        with warnings.catch_warnings(category=ExperimentalWarning, action="ignore"):
            return QMCSampler(
                seed=seed, scramble=True, independent_sampler=independent, warn_independent_sampling=False
            )
    return TPESampler(seed=own, constant_liar=True)


def _common(settings: Settings, space: Space, identity: Identity) -> dict[str, Any]:
    return {
        "space": {key: distribution_to_json(values) for key, values in space.items()},
        "objectives": [asdict(objective) for objective in settings.objectives],
        "config": identity.config,
        "code": identity.code,
        "data": identity.data,
    }


def _changes(new: Mapping[str, Any], old: Mapping[str, Any]) -> Iterator[str]:
    """What a study has begun with and is not the same now, in words."""
    keys = [key for key in {**old["space"], **new["space"]} if old["space"].get(key) != new["space"].get(key)]
    if keys:
        yield f"the search space of {', '.join(keys)} has changed"
        return  # the point whose identity is kept is another one then
    if new["objectives"] != old["objectives"]:
        yield "the objectives have changed"
    after, before = (Identity(side["config"], side["code"], {}, {}) for side in (new, old))
    yield from map(sentence, differences(after, before))
    yield from (f"data: {key} has changed" for key in new["data"] if new["data"][key] != old["data"].get(key))
