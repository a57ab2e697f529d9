"""Points of a one-second task on two workers: the share of the ideal throughput, over the whole command.

The ideal is one point a second and worker from start to end, without Python's start, Hydra, the store and the pictures.
The task waits, as a training on a GPU does; with `--busy` it keeps a core busy, and what comes with a run (its own
start, its record, its learning curve) shares the two cores with it.

    python benchmarks/sweep_throughput.py [--points 40] [--workers 2] [--busy]
"""

import argparse
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def project(folder: Path) -> Path:
    """A project whose training takes as long as it is told to."""
    shutil.copytree(ROOT / "benchmarks" / "toy", folder)
    shutil.copytree(ROOT / "conf" / "launcher", folder / "conf" / "launcher")
    return folder


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--points", type=int, default=40)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--busy", action="store_true", help="a task that computes instead of one that waits")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        root = project(Path(name) / "toy")
        task = [f"seed=range({options.points})", "trainer.seconds=1", f"trainer.busy={options.busy}"]
        command = [sys.executable, "train.py", "-m", *task, f"launcher.workers={options.workers}"]
        began = time.perf_counter()
        done = subprocess.run(command, cwd=root, capture_output=True, text=True)
        took = time.perf_counter() - began
        assert f"{options.points} done" in done.stdout, done.stdout + done.stderr
    ideal = options.points / options.workers
    kind = "computes" if options.busy else "waits"
    print(f"{options.points} points of a task that {kind} for a second, on {options.workers} workers: {took:.2f} s")
    print(f"ratio {ideal / took:.3f} of the ideal throughput ({ideal:.0f} s; wanted: at least 0.9)")


if __name__ == "__main__":
    main()
