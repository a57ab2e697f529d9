"""Preparing cyclone patches: where the time goes, what a process a core brings, and the memory of one and of ten years.

1. The share of the time that is spent in reading tracks and making maps (weather, vortices), in one process; the rest
   is labelling, cutting, and writing the dataset.
2. The time with one process against that with one a core, the default. Above 1 several are faster.
3. The highest memory of all processes together, for one year and for ten at the same density of maps. Pages of files
   that the system can take back at any time are no part of it.

Needs data/raw/cyclones: python -m stages fetch cyclones
"""

import argparse
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from stages import cyclones  # noqa: E402
from twinlib.cyclones.fields import Synthetic  # noqa: E402

SHARE, FLAT = 0.8, 1.1  # targets
RAW = ROOT / "data/raw/cyclones"
CORES = len(os.sched_getaffinity(0))
MAPS = 60  # a year, where the number of years is in question


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--rounds", type=int, default=2, help="of one process against one a core")
    options.add_argument("--years", type=int, help=argparse.SUPPRESS)
    arguments = options.parse_args()
    if arguments.years:
        prepare(2, **of_years(arguments.years))
        return
    profile()
    speed_up(arguments.rounds)
    memory()


def profile() -> None:
    spent = {"reading tracks": 0.0, "making maps": 0.0}

    def timed(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            began = time.perf_counter()
            try:
                return function(*args, **kwargs)
            finally:
                spent[name] += time.perf_counter() - began

        return call

    plain = cyclones.read_tracks, Synthetic.at
    cyclones.read_tracks, Synthetic.at = timed("reading tracks", plain[0]), timed("making maps", plain[1])
    total = prepare(1)
    cyclones.read_tracks, Synthetic.at = plain
    for name, seconds in (*spent.items(), ("all", total)):
        print(f"{name:>15}: {seconds:6.2f} s  {seconds / total:4.0%}")
    print(f"reading and making maps {sum(spent.values()) / total:.2f} of the time, target at least {SHARE}")


def speed_up(rounds: int) -> None:
    seconds: dict[int, list[float]] = {1: [], CORES: []}
    used: dict[int, list[float]] = {1: [], CORES: []}
    for number in range(rounds):
        for processes in (1, CORES) if number % 2 else (CORES, 1):
            before = sum(os.times()[:4])
            seconds[processes].append(prepare(processes))
            used[processes].append(sum(os.times()[:4]) - before)
    best, work = ({processes: min(each) for processes, each in times.items()} for times in (seconds, used))
    # Where others are at work, too, the other processors are not to be had: the processors' time tells.
    print(f"processors' time: one process {work[1]:.1f} s, {CORES} processes {work[CORES]:.1f} s")
    print(f"one process {best[1]:.1f} s, {CORES} processes {best[CORES]:.1f} s: ratio {best[1] / best[CORES]:.2f}")


def memory() -> None:
    peaks = {}
    for years in (1, 10):
        child = subprocess.Popen([sys.executable, __file__, "--years", str(years)])
        with highest(child.pid) as peak:
            child.wait()
        if child.returncode:
            raise SystemExit(child.returncode)
        peaks[years] = peak[0]
        print(f"{years:>2} years, {years * MAPS} maps: {peak[0] / 2**20:.0f} MiB in all processes")
    print(f"ten years take {peaks[10] / peaks[1]:.2f} of the memory of one, target at most {FLAT}")


def prepare(processes: int, **changes: Any) -> float:
    """Prepare the dataset of params.yaml, with changes, into a folder that is thrown away; the seconds it took."""
    parameters = yaml.safe_load((ROOT / "params.yaml").read_text())["cyclones"]["prepare"]
    with tempfile.TemporaryDirectory() as folder:
        began = time.perf_counter()
        cyclones.prepare(RAW, Path(folder, "cyclones"), **{**parameters, **changes, "processes": processes})
        return time.perf_counter() - began


def of_years(count: int) -> dict[str, Any]:
    years = {"train": [2000, 1999 + count], "val": [2012, 2012], "test": [2014, 2014]}
    return {"years": years, "times": {"train": count * MAPS, "val": 5, "test": 5}}


@contextmanager
def highest(pid: int) -> Iterator[list[int]]:
    """The highest sum of the anonymous memory, in bytes, of a process and its descendants, asked 20 times a second."""
    peak, over = [0], threading.Event()

    def watch() -> None:
        while not over.wait(0.05):
            peak[0] = max(peak[0], sum(anonymous(process) for process in family(pid)))

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield peak
    finally:
        over.set()
        thread.join()


def family(pid: int) -> list[int]:
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        children = []
    return [pid, *(member for child in children for member in family(int(child)))]


def anonymous(pid: int) -> int:
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0  # it has ended
    return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("RssAnon"))


if __name__ == "__main__":
    main()
