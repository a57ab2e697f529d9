"""A sweep from Hydra's config of it to its end: what the launcher plugin does."""

import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hydra.core.config_loader import ConfigLoader
from hydra.core.utils import JobReturn, JobStatus
from omegaconf import DictConfig, OmegaConf, open_dict

from twinlib.config import mistakes
from twinlib.config.build import build
from twinlib.config.compose import resolved
from twinlib.config.signature import check_targets
from twinlib.errors import UserError
from twinlib.processes.place import place
from twinlib.run import RunFailed
from twinlib.sweep.display import Display, summary, table
from twinlib.sweep.grid import Point, project
from twinlib.sweep.manifest import FAILED, FOLDER, Sweep
from twinlib.sweep.session import Done, Session


def open_session(config: DictConfig, loader: ConfigLoader, points: Sequence[Point] = ()) -> Session:
    """The session of a new sweep: its pool by `launcher`, its folder in the store.

    Parameters
    ----------
    config
        Hydra's config of the whole sweep.
    points
        Those that are known by now: each worker gets as many devices as any of them needs.

    Raises
    ------
    UserError
        A key of `launcher` is wrong.
    """
    root = project(loader)
    strategies = [point.config["strategy"] for point in points if point.config is not None]
    strategies.append(OmegaConf.to_container(config.strategy, resolve=True))
    strategy = max(strategies, key=lambda strategy: strategy["devices"])
    started = place()
    if started.size > 1 and (started.launcher == "torchrun" or max(strategy["devices"], strategy["nodes"]) > 1):
        raise UserError(
            f"{started.launcher} started {started.size} processes; start a sweep once, and let launcher=slurm or "
            "launcher=ray give each run its nodes"
        )
    node: Any = OmegaConf.to_container(config.launcher, resolve=True)
    check_targets({"launcher": node}, root)
    folder = root / config.store.path / FOLDER / f"sweep-{time.strftime('%Y%m%d-%H%M%S')}-{os.urandom(2).hex()}"
    command = (Path(sys.argv[0]).name, *sys.argv[1:])
    return Session(root, build(node, root=root, strategy=strategy), folder, command, Display(len(points) or None))


def compose(overrides: Sequence[str], config: DictConfig, loader: ConfigLoader) -> Point:
    """One point as Hydra composes it."""
    try:
        composed = loader.load_sweep_config(config, list(overrides))
        with open_dict(composed):
            del composed["hydra"]
        return Point(tuple(overrides), resolved(composed), None)
    except UserError as error:
        return Point(tuple(overrides), None, str(error))
    except mistakes.COMPOSING as error:
        return Point(tuple(overrides), None, str(mistakes.explained(error, project(loader) / "conf")))


def launch(points: Sequence[Point], session: Session) -> list[JobReturn]:
    """Compute the points, print the table of the sweep, and give the objective or the error of each point.

    Raises
    ------
    UserError
        Every point has a mistake, so that nothing was computed: that of the first one.
    """
    done: list[Done] = []
    try:
        with session:
            for point in points:
                session.submit(point)
            while session.pending:
                done.append(session.next())
            if done and all(result.state == FAILED and not result.seconds for result in done):
                raise UserError(min(done, key=lambda result: result.number).error)
    except BaseException as error:
        if session.has_results or not isinstance(error, UserError):
            print(summary(session.sweep), file=sys.stderr)
        raise
    done.sort(key=lambda result: result.number)
    for line in table(session.sweep, Path(os.path.relpath(session.folder))):
        print(line)
    return [_job_return(result) for result in done]


def require_all(sweep: Sweep) -> None:
    """Raises RunFailed if a point of the sweep failed."""
    if sweep.count(FAILED):
        raise RunFailed(1)


def _job_return(result: Done) -> JobReturn:
    returned = JobReturn(overrides=result.point.overrides)
    returned.status = JobStatus.FAILED if result.state == FAILED else JobStatus.COMPLETED
    returned.return_value = RunFailed(1) if result.state == FAILED else result.objective
    return returned
