"""The lattice Boltzmann kernel against the C code that lbmpy generates, and against a copy of the memory it moves.

Ours is the solver's own loop, with walls, inlet and outlet; lbmpy's is its kernel alone on all cores, the same model
(TRT, zero-centred, incompressible), compiled for these processors in several ways, of which the fastest counts. The
limit copies nine values of each cell to another array: nine reads and nine writes. The sides take turns, and the
fastest round of each counts.

    python benchmarks/lattice.py [--rounds 7]
    taskset -c 0 python benchmarks/lattice.py      # one core each: says more on a machine that others use
"""

import argparse
import logging
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from llvmlite.binding import get_host_cpu_features

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from twinlib.flow.lattice import Lattice  # noqa: E402
from twinlib.launcher.devices import cores  # noqa: E402

GRIDS = ((128, 256), (1024, 2048))
WORK = 4e7  # updates a round
VISCOSITY, U_MAX = 0.05, 0.05
Run = Callable[[int], Any]  # goes some steps on


def ours(rows: int, columns: int, precision: type) -> dict[str, Run]:
    """One channel on one core or on all, and one on each, which is how data are made."""
    lattice, *others = (
        Lattice(np.ones((rows, columns), bool), VISCOSITY, U_MAX, precision=precision) for _ in range(cores())
    )
    pool = ThreadPoolExecutor(cores())

    def on_each(steps: int) -> None:
        share = [steps // cores()] * cores()
        list(pool.map(Lattice.advance, [lattice, *others], share))

    return {
        "numba, one core": lattice.advance,
        "numba, a channel on each core": on_each,
        "numba, a channel on all cores": lambda steps: lattice.advance(steps, parallel=True),
    }


def lbmpy(rows: int, columns: int, precision: type) -> dict[str, Run]:
    """One function for each way to compile the kernel."""
    import pystencils
    from lbmpy import LBMConfig, LBMOptimisation, LBStencil, Method, Stencil, create_lb_update_rule

    vectors = pystencils.Target.X86_AVX512 if get_host_cpu_features().get("avx512f") else pystencils.Target.X86_AVX
    runs = {}
    for name, target, stream in (
        ("plain", pystencils.Target.GenericCPU, False),
        ("vectors", vectors, False),
        ("vectors past the cache", vectors, True),
    ):
        data = pystencils.create_data_handling((columns, rows), default_layout="fzyx", default_ghost_layers=1)
        source = data.add_array("source", 9, dtype=precision, alignment=True)
        target_field = data.add_array_like("target", "source")
        rule = create_lb_update_rule(
            lbm_config=LBMConfig(
                stencil=LBStencil(Stencil.D2Q9),
                method=Method.TRT,
                relaxation_rates=[1 / (3 * VISCOSITY + 0.5), 1 / (3 / 16 / (3 * VISCOSITY) + 0.5)],
                compressible=False,
                zero_centered=True,
                kernel_type="stream_pull_collide",
            ),
            lbm_optimisation=LBMOptimisation(symbolic_field=source, symbolic_temporary_field=target_field),
        )
        config = pystencils.CreateKernelConfig(target=target, default_dtype=np.dtype(precision).name)
        config.cpu.openmp.enable = True
        config.cpu.openmp.num_threads = cores()
        if target is vectors:
            config.cpu.vectorize.enable = True
            config.cpu.vectorize.assume_inner_stride_one = True
            config.cpu.vectorize.use_nontemporal_stores = stream
        kernel = pystencils.create_kernel(rule, config=config).compile()
        arrays = [data.cpu_arrays[key] for key in ("source", "target")]
        for array in arrays:
            array[:] = 0.001

        def run(steps: int, kernel: Any = kernel, arrays: list[np.ndarray] = arrays) -> None:
            for step in range(steps):
                kernel(source=arrays[step % 2], target=arrays[1 - step % 2])

        runs[f"lbmpy, {name}"] = run
    return runs


def copy(rows: int, columns: int, precision: type) -> dict[str, Run]:
    source = np.ones((9, rows * columns), precision)
    target = np.zeros_like(source)
    parts = np.array_split(np.arange(rows * columns), cores())
    pool = ThreadPoolExecutor(cores())

    def part(where: np.ndarray, steps: int) -> None:
        there = slice(where[0], where[-1] + 1)
        for _ in range(steps):
            np.copyto(target[:, there], source[:, there])

    return {"copy": lambda steps: list(pool.map(part, parts, [steps] * len(parts)))}


def fastest(runs: dict[str, Run], cells: int, rounds: int) -> dict[str, float]:
    """Million updates a second of each."""
    steps = max(2, int(WORK / cells))
    best = dict.fromkeys(runs, 0.0)
    for run in runs.values():
        run(2)
    for _ in range(rounds):
        for name, run in runs.items():
            began = time.perf_counter()
            run(steps)
            best[name] = max(best[name], steps * cells / (time.perf_counter() - began) / 1e6)
    return best


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    rounds = parser.parse_args().rounds
    logging.disable(logging.WARNING)
    print(f"million lattice updates a second, {cores()} cores")
    for precision in (np.float32, np.float64):
        for rows, columns in GRIDS:
            runs = ours(rows, columns, precision) | lbmpy(rows, columns, precision) | copy(rows, columns, precision)
            speed = fastest(runs, rows * columns, rounds)
            print(f"\n{columns} x {rows}, {precision.__name__}")
            for name, value in speed.items():
                print(f"{name:>30} {value:7.0f}")
            theirs = max(value for name, value in speed.items() if name.startswith("lbmpy"))
            for name in ("numba, a channel on each core", "numba, a channel on all cores"):
                print(
                    f"{name}: ratio {speed[name] / theirs:.2f} of lbmpy (wanted: at least 0.9), "
                    f"{speed[name] / speed['copy']:.2f} of the copy"
                )


if __name__ == "__main__":
    main()
