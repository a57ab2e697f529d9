"""`hydra/sweeper: optuna`, which `sweeper=optuna` chooses: each point is proposed by what is known of the others."""

from dataclasses import dataclass
from typing import Any

from hydra.core.config_store import ConfigStore
from hydra.plugins.launcher import Launcher
from hydra.plugins.sweeper import Sweeper
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig

# Hydra imports every plugin at every start: what a sweep needs is imported when there is one.


@dataclass
class OptunaSweeperConf:
    _target_: str = "hydra_plugins.twin_optuna.optuna_sweeper.OptunaSweeper"


ConfigStore.instance().store(group="hydra/sweeper", name="optuna", node=OptunaSweeperConf, provider="twinlib")


class OptunaSweeper(Sweeper):
    """Its settings are the keys of `sweeper`."""

    def __init__(self) -> None:
        self._launcher: Launcher | None = None

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        from hydra.core.plugins import Plugins

        self._loader, self._config = hydra_context.config_loader, config
        self._launcher = Plugins.instance().instantiate_launcher(
            hydra_context=hydra_context, task_function=task_function, config=config
        )

    def sweep(self, arguments: list[str]) -> Any:
        from twinlib.sweeper.optuna import sweep

        assert self._launcher is not None
        return sweep(arguments, self._config, self._loader, self._launcher)
