"""Whether this process is the first of its run, read from what the usual launchers put into the environment."""

import json
import os
from collections.abc import Mapping


def is_first(environ: Mapping[str, str] = os.environ) -> bool:
    """Whether this process logs: it is alone, or has rank 0 among the processes of one run.

    torchrun sets `RANK`, TensorFlow reads `TF_CONFIG`, Lightning gives `NODE_RANK` and `LOCAL_RANK` to the processes
    it starts, and Slurm numbers the tasks of a step in `SLURM_PROCID`. The first two know most: several runs, each
    with ranks of its own, can be tasks of one Slurm step.
    """
    if "RANK" in environ:
        return environ["RANK"] == "0"
    if "TF_CONFIG" in environ:
        return _is_chief(environ["TF_CONFIG"])
    return all(environ.get(name, "0") == "0" for name in ("NODE_RANK", "LOCAL_RANK", "SLURM_PROCID"))


def _is_chief(tf_config: str) -> bool:
    # {"cluster": {"worker": ["host:port", …]}, "task": {"type": "worker", "index": 0}}; the chief, where there is one,
    # is not among the workers.
    described = json.loads(tf_config)
    task = described.get("task", {"type": "worker", "index": 0})
    if "chief" in described.get("cluster", {}):
        return bool(task["type"] == "chief")
    return bool(task["type"] == "worker" and int(task["index"]) == 0)
