"""Batch scripts for Slurm: one job for a run, an array for a sweep, one task on each node."""

import os
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from twinlib.deploy.script import TRAIN, choice, command
from twinlib.deploy.workload import Workload
from twinlib.errors import UserError


def script(
    workload: Workload, settings: Mapping[str, Any], root: Path, output: Path, env_file: Path | None, typed: str
) -> str:
    """The text of a script for `sbatch`.

    Parameters
    ----------
    settings
        The node `launcher=slurm` of the config: partition, time, memory, cpus, options, workers.
    root
        The project folder, at the same place on all nodes.
    output
        Folder for what the jobs print.
    env_file
        Shell that sets what the jobs need, such as keys; it is read there, nothing of it is copied.
    typed
        The command that writes the script.

    Raises
    ------
    UserError
        An option holds what cannot be in a line of a script.
    """
    header = ["#!/bin/bash", *(f"#SBATCH {line}" for line in _options(workload, settings, output))]
    body = [
        "",
        f"# Written by: {typed.replace(chr(10), ' ')}",
        "# Submit it again after a failure: what a store has is not computed, what was broken off goes on.",
        "set -euo pipefail",
        f"cd {shlex.quote(str(root))}",
    ]
    if env_file is not None:
        quoted = shlex.quote(str(env_file))
        body += [
            f"[ -r {quoted} ] || {{ echo {shlex.quote(f'{env_file} cannot be read here')} >&2; exit 2; }}",
            "set -a",
            "# shellcheck source=/dev/null",
            f". {quoted}",
            "set +a",
        ]
    body += ["if [ -f .venv/bin/activate ]; then", "  # shellcheck source=/dev/null", "  . .venv/bin/activate", "fi"]
    step = 'srun --kill-on-bad-exit=1 --cpus-per-task="$SLURM_CPUS_PER_TASK"'
    if len(workload.tasks) == 1:
        body.append(f"{step} {command(workload.tasks[0])}")
    else:
        body += choice("SLURM_ARRAY_TASK_ID", workload.tasks)
        body.append(f'{step} {shlex.join(TRAIN)} "$@"')
    return "\n".join([*header, *body]) + "\n"


def _options(workload: Workload, settings: Mapping[str, Any], output: Path) -> list[str]:
    needs, count = workload.needs, len(workload.tasks)
    wanted: dict[str, Any] = {
        "job-name": workload.name,
        "output": output / ("%x-%A_%a.out" if count > 1 else "%x-%j.out"),
        "open-mode": "append",
        "requeue": True,
        "nodes": needs.nodes,
        "ntasks-per-node": 1,
        "cpus-per-task": settings.get("cpus") or 1,
        "gpus-per-node": needs.gpus or None,
        "partition": settings.get("partition"),
        "time": settings.get("time"),
        "mem": settings.get("memory"),
        "array": f"0-{count - 1}%{settings.get('workers') or count}" if count > 1 else None,
        **(settings.get("options") or {}),
    }
    lines = []
    for key, value in wanted.items():
        if value is None or value is False:
            continue
        line = f"--{key}" if value is True else f"--{key}={value}"
        if any(character.isspace() or not character.isprintable() for character in line):
            raise UserError(f"{line!r}: an option of sbatch in a script has no spaces; choose another name or folder")
        lines.append(line)
    return lines


def submit_command(script: Path) -> str:
    """What the user types."""
    return f"sbatch {shlex.quote(os.path.relpath(script))}"
