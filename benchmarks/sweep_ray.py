"""The same points on Ray and on this machine: what each costs a point beside its task, both on all cores.

Ray's cluster runs on this machine; its start is given apart. Each side computes all points anew.

    python benchmarks/sweep_ray.py [--points 20] [--seconds 0.5]
"""

import argparse
import os
import tempfile
import time
from pathlib import Path
from typing import Any

from sweep_throughput import project

from twinlib.config.compose import compose
from twinlib.launcher.devices import cores
from twinlib.launcher.local import LocalPool
from twinlib.launcher.pool import Pool
from twinlib.launcher.ray import RayPool
from twinlib.sweep.grid import Point
from twinlib.sweep.session import Session


def sweep(root: Path, pool: Pool, name: str, points: list[Point]) -> float:
    """Seconds from the first submission to the last answer; the first points start the place and do not count."""
    with Session(root, pool, root / "runs" / ".sweeps" / name) as session:
        began = time.perf_counter()
        for point in points:
            session.submit(point)
        while session.pending:
            assert session.next().state == "done", session.sweep
        return time.perf_counter() - began


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--points", type=int, default=20)
    parser.add_argument("--seconds", type=float, default=0.5, help="of the task")
    options = parser.parse_args()
    os.environ.setdefault("RAY_AUTH_MODE", "disabled")
    took: dict[str, tuple[float, float]] = {}
    with tempfile.TemporaryDirectory() as name:
        root = project(Path(name) / "toy")
        for number, kind in enumerate((LocalPool, RayPool)):
            pools: Any = kind
            pool = pools(root=root, strategy={"accelerator": "cpu", "devices": 1}, workers=cores())
            points = [
                Point((f"seed={seed}",), compose([f"seed={seed}", f"trainer.seconds={options.seconds}"], root), None)
                for seed in range(1000 * number, 1000 * number + options.points + cores())
            ]
            stop, pool.stop = pool.stop, lambda: None  # the place stays for the second sweep
            start = sweep(root, pool, f"{kind.__name__}-start", points[: cores()])
            took[kind.__name__] = start, sweep(root, pool, kind.__name__, points[cores() :])
            stop()
    ideal = options.points * options.seconds / cores()
    costs = {}
    for kind, (start, all_points) in took.items():
        costs[kind] = (all_points - ideal) / options.points * cores()
        print(f"{kind:9}  first {cores()} points {start:.2f} s; {options.points} more: {all_points:.2f} s")
        print(f"{'':9}  {1000 * costs[kind]:.0f} ms a point and worker beside the task of {options.seconds} s")
    print(f"ratio {costs['RayPool'] / costs['LocalPool']:.2f} (Ray's overhead a point against that of local processes)")


if __name__ == "__main__":
    main()
