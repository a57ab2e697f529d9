"""A grid: every combination of the values on the command line, as Hydra's basic sweeper lists them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.config_loader import ConfigLoader
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.plugins.launcher import Launcher
from omegaconf import DictConfig, OmegaConf

from twinlib.errors import UserError
from twinlib.sweep.compose import Composer


@dataclass(frozen=True)
class Point:
    """One run of a sweep: its part of the command line, and its resolved config or why there is none."""

    overrides: tuple[str, ...]
    config: dict[str, Any] | None
    error: str | None


def split(arguments: list[str], loader: ConfigLoader) -> list[tuple[str, ...]]:
    """The overrides of every point, in the order of Hydra's basic sweeper: the last argument varies fastest.

    Raises
    ------
    UserError
        An argument has no values, or so many that they cannot be listed.
    """
    overrides = OverridesParser.create(config_loader=loader).parse_overrides(arguments)
    chosen = {override.get_key_element(): override for override in overrides}
    for override in chosen.values():
        _require_values(override)
    (points,) = BasicSweeper.split_arguments(list(chosen.values()), max_batch_size=None)
    return [tuple(point) for point in points]


def _require_values(override: Override) -> None:
    line = override.input_line
    if not override.is_sweep_override():
        return
    if not override.is_discrete_sweep():
        raise UserError(f"{line}: a grid cannot list an interval; write range(start,stop,step) or the values: a,b,c")
    try:
        empty = next(iter(override.sweep_string_iterator()), None) is None
    except ValueError as error:  # a range of step 0
        raise UserError(f"{line}: {error}") from error
    if empty and override.is_range_sweep():
        raise UserError(f"{line}: an empty range; it starts at the first number and ends before the second")
    if empty:
        raise UserError(f"{line}: no choice matches; `python train.py --help` lists them")


def compose_points(combinations: Iterable[tuple[str, ...]], composer: Composer, common: Sequence[str]) -> list[Point]:
    """Compose every point; `common` are overrides that stand before those of each.

    Raises
    ------
    UserError
        No point can be composed: what is wrong with the first one.
    """
    points = []
    for overrides in combinations:
        try:
            points.append(Point(overrides, composer.compose([*common, *overrides]), None))
        except UserError as error:
            points.append(Point(overrides, None, str(error)))
    if all(point.error for point in points):
        raise UserError(points[0].error)
    return points


def sweep(arguments: list[str], config: DictConfig, loader: ConfigLoader, launcher: Launcher) -> Any:
    """Compose all points of a sweep and hand them to the launcher.

    A launcher with a method `launch_points(points: list[Point])` gets them composed, those with an error among them
    as long as one has none. Any other launcher gets the overrides, as from Hydra, and no point may have an error.

    Parameters
    ----------
    arguments
        `["lr=1e-3,1e-4", "model=cnn"]`.
    config
        Hydra's config of the whole sweep.

    Raises
    ------
    UserError
        The points cannot be listed or composed; nothing has run.
    """
    combinations = split(arguments, loader)
    composer = Composer(project(loader), config.hydra.job.config_name, loader)
    points = compose_points(combinations, composer, common_overrides(config))
    launch_points = getattr(launcher, "launch_points", None)
    if launch_points is not None:
        return launch_points(points)
    for point in points:
        if point.error:
            raise UserError(f"{point.error} (in the point {' '.join(point.overrides)})")
    results = launcher.launch([list(point.overrides) for point in points], initial_job_idx=0)
    for result in results:
        _ = result.return_value  # raises the error of a run that failed
    return [results]


def project(loader: ConfigLoader) -> Path:
    """The project folder: it holds the `conf/` that Hydra composes from."""
    return Path(next(source.path for source in loader.get_sources() if source.provider == "main")).parent


def common_overrides(config: DictConfig) -> list[str]:
    """Overrides of Hydra's groups and search path. Other keys of Hydra are in the sweep's config, no run has them."""
    overrides: list[str] = OmegaConf.to_container(config.hydra.overrides.hydra)  # type: ignore[assignment]
    return [line for line in overrides if line.lstrip("+~").startswith(("hydra/", "hydra.searchpath"))]
