"""`python train.py [experiment=<field>/<name>] [key=value …] [-m key=a,b …]`."""

import os
import sys
import time
from pathlib import Path

import hydra
from omegaconf import DictConfig

from twinlib.config import mistakes, schema
from twinlib.config.compose import resolved
from twinlib.errors import UserError
from twinlib.run import RunFailed, run


def main(root: Path) -> None:
    """Let Hydra compose the config (or each config of a sweep) and run it; never returns."""
    schema.register()
    sweep = f"sweep-{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}" if _is_sweep(sys.argv[1:]) else None

    def task(config: DictConfig) -> float:
        return run(resolved(config), root, group=sweep).objective

    # Hydra prints its own tracebacks and exits with 1 unless it is asked for the error itself.
    full = os.environ.get("HYDRA_FULL_ERROR") == "1"
    os.environ["HYDRA_FULL_ERROR"] = "1"
    try:
        hydra.main(version_base="1.3", config_path=str(root / "conf"), config_name="config")(task)()
    except UserError as error:
        mistake = error
    except mistakes.COMPOSING as error:
        if full:
            raise
        mistake = mistakes.explained(error, root / "conf")
    except RunFailed as error:
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        sys.exit("interrupted; the same command goes on where this one stopped")
    else:
        sys.exit(0)
    print(f"error: {mistake}", file=sys.stderr)
    sys.exit(2)


def _is_sweep(arguments: list[str]) -> bool:
    return "--multirun" in arguments or any(
        argument.startswith("-") and not argument.startswith("--") and "m" in argument for argument in arguments
    )
