"""The processors and GPUs of this machine that a sweep may use, found without importing a framework."""

import math
import os
from pathlib import Path

# What numerical libraries read when they are loaded.
THREADS = (
    "OMP_NUM_THREADS",
    "MKL_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "TF_NUM_INTRAOP_THREADS",
    "TF_NUM_INTEROP_THREADS",
)


def cores() -> int:
    """How many cores this process may keep busy: its affinity, and the quota of its container."""
    count = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text().split()
    except (OSError, ValueError):
        return count
    return count if quota == "max" else max(1, min(count, math.ceil(int(quota) / int(period))))


def gpus() -> list[str]:
    """The GPUs as CUDA_VISIBLE_DEVICES names them; those of that variable if it is set."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is not None:
        # CUDA itself stops at the first entry that it cannot use, such as -1.
        named = [name.strip() for name in visible.split(",")]
        return [name for name in named if name and not name.startswith("-")]
    found = sum(entry.name.removeprefix("nvidia").isdecimal() for entry in Path("/dev").glob("nvidia[0-9]*"))
    return [str(number) for number in range(found)]


def limits(threads: int) -> dict[str, str]:
    """Environment of a worker that computes with so many threads, but for what the user has set."""
    return {name: os.environ.get(name, str(threads)) for name in THREADS}


def shares(devices: list[str], workers: int) -> list[list[str]]:
    """The devices of each worker: an equal part of them; one, in turn, where there are more workers than devices."""
    if not devices:
        return [[] for _ in range(workers)]
    if workers > len(devices):
        return [[devices[worker % len(devices)]] for worker in range(workers)]
    each = len(devices) // workers
    return [devices[worker * each : (worker + 1) * each] for worker in range(workers)]
