"""Shell that picks one of many runs by a number, and the shell words of a command."""

import shlex
from collections.abc import Sequence

from twinlib.deploy.workload import Task

TRAIN = ("python", "train.py")


def command(task: Task) -> str:
    """The command line of one run."""
    return shlex.join([*TRAIN, *task.overrides])


def choice(variable: str, tasks: Sequence[Task]) -> list[str]:
    """Lines that set the positional parameters to the overrides of the run whose number is in `variable`."""
    lines = [f'case "${{{variable}}}" in']
    for number, task in enumerate(tasks):
        lines.append(f"{number}) set -- {shlex.join(task.overrides)} ;; # {task.fingerprint[:12]}")
    return [*lines, f'*) echo "no run has the number ${{{variable}}}" >&2; exit 64 ;;', "esac"]
