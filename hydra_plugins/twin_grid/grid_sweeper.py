"""`hydra/sweeper: grid`: Hydra's basic sweeper, but for how the points are composed and handed on."""

from dataclasses import dataclass, field
from typing import Any

from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.config_store import ConfigStore

# Hydra imports every plugin at every start: what a sweep needs is imported when there is one.


@dataclass
class GridSweeperConf:
    _target_: str = "hydra_plugins.twin_grid.grid_sweeper.GridSweeper"
    params: dict[str, str] = field(default_factory=dict)  # sweeps that a config asks for: {lr: "1e-3,1e-4"}


ConfigStore.instance().store(group="hydra/sweeper", name="grid", node=GridSweeperConf, provider="twinlib")


class GridSweeper(BasicSweeper):
    def __init__(self, params: dict[str, str] | None = None) -> None:
        super().__init__(max_batch_size=None, params=params)

    def sweep(self, arguments: list[str]) -> Any:
        from twinlib.sweep.grid import sweep

        assert self.hydra_context and self.config and self.launcher
        return sweep(self._parse_config() + arguments, self.config, self.hydra_context.config_loader, self.launcher)
