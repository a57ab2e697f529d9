"""One run, or a node of one, where a cluster put it: called there by Ray or Slurm, on a file system that all share."""

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

from twinlib.launcher.local import LocalPool
from twinlib.launcher.pool import Ended, Job
from twinlib.processes.place import place, team

# Of the process that Ray uses for one run after the other: starting workers anew each time would cost a second.
_pools: dict[tuple[Any, ...], LocalPool] = {}


def compute(job: Job, root: Path, cpus: int, rank: int = 0, size: int = 1, address: str | None = None) -> Ended:
    """Compute a job in a fresh process that sees the devices this process was given, with `cpus` threads.

    Parameters
    ----------
    rank, size, address
        Of a run on several nodes: this one's number, how many there are, and where they meet. Slurm says so itself.
    """
    environment = {}
    if size > 1:
        job = replace(job, config=job.config | {"strategy": job.config["strategy"] | {"address": address}})
        environment = {"RANK": str(rank), "WORLD_SIZE": str(size), "LOCAL_RANK": "0"}
    node = team(job.config, place(os.environ | environment)).place.rank
    if node > 0:
        job = replace(job, folder=job.folder / f"node{node}")  # the first node's are those of the run
    # Ray may give this process other GPUs for the next run.
    key = root, cpus, rank, size, os.environ.get("CUDA_VISIBLE_DEVICES")
    if key not in _pools:
        while _pools:
            _pools.popitem()[1].stop()
        strategy = job.config["strategy"]
        _pools[key] = LocalPool(
            root=root, strategy=strategy, workers=1, threads=cpus, environment=environment, part=True
        )
    pool = _pools[key]
    try:
        pool.start(job)
        while not (ended := pool.ended(timeout=1)):  # Ray's interrupt does not wake a longer wait
            pass
    except BaseException:  # the run was cancelled
        pool.stop()
        raise
    return ended[0]


def lost(job: Job, seconds: float, reason: str) -> Ended:
    """How a job ended whose process gave no answer."""
    job.folder.mkdir(parents=True, exist_ok=True)
    with job.log.open("a") as log:
        log.write(f"lost: {reason}\n")
    return Ended.read(job, 1, seconds)
