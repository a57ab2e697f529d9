import pytest
import torch

from twinlib.physics.levenberg_marquardt import LevenbergMarquardt
from twinlib.physics.networks import FullyConnected
from twinlib.physics.problem import Problem
from twinlib.physics.residuals import Residuals
from twinlib.physics.solution import Solution

SPRING = {
    "name": "spring",
    "time": {"t": [0, 2]},
    "constants": {"k": 4},
    "fields": {"x": {}},
    "conditions": {
        "motion": {"type": "interior", "equation": "diff(x, t, 2) = -k*x", "points": 16},
        "start": {"type": "initial", "values": {"x": 1}, "rates": {"x": 0}},
    },
    "reference": {"x": "cos(2*t)"},
}
ROD = {
    "name": "rod",
    "geometry": {"rod": {"shape": "line", "x": [0, 1]}},
    "fields": {"u": {"range": [-0.2, 0]}},
    "conditions": {
        "balance": {"type": "interior", "equation": "diff(u, x, 2) = 1", "points": 16},
        "ends": {"type": "dirichlet", "values": {"u": 0}},
    },
    "reference": {"u": "x*(x - 1)/2"},
}


@pytest.fixture
def double():
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


@pytest.fixture
def spring():
    return SPRING


@pytest.fixture
def rod():
    return ROD


@pytest.fixture
def heat(double):
    """A problem in time, its points, and residuals of which those of the start count three times."""
    problem = Problem(
        name="heat",
        geometry={"rod": {"shape": "line", "x": [0, 1]}},
        time={"t": [2, 4]},
        fields={"u": {}},
        conditions={
            "heat": {"type": "interior", "equation": "diff(u, t) = diff(u, x, 2)", "points": 60},
            "ends": {"type": "dirichlet", "values": {"u": 0}, "points": 10},
            "start": {"type": "initial", "values": {"u": "x"}, "points": 10},
        },
    )
    torch.manual_seed(0)
    solution = Solution(problem, FullyConnected(problem.inputs, problem.outputs, 6, 2))
    samples = problem.samples("train", 0)
    return problem, samples, Residuals(problem, solution, samples, {"start": 3.0})


@pytest.fixture
def solve(double):
    """Solves a problem, given as its tree; the problem, the solution and the relative L2 error of the worst field."""

    def solved(tree, iterations=60, width=8, depth=2, activation="tanh", enough=1e-7):
        problem = Problem(name="small", **tree)
        torch.manual_seed(0)
        solution = Solution(problem, FullyConnected(problem.network_inputs, problem.outputs, width, depth, activation))
        method = LevenbergMarquardt(Residuals(problem, solution, problem.samples("train", 0), {}))
        columns = problem.columns("test")
        points, exact = torch.as_tensor(columns["point"]), columns["solution"]
        for iteration in range(iterations):
            goes_on = method.step()
            if goes_on and iteration % 10 < 9 and iteration + 1 < iterations:
                continue
            with torch.no_grad():
                found = solution(points).numpy()
            error = max(
                ((found - exact)[inside, column] ** 2).sum() ** 0.5 / (exact[inside, column] ** 2).sum() ** 0.5
                for column, inside in enumerate(columns["inside"].T)
            )
            if error < enough or not goes_on:
                break
        return problem, solution, error

    return solved
