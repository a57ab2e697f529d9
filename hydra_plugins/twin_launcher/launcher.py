"""`hydra/launcher: twin`: looks every point up in the store and computes the others where `launcher` says."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hydra.core.config_store import ConfigStore
from hydra.core.utils import JobReturn
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig

if TYPE_CHECKING:
    from twinlib.sweep.grid import Point
    from twinlib.sweep.session import Session

# Hydra imports every plugin at every start: what a sweep needs is imported when there is one.


@dataclass
class TwinLauncherConf:
    _target_: str = "hydra_plugins.twin_launcher.launcher.TwinLauncher"


ConfigStore.instance().store(group="hydra/launcher", name="twin", node=TwinLauncherConf, provider="twinlib")


class TwinLauncher(Launcher):
    """Serves Hydra's sweepers through `launch`, and those of twinlib through `launch_points` and `session`."""

    def __init__(self) -> None:
        self._session: Session | None = None

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        self._context, self._config = hydra_context, config

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        from twinlib.launcher.sweep import compose, launch

        points = [compose(overrides, self._config, self._context.config_loader) for overrides in job_overrides]
        return launch(points, self.session())

    def launch_points(self, points: "Sequence[Point]") -> Sequence[JobReturn]:
        """Compute points that are composed already.

        Raises
        ------
        UserError
            Every point has a mistake: that of the first one.
        RunFailed
            Some points failed. The others are in the store, and the table of all has been printed.
        """
        from twinlib.launcher.sweep import launch, require_all

        session = self.session(points)
        returns = launch(points, session)
        require_all(session.sweep)
        return returns

    def session(self, points: "Sequence[Point]" = ()) -> "Session":
        """The session of this sweep, one for all batches of a sweeper; to be used as a context."""
        from twinlib.launcher.sweep import open_session

        if self._session is None:
            self._session = open_session(self._config, self._context.config_loader, points)
        return self._session
