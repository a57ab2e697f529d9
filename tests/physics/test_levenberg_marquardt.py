from itertools import pairwise

import pytest
import torch

from twinlib.physics.levenberg_marquardt import LevenbergMarquardt

pytestmark = pytest.mark.usefixtures("double")


class LeastSquares:
    """Residuals of a function of one vector, with the Jacobian by torch."""

    def __init__(self, function, start):
        self.parameters = [torch.nn.Parameter(torch.tensor(start))]
        self._function = function

    def vector(self):
        return self._function(self.parameters[0].detach())

    def jacobian(self):
        at = self.parameters[0].detach()
        return self._function(at), torch.func.jacrev(self._function)(at)


def rosenbrock(x):
    return torch.stack([10 * (x[1] - x[0] ** 2), 1 - x[0]])


def test_rosenbrocks_valley():
    problem = LeastSquares(rosenbrock, [-1.2, 1.0])
    method = LevenbergMarquardt(problem)
    for _ in range(60):
        method.step()
    torch.testing.assert_close(problem.parameters[0].detach(), torch.ones(2), rtol=0, atol=1e-9)


@pytest.mark.parametrize(("residuals", "parameters"), [(30, 4), (4, 30)])
def test_both_spaces_solve_a_linear_problem_as_lstsq_does(residuals, parameters):
    torch.manual_seed(0)
    matrix, right = torch.randn(residuals, parameters), torch.randn(residuals)
    problem = LeastSquares(lambda x: matrix @ x - right, [0.0] * parameters)
    method = LevenbergMarquardt(problem)
    for _ in range(60):
        method.step()
    # From zero, both give the least squares solution of least norm.
    wanted = torch.linalg.lstsq(matrix, right[:, None], driver="gelsd").solution[:, 0]
    torch.testing.assert_close(problem.parameters[0].detach(), wanted, rtol=1e-7, atol=1e-9)


def test_a_known_exponential_decay_is_found():
    time = torch.linspace(0, 4, 40)
    measured = 3 * torch.exp(-0.7 * time) + 0.5
    problem = LeastSquares(lambda p: p[0] * torch.exp(-p[1] * time) + p[2] - measured, [1.0, 0.1, 0.0])
    method = LevenbergMarquardt(problem)
    for _ in range(50):
        if not method.step():
            break
    torch.testing.assert_close(problem.parameters[0].detach(), torch.tensor([3, 0.7, 0.5]), rtol=1e-7, atol=0)


def test_no_step_makes_it_worse_and_a_minimum_ends_it():
    problem = LeastSquares(rosenbrock, [-1.2, 1.0])
    method = LevenbergMarquardt(problem)
    losses = [float(problem.vector() @ problem.vector())]
    goes_on = True
    for _ in range(200):
        goes_on = method.step()
        losses.append(float(problem.vector() @ problem.vector()))
        if not goes_on:
            break
    assert all(after <= before for before, after in pairwise(losses))
    assert not goes_on
