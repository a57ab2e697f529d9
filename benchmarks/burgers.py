"""Burgers' equation with a shock (experiments/equations/burgers.yaml) by twinlib and by DeepXDE, on the same threads.

Both sides solve it one after the other in one run of this script. DeepXDE (torch backend, float64) does so as its
documentation does: 2,540 points inside, 80 and 160 on the boundary and at the beginning, 3 layers of 20, 15,000
iterations of Adam, then L-BFGS, until the time is over. twinlib takes its experiment as it is shipped. Prints, with
ratios, how long twinlib needs to DeepXDE's least error, and both errors after equal time. The error is the relative
L2 error on 201 x 101 points against the exact integrals (stages/equations.py), computed every few iterations by both
sides; the time includes it.

    python benchmarks/burgers.py [seconds, 300 by default]

Without DeepXDE (pip install deepxde==1.15.0) it says so and measures nothing.
"""

import importlib.util
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
TABLE = ROOT / "data/equations/burgers.csv"
THREADS = 1  # networks as small as these gain little from more
EVERY = {"DeepXDE": 50, "twinlib": 3}  # iterations, from one error to the next
Trace = list[tuple[float, float]]  # seconds, error


def ours(limit: float) -> Trace:
    sys.path.insert(0, str(ROOT))
    import torch

    from twinlib.config.build import build
    from twinlib.config.compose import compose
    from twinlib.physics.residuals import Residuals
    from twinlib.physics.solution import Solution

    torch.set_num_threads(THREADS)
    torch.set_default_dtype(torch.float64)
    config = compose(["experiment=equations/burgers"], ROOT)
    began = time.perf_counter()
    torch.manual_seed(config["seed"])
    problem = build(config["data"])
    solution = Solution(problem, build(config["model"], problem.network_inputs, problem.outputs))
    residuals = Residuals(problem, solution, problem.samples("train", config["seed"]), {})
    method = build(config["optimizer"], residuals)
    points, reference = (torch.as_tensor(problem.columns("test")[key]) for key in ("point", "solution"))
    trace: Trace = []
    goes_on = True
    while goes_on and time.perf_counter() - began < limit:
        for _ in range(EVERY["twinlib"]):
            goes_on = goes_on and method.step(1)
        with torch.no_grad():
            error = float((solution(points) - reference).norm() / reference.norm())
        trace.append((time.perf_counter() - began, error))
    return trace


def theirs(limit: float) -> Trace:
    os.environ["DDE_BACKEND"] = "pytorch"
    import deepxde as dde
    import torch

    torch.set_num_threads(THREADS)
    dde.config.set_default_float("float64")
    dde.config.set_random_seed(0)
    table = np.loadtxt(TABLE, delimiter=",", skiprows=1)
    grid, reference = table[:, :2], table[:, 2:]
    began = time.perf_counter()

    def momentum(x, u):  # type: ignore[no-untyped-def]
        slope, rate = dde.grad.jacobian(u, x, j=0), dde.grad.jacobian(u, x, j=1)
        return rate + u * slope - 0.01 / np.pi * dde.grad.hessian(u, x, i=0, j=0)

    domain = dde.geometry.GeometryXTime(dde.geometry.Interval(-1, 1), dde.geometry.TimeDomain(0, 1))
    ends = dde.icbc.DirichletBC(domain, lambda x: 0, lambda x, on_boundary: on_boundary)
    start = dde.icbc.IC(domain, lambda x: -np.sin(np.pi * x[:, 0:1]), lambda x, on_initial: on_initial)
    data = dde.data.TimePDE(domain, momentum, [ends, start], num_domain=2540, num_boundary=80, num_initial=160)
    model = dde.Model(data, dde.nn.FNN([2, 20, 20, 20, 1], "tanh", "Glorot normal"))
    trace: Trace = []

    class Watch(dde.callbacks.Callback):  # type: ignore[misc]
        def on_epoch_end(self) -> None:
            if self.model.train_state.step % EVERY["DeepXDE"]:
                return
            difference = self.model.predict(grid) - reference
            trace.append((time.perf_counter() - began, float(np.linalg.norm(difference) / np.linalg.norm(reference))))
            if trace[-1][0] > limit:
                self.model.stop_training = True

    model.compile("adam", lr=1e-3)
    model.train(iterations=15_000, callbacks=[Watch()], display_every=10**9, verbose=0)
    dde.optimizers.set_LBFGS_options(maxiter=100_000, ftol=0, gtol=1e-12)
    dde.optimizers.config.LBFGS_options["iter_per_step"] = EVERY["DeepXDE"]
    model.stop_training = False
    model.compile("L-BFGS")
    if trace[-1][0] < limit:
        model.train(callbacks=[Watch()], display_every=10**9, verbose=0)
    return trace


def side(name: str, limit: float) -> Trace:
    # Threads that wait without holding the processors: on a machine that does other things too, both sides gain.
    environment = {**os.environ, "OMP_NUM_THREADS": str(THREADS), "GOMP_SPINCOUNT": "10000"}
    done = subprocess.run(
        [sys.executable, __file__, name, str(limit)], cwd=ROOT, env=environment, capture_output=True, text=True
    )
    if done.returncode:
        sys.exit(done.stderr)
    return [(float(at), float(error)) for at, error in json.loads(done.stdout.splitlines()[-1])]


def best(trace: Trace, limit: float = float("inf")) -> tuple[float, float]:
    """The least error up to a time, and when it was there."""
    return min(((error, at) for at, error in trace if at <= limit), default=(float("nan"), limit))


def main() -> None:
    if importlib.util.find_spec("deepxde") is None:
        print("DeepXDE is not installed: pip install deepxde==1.15.0")
        return
    if not TABLE.is_file():
        subprocess.run([sys.executable, "-m", "stages", "burgers", "equations"], cwd=ROOT, check=True)
    limit = float(sys.argv[1]) if len(sys.argv) > 1 else 300.0
    traces = {"DeepXDE": side("theirs", limit), "twinlib": side("ours", limit)}
    for name, trace in traces.items():
        error, at = best(trace)
        print(f"{name:8} least error {error:.1e} after {at:.1f} s of {trace[-1][0]:.1f} s")
    error, at = best(traces["DeepXDE"])
    reached = next((seconds for seconds, mine in traces["twinlib"] if mine <= error), float("nan"))
    print(
        f"to DeepXDE's least error: twinlib {reached:.1f} s, DeepXDE {at:.1f} s, "
        f"ratio {at / reached:.1f} (wanted: at least 10)"
    )
    equal = min(trace[-1][0] for trace in traces.values())
    mine, other = best(traces["twinlib"], equal)[0], best(traces["DeepXDE"], equal)[0]
    print(f"after {equal:.0f} s: twinlib {mine:.1e}, DeepXDE {other:.1e}, ratio {other / mine:.0f}")


if __name__ == "__main__":
    if sys.argv[1:2] in (["ours"], ["theirs"]):
        print(json.dumps((ours if sys.argv[1] == "ours" else theirs)(float(sys.argv[2]))))
    else:
        main()
