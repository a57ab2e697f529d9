"""One run on a machine that a cluster chose: called there by Ray or Slurm, on a file system that all machines share."""

import os
from pathlib import Path

from twinlib.launcher.local import LocalPool
from twinlib.launcher.pool import Ended, Job

# Of the process that Ray uses for one run after the other: starting workers anew each time would cost a second.
_pools: dict[tuple[Path, int, str | None], LocalPool] = {}


def compute(job: Job, root: Path, cpus: int) -> Ended:
    """Compute a job in a fresh process that sees the devices this process was given, with `cpus` threads."""
    # Ray may give this process other GPUs for the next run.
    key = root, cpus, os.environ.get("CUDA_VISIBLE_DEVICES")
    if key not in _pools:
        while _pools:
            _pools.popitem()[1].stop()
        _pools[key] = LocalPool(root=root, strategy=job.config["strategy"], workers=1, threads=cpus)
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
