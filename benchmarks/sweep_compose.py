"""Composing the points of a sweep: twinlib's grid sweeper against Hydra's basic sweeper, on the same points.

Hydra's side is what its basic sweeper and basic launcher do with each point before they run it: compose it to see
whether it is legal, and compose it once more. Ours also resolves and checks each config. Both lists of configs are
compared.

    python benchmarks/sweep_compose.py [--points 200]
"""

import argparse
import sys
import time
from pathlib import Path

from hydra import initialize_config_dir
from hydra._internal.callbacks import Callbacks
from hydra._internal.core_plugins import basic_sweeper
from hydra.core.config_loader import ConfigLoader
from hydra.core.global_hydra import GlobalHydra
from hydra.types import HydraContext, RunMode
from omegaconf import open_dict

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from twinlib.config.compose import resolved  # noqa: E402
from twinlib.config.schema import register  # noqa: E402
from twinlib.sweep.compose import Composer  # noqa: E402
from twinlib.sweep.grid import compose_points, split  # noqa: E402


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--points", type=int, default=200, help="number of points (default: 200)")
    count = parser.parse_args().points
    rates = ",".join(f"{(step + 1) * 1e-4:g}" for step in range((count + 9) // 10))
    values = [f"lr={rates}", "seed=range(10)"]
    register()
    with initialize_config_dir(config_dir=str(ROOT / "conf"), version_base="1.3"):
        hydra = GlobalHydra.instance().hydra
        assert hydra is not None
        loader = hydra.config_loader
        compare("two value keys", values, count, loader)
        compare("two groups, two value keys", ["model=cnn,linear", "trainer=lightning,keras", *values], count, loader)


def compare(title: str, arguments: list[str], count: int, loader: ConfigLoader) -> None:
    """Print seconds a point of both sides and their ratio."""
    master = loader.load_configuration("config", arguments, RunMode.MULTIRUN)
    sweeper = basic_sweeper.BasicSweeper(max_batch_size=None)  # of the module: Hydra's plugin scan runs it again
    sweeper.config = master
    sweeper.hydra_context = HydraContext(config_loader=loader, callbacks=Callbacks())

    combinations = split(arguments, loader)
    combinations = combinations[:: max(1, len(combinations) // count)][:count]

    started = time.perf_counter()
    points = compose_points(combinations, Composer(ROOT, "config", loader), [])
    ours = (time.perf_counter() - started) / len(points)

    started = time.perf_counter()
    sweeper.validate_batch_is_legal(combinations)
    configs = [loader.load_sweep_config(master, list(overrides)) for overrides in combinations]
    theirs = (time.perf_counter() - started) / len(points)

    for point, config in zip(points, configs, strict=True):
        with open_dict(config):
            del config["hydra"]
        assert point.config == resolved(config), point.overrides
    print(f"{title}, {len(points)} points: all configs equal")
    print(f"  Hydra's basic sweeper {theirs:.6f} s a point, ours {ours:.6f} s a point, ratio {theirs / ours:.0f}")


if __name__ == "__main__":
    main()
