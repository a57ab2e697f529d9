"""A sweep by Optuna: as many trials on their way as there are workers, and for each that ends another one."""

import os
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from hydra.core.config_loader import ConfigLoader
from hydra.plugins.launcher import Launcher
from omegaconf import DictConfig, OmegaConf
from optuna.trial import Trial

from twinlib.config.signature import check_targets
from twinlib.errors import UserError
from twinlib.identity.fingerprint import identify
from twinlib.identity.stat_cache import StatCache
from twinlib.launcher.sweep import require_all
from twinlib.run import require_inputs
from twinlib.sweep.compose import Composer
from twinlib.sweep.display import summary, table
from twinlib.sweep.grid import Point, common_overrides, project
from twinlib.sweep.manifest import FAILED, PRUNED, Sweep
from twinlib.sweep.session import Done, Session
from twinlib.sweeper import settings, space
from twinlib.sweeper.pruning import Pruning
from twinlib.sweeper.settings import Settings
from twinlib.sweeper.study import RECORD, Study


def sweep(arguments: list[str], config: DictConfig, loader: ConfigLoader, launcher: Launcher) -> None:
    """Go on with the study that `sweeper` describes until it has as many trials as it may.

    Parameters
    ----------
    arguments
        `["experiment=mnist/search", "lr=interval(1e-4,1e-1)"]`.
    config
        Hydra's config of the whole sweep.
    launcher
        One of twinlib.

    Raises
    ------
    UserError
        A setting or the space is wrong, no point of it can be composed, or the study has begun with something else;
        nothing has run.
    RunFailed
        A trial failed. The others are told, and the table of all has been printed.
    """
    open_session = getattr(launcher, "session", None)
    if open_session is None:
        raise UserError("hydra/launcher: sweeper=optuna needs a launcher of twinlib; leave out hydra/launcher")
    root = project(loader)
    sweeper: Any = OmegaConf.to_container(config.sweeper, resolve=True)
    values, fixed = space.read(sweeper.get("space"), arguments, loader)
    common = [*common_overrides(config), *fixed]
    composer = Composer(root, config.hydra.job.config_name, loader)
    base = composer.compose([*common, *space.first(values)])
    chosen = settings.read(sweeper, base, root)
    check_targets(base, root)
    require_inputs(base, root)
    study = Study(chosen, values, identify(base, root, StatCache(root / ".twin")), base["epochs"])
    with study:
        trials = Trials(study, chosen, composer, common, base["epochs"])
        result = trials.run(open_session)
    for line in _best(study, chosen):
        print(line)
    if result is not None:
        require_all(result)


class Trials:
    """Computes the trials of a study as the points of a session.

    Parameters
    ----------
    common
        Overrides of all points.
    epochs
        Of a usual run.
    """

    def __init__(self, study: Study, chosen: Settings, composer: Composer, common: list[str], epochs: int) -> None:
        self._study, self._settings, self._composer = study, chosen, composer
        self._common, self._epochs = common, epochs
        self._on_their_way: dict[int, Trial] = {}  # by the number of their point
        self._submitted = 0

    def run(self, open_session: Any) -> Sweep | None:
        """Run trials until the study is complete. Returns what became of them; None if there was nothing to do."""
        trial = self._ask()
        if trial is None:
            return None
        session: Session = open_session()
        try:
            with session:
                while trial is not None or session.pending:
                    if trial is not None:
                        self._submit(trial, session)
                    else:
                        done = session.next()
                        self._tell(self._on_their_way.pop(done.number), done)
                    trial = self._ask() if session.pending < session.slots else None
        except BaseException as error:
            if self._on_their_way and (session.has_results or not isinstance(error, UserError)):
                print(summary(session.sweep), file=sys.stderr)
            raise
        result = session.sweep
        for line in table(result, Path(os.path.relpath(session.folder))):
            print(line)
        return result

    def _ask(self) -> Trial | None:
        """A trial to compute. One that is known to be bad is told at once, and the next one asked for."""
        while (trial := self._study.ask()) is not None:
            if not self._told_by_twin(trial):
                return trial
        return None

    def _submit(self, trial: Trial, session: Session) -> None:
        overrides = (*self._common, *(space.written(key, value) for key, value in trial.params.items()))
        self._on_their_way[self._submitted] = trial
        self._submitted += 1
        session.submit(self._point(trial.number, overrides))

    def _point(self, number: int, overrides: tuple[str, ...]) -> Point:
        try:
            config = self._composer.compose(list(overrides))
        except UserError as error:
            return Point(overrides, None, str(error))
        if self._settings.pruner != "none":
            of = self._settings
            metric = of.objectives[0].metric
            place = str(of.file.absolute())
            config = Pruning(place, of.study, number, metric, of.pruner, of.warmup, self._epochs).put_into(config)
        return Point(overrides, config, None)

    def _tell(self, trial: Trial, done: Done) -> None:
        if done.state == FAILED:
            self._study.tell_failed(trial)
            return
        if done.state == PRUNED:
            if not self._told_by_twin(trial):
                self._study.tell_pruned(trial)
            return
        assert done.folder is not None
        if self._settings.pruner != "none" and not self._study.state(trial.number).intermediate_values:
            for epoch, value in _epochs(done.folder, self._settings.objectives[0].metric):
                trial.report(value, epoch)
        self._study.tell(trial, done.metrics, done.folder.name)

    def _told_by_twin(self, trial: Trial) -> bool:
        """Tell a trial that it is pruned if one with the same values was, and say whether."""
        twin = self._study.pruned_twin(trial) if self._settings.pruner != "none" else None
        if twin is None:
            return False
        for epoch, value in twin.intermediate_values.items():
            trial.report(value, epoch)
        self._study.tell_pruned(trial)
        return True


def _epochs(folder: Path, metric: str) -> Iterator[tuple[int, float]]:
    """A metric of each epoch, as a record has it."""
    import pyarrow.parquet as pq

    columns = pq.read_table(folder / "history.parquet", columns=["epoch", metric]).to_pydict()
    return zip(map(int, columns["epoch"]), columns[metric], strict=True)


def _best(study: Study, chosen: Settings) -> Iterator[str]:
    """What has come out of a study, in words."""
    best = study.best()
    counts = f"study {chosen.study}: {study.size} of {chosen.trials} trials"
    if not best:
        yield f"{counts}; none has come to its end"
        return
    yield f"{counts}; best{' trade-offs' if len(chosen.objectives) > 1 else ''}:"
    for trial in best:
        yield f"  {_values(chosen, trial.values)}  {_point(trial.params)}  {trial.user_attrs.get(RECORD, '')}".rstrip()


def _values(chosen: Settings, values: list[float]) -> str:
    return " ".join(
        f"{objective.metric} {value:.6g}" for objective, value in zip(chosen.objectives, values, strict=True)
    )


def _point(params: Mapping[str, Any]) -> str:
    return " ".join(space.written(key, value) for key, value in params.items())
