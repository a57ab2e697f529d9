import copy

import numpy as np
import pytest
import torch

from twinlib.errors import UserError
from twinlib.physics.derivatives import Directions
from twinlib.physics.levenberg_marquardt import LevenbergMarquardt
from twinlib.physics.marching import Marching, go_on, marching
from twinlib.physics.networks import FullyConnected
from twinlib.physics.problem import Problem
from twinlib.physics.residuals import Residuals
from twinlib.physics.solution import Solution

pytestmark = pytest.mark.usefixtures("double")
# A pendulum of many swings, of the first order in time.
SWING = {
    "name": "swing",
    "time": {"t": [0, 12]},
    "fields": {"x": {}, "v": {}},
    "conditions": {
        "motion": {"type": "interior", "equation": ["diff(x, t) = v", "diff(v, t) = -4*x"], "points": 40},
        "start": {"type": "initial", "values": {"x": 1, "v": 0}, "exact": True},
    },
    "reference": {"x": "cos(2*t)", "v": "-2*sin(2*t)"},
    "windows": 4,
}
SPREAD = {
    "name": "spread",
    "geometry": {"ring": {"shape": "line", "x": [-1, 1]}},
    "time": {"t": [1, 1.4]},
    "fields": {"u": {}},
    "conditions": {
        "heat": {"type": "interior", "equation": "diff(u, t) = diff(u, x, 2)", "points": 80},
        "around": {"type": "periodic", "along": "x", "exact": True},
        "mean": {"type": "integral", "equation": "u = 1", "lines": 4, "points": 12},
        "start": {"type": "initial", "values": {"u": "1/2 + cos(pi*x)"}, "points": 20},
    },
    "reference": {"u": "1/2 + cos(pi*x)*exp(-pi**2*(t - 1))"},
    "windows": 2,
}


def solution_of(problem, width=10):
    return Solution(
        problem, marching(problem, lambda inputs, outputs: FullyConnected(inputs, outputs, width, 2, "tanh"))
    )


def marched(tree, iterations):
    """The solution and its error in each field at the end of each window."""
    problem, solution, errors = Problem(**tree), None, []
    torch.manual_seed(0)
    for stage in problem.stages():
        earlier, solution = solution, solution_of(stage)
        if earlier is not None:
            go_on(solution, earlier)
        method = LevenbergMarquardt(Residuals(stage, solution, stage.samples("train", 0), {}))
        for _ in range(iterations):
            method.step()
        columns = stage.columns("test")
        with torch.no_grad():
            found = solution(torch.as_tensor(columns["point"])).numpy()
        errors.append(
            np.sqrt(np.square(found - columns["solution"]).sum(0) / np.square(columns["solution"]).sum(0)).max()
        )
    return problem, solution, errors


def test_many_swings_window_by_window():
    problem, solution, errors = marched(SWING, 40)
    assert len(errors) == 4 and max(errors) < 1e-3
    # No window has changed what the one before it ended with.
    for border in problem.borders[1:-1]:
        with torch.no_grad():
            before, after = solution(torch.tensor([[border - 1e-9], [border + 1e-9]]))
        torch.testing.assert_close(before, after, rtol=0, atol=1e-6)


def test_diffusion_around_a_ring_in_two_windows():
    _, solution, errors = marched(SPREAD, 40)
    assert max(errors) < 1e-3
    assert sum(each.requires_grad for each in solution.parameters()) == sum(1 for _ in solution.parameters()) / 2


def test_derivatives_within_and_beyond_a_window():
    torch.manual_seed(0)
    box = np.array([[0, 1.0], [0, 2.0]])
    networks = [FullyConnected(box, box[:1], 4, 1) for _ in range(2)]
    network = Marching(networks, 1, [0, 1, 2])
    directions = Directions([(0, 0), (1, 0), (0, 1), (1, 1), (0, 2)])
    points = torch.tensor([[0.3, 0.4], [0.6, 1.7]])
    found = torch.stack(directions.derivatives(network(directions.seed(points), directions.order)))[..., 0]

    def plain(at):
        value = Directions([(0, 0)])
        parts = [each(value.seed(at), 0)[0, :, 0] for each in networks]
        frozen = networks[0](value.seed(torch.stack([at[:, 0], at[:, 1].clamp(max=1)], 1)), 0)[0, :, 0]
        return torch.where(at[:, 1] < 1, parts[0], frozen + (at[:, 1] - 1) * parts[1])

    at = points.clone().requires_grad_()
    value = plain(at)
    first = torch.autograd.grad(value.sum(), at, create_graph=True)[0]
    second = torch.autograd.grad(first[:, 1].sum(), at, create_graph=True)[0]
    wanted = torch.stack([value, first[:, 0], first[:, 1], second[:, 0], second[:, 1]])
    torch.testing.assert_close(found, wanted, rtol=1e-10, atol=1e-12)


def test_points_are_in_their_window_and_those_of_the_beginning_stay():
    stages = Problem(**SPREAD).stages()
    for number, stage in enumerate(stages):
        samples = stage.samples("train", 0)
        for name in ("heat", "mean"):
            time = samples[name].inputs[:, 1]
            assert (time >= 1 + 0.2 * number).all() and (time <= 1.2 + 0.2 * number).all() and np.ptp(time) > 0.1
        assert ("start" in samples) == (number == 0)
    assert stages[0].columns("test")["point"][:, 1].max() <= 1.2
    assert stages[1].columns("test")["point"][:, 1].max() == pytest.approx(1.4)
    assert (stages[0].samples("train", 0)["start"].inputs[:, 1] == 1).all()
    assert np.ptp(stages[0].samples("test", 0)["heat"].inputs[:, 1]) > 0.3


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"windows": 0}, "data.windows: is 0; give a number, 1 or more"),
        ({"unknowns": {"k": 4}, "conditions": {"motion": {"type": "interior", "points": 4, "equation":
          ["diff(x, t) = v", "diff(v, t) = -k*x"]}, "seen": {"type": "observations", "values": {"x": 1, "v": 1},
          "points": 3}}}, "data.windows: unknown numbers are of the whole time"),
        ({"conditions": {**SWING["conditions"], "seen": {"type": "observations", "values": {"x": 1}, "points": 3}}},
         "data.windows: seen is of the whole time"),
        ({"conditions": {"motion": {"type": "interior", "points": 4, "equation":
          ["diff(x, t, 2) = -x", "diff(v, t) = x"]}, "start": {"type": "initial", "values": {"x": 1, "v": 0},
          "rates": {"x": 0}}}}, "is of second order in time; write it as two equations of the first"),
        ({"conditions": {"motion": SWING["conditions"]["motion"], "around": {"type": "periodic", "along": "t",
          "derivatives": 0}}}, "data.windows: around is of the whole time"),
    ],
)  # fmt: skip
def test_what_is_of_the_whole_time_is_refused(changes, message):
    with pytest.raises(UserError, match=message):
        Problem(**(copy.deepcopy(SWING) | changes))
