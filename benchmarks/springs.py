"""The coupled springs (experiments/equations/coupled_springs.yaml) by twinlib and by DeepXDE, on the same threads.

Both sides get the same problem, on 200 points, and solve it one after the other in one run of this script. DeepXDE
(torch backend, float64) does so as its users do: values and rates at the beginning as terms of the loss, 2,000
iterations of Adam, then L-BFGS, until the time is over. twinlib takes its experiment as it is shipped. Prints, with
ratios, how long twinlib needs to DeepXDE's least error, and both errors after equal time. The error is the largest
relative L2 error of x1, x2, x3 on 1,000 points, computed every few iterations by both sides; the time includes it.

    python benchmarks/springs.py [seconds, 130 by default]

Without DeepXDE (pip install deepxde==1.15.0) it says so and measures nothing.
"""

import importlib.util
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
THREADS = 1  # networks as small as these gain nothing from more, and on a busy machine lose
POINTS = 200
EVERY = {"DeepXDE": 20, "twinlib": 5}  # iterations, from one error to the next
Trace = list[tuple[float, float]]  # seconds, error


def ours(limit: float) -> Trace:
    return solved("equations/coupled_springs", EVERY["twinlib"], limit)


def solved(experiment: str, every: int, limit: float) -> Trace:
    """What an experiment reaches as it is shipped, looked at every few iterations."""
    sys.path.insert(0, str(ROOT))
    import torch

    from twinlib.config.build import build
    from twinlib.config.compose import compose
    from twinlib.physics.residuals import Residuals
    from twinlib.physics.solution import Solution

    torch.set_num_threads(THREADS)
    torch.set_default_dtype(torch.float64)
    config = compose([f"experiment={experiment}"], ROOT)
    began = time.perf_counter()
    torch.manual_seed(config["seed"])
    problem = build(config["data"])
    solution = Solution(problem, build(config["model"], problem.network_inputs, problem.outputs))
    residuals = Residuals(problem, solution, problem.samples("train", config["seed"]), {})
    method = build(config["optimizer"], residuals)
    errors = build(config["evaluation"])
    columns = problem.columns("test")
    trace: Trace = []
    goes_on = True
    while goes_on and time.perf_counter() - began < limit:
        for _ in range(every):
            goes_on = goes_on and method.step(1)
        with torch.no_grad():
            found = solution(torch.as_tensor(columns["point"])).numpy()
        error = errors(problem, "test", found, columns["solution"])["relative_l2"]
        trace.append((time.perf_counter() - began, error))
    return trace


def theirs(limit: float) -> Trace:
    os.environ["DDE_BACKEND"] = "pytorch"
    import deepxde as dde
    import numpy as np
    import torch

    torch.set_num_threads(THREADS)
    dde.config.set_default_float("float64")
    dde.config.set_random_seed(0)
    began = time.perf_counter()

    def motion(t, x):  # type: ignore[no-untyped-def]
        x1, x2, x3 = x[:, 0:1], x[:, 1:2], x[:, 2:3]
        second = [dde.grad.hessian(x, t, component=number) for number in range(3)]
        return [
            second[0] + 2 * x1 - (x2 - x1),
            second[1] + (x2 - x1) - (x3 - x2),
            second[2] + (x3 - x2) + 2 * x3,
        ]

    def exact(t):  # type: ignore[no-untyped-def]
        slow, middle, fast = np.cos(t), np.cos(np.sqrt(3) * t), np.cos(2 * t)
        return np.hstack([slow / 6 + middle / 2 + fast / 3, slow / 3 - fast / 3, slow / 6 - middle / 2 + fast / 3])

    def at_start(t, on_boundary):  # type: ignore[no-untyped-def]
        return on_boundary and dde.utils.isclose(t[0], 0)

    def place(number):  # type: ignore[no-untyped-def]
        return lambda t: np.full((len(t), 1), 1.0 if number == 0 else 0.0)

    def at_rest(number):  # type: ignore[no-untyped-def]
        return lambda t, x, _: dde.grad.jacobian(x, t, i=number)

    time_axis = dde.geometry.TimeDomain(0, 10)
    start = [dde.icbc.IC(time_axis, place(number), at_start, component=number) for number in range(3)]
    start += [dde.icbc.OperatorBC(time_axis, at_rest(number), at_start) for number in range(3)]
    data = dde.data.PDE(time_axis, motion, start, num_domain=POINTS, num_boundary=2, train_distribution="Sobol")
    network = dde.nn.FNN([1, 32, 32, 32, 3], "tanh", "Glorot normal")
    network.apply_feature_transform(lambda t: t / 5 - 1)
    model = dde.Model(data, network)
    grid = np.linspace(0, 10, 1000)[:, None]
    solution = exact(grid)

    def error() -> float:
        difference = model.predict(grid) - solution
        return float((np.linalg.norm(difference, axis=0) / np.linalg.norm(solution, axis=0)).max())

    return trained(model, error, EVERY["DeepXDE"], 2000, began, limit)


