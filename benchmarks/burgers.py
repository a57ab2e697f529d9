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

import json
import os
import subprocess
import sys
import time

import numpy as np
from springs import ROOT, THREADS, Trace, main, solved, trained

TABLE = ROOT / "data/equations/burgers.csv"
EVERY = {"DeepXDE": 50, "twinlib": 3}  # iterations, from one error to the next


def ours(limit: float) -> Trace:
    return solved("equations/burgers", EVERY["twinlib"], limit)


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

    def error() -> float:
        return float(np.linalg.norm(model.predict(grid) - reference) / np.linalg.norm(reference))

    return trained(model, error, EVERY["DeepXDE"], 15_000, began, limit)


if __name__ == "__main__":
    if sys.argv[1:2] in (["ours"], ["theirs"]):
        print(json.dumps((ours if sys.argv[1] == "ours" else theirs)(float(sys.argv[2]))))
    else:
        if not TABLE.is_file():
            subprocess.run([sys.executable, "-m", "stages", "burgers", "equations"], cwd=ROOT, check=True)
        main(__file__, 300.0, "")
