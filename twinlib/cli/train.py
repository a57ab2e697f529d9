"""`python train.py [experiment=<field>/<name>] [key=value …] [-m key=a,b …]`."""

import math
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
    exit_codes = [0]

    def task(config: DictConfig) -> float:
        # Raised through Hydra, an error would end a sweep and bring a traceback of Hydra's along.
        try:
            return run(resolved(config), root, group=sweep).objective
        except UserError as error:
            exit_codes.append(_say(error))
        except mistakes.COMPOSING as error:
            exit_codes.append(_say(mistakes.explained(error, root / "conf")))
        except RunFailed as error:  # has been said by the worker
            exit_codes.append(error.exit_code)
        return math.nan

    # Hydra prints tracebacks and exits with 1 unless it is asked for the error itself.
    os.environ.setdefault("HYDRA_FULL_ERROR", "1")
    try:
        hydra.main(version_base="1.3", config_path=str(root / "conf"), config_name="config")(task)()
    except UserError as error:
        sys.exit(_say(error))
    except mistakes.COMPOSING as error:
        sys.exit(_say(mistakes.explained(error, root / "conf")))
    except RunFailed as error:  # the launcher's table has said so
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        sys.exit("interrupted; the same command goes on where this one stopped")
    sys.exit(max(exit_codes) if sweep is None else min(1, max(exit_codes)))


def _say(error: UserError) -> int:
    print(f"error: {error}", file=sys.stderr)
    return 2


def _is_sweep(arguments: list[str]) -> bool:
    return any(
        argument == "--multirun" or (argument[:1] == "-" and argument[1:2].isalpha() and "m" in argument)
        for argument in arguments
    )