def trained(model: Any, error: Callable[[], float], every: int, iterations: int, began: float, limit: float) -> Trace:
    """What a model of DeepXDE reaches by Adam, for so many iterations, and then by L-BFGS, until the time is over."""
    import deepxde as dde

    trace: Trace = []

    class Watch(dde.callbacks.Callback):  # type: ignore[misc]
        def on_epoch_end(self) -> None:
            if self.model.train_state.step % every:
                return
            found = error()
            trace.append((time.perf_counter() - began, found))
            if trace[-1][0] > limit:
                self.model.stop_training = True

    model.compile("adam", lr=1e-3)
    model.train(iterations=iterations, callbacks=[Watch()], display_every=10**9, verbose=0)
    dde.optimizers.set_LBFGS_options(maxiter=100_000, ftol=0, gtol=1e-12)
    dde.optimizers.config.LBFGS_options["iter_per_step"] = every
    model.stop_training = False
    model.compile("L-BFGS")
    if trace[-1][0] < limit:
        model.train(callbacks=[Watch()], display_every=10**9, verbose=0)
    return trace


def side(script: str, name: str, limit: float) -> Trace:
    # Threads that wait without holding the processors: on a machine that does other things too, both sides gain.
    environment = {**os.environ, "OMP_NUM_THREADS": str(THREADS), "GOMP_SPINCOUNT": "10000"}
    done = subprocess.run(
        [sys.executable, script, name, str(limit)], cwd=ROOT, env=environment, capture_output=True, text=True
    )
    if done.returncode:
        sys.exit(done.stderr)
    return [(float(at), float(error)) for at, error in json.loads(done.stdout.splitlines()[-1])]


def best(trace: Trace, limit: float = float("inf")) -> tuple[float, float]:
    """The least error up to a time, and when it was there."""
    return min(((error, at) for at, error in trace if at <= limit), default=(float("nan"), limit))


def main(script: str, limit: float, wanted: str) -> None:
    """Let both sides of a script run for so many seconds and print what they reach."""
    if importlib.util.find_spec("deepxde") is None:
        print("DeepXDE is not installed: pip install deepxde==1.15.0")
        return
    limit = float(sys.argv[1]) if len(sys.argv) > 1 else limit
    traces = {"DeepXDE": side(script, "theirs", limit), "twinlib": side(script, "ours", limit)}
    for name, trace in traces.items():
        error, at = best(trace)
        print(f"{name:8} least error {error:.1e} after {at:.1f} s of {trace[-1][0]:.1f} s")
    error, at = best(traces["DeepXDE"])
    reached = next((seconds for seconds, mine in traces["twinlib"] if mine <= error), float("nan"))
    print(
        f"to DeepXDE's least error: twinlib {reached:.2f} s, DeepXDE {at:.1f} s, "
        f"ratio {at / reached:.1f} (wanted: at least 10)"
    )
    equal = min(trace[-1][0] for trace in traces.values())
    mine, other = best(traces["twinlib"], equal)[0], best(traces["DeepXDE"], equal)[0]
    print(f"after {equal:.0f} s: twinlib {mine:.1e}, DeepXDE {other:.1e}, ratio {other / mine:.0f}{wanted}")


if __name__ == "__main__":
    if sys.argv[1:2] in (["ours"], ["theirs"]):
        print(json.dumps((ours if sys.argv[1] == "ours" else theirs)(float(sys.argv[2]))))
    else:
        main(__file__, 130.0, " (wanted: at least 100)")
