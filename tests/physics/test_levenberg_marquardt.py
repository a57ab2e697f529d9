from itertools import pairwise

import pytest
import torch

from twinlib.physics.levenberg_marquardt import LevenbergMarquardt, lower_half

pytestmark = pytest.mark.usefixtures("double")


class LeastSquares:
    """Residuals of a function of one vector, with the Jacobian by torch."""

    def __init__(self, function, start):
        self.parameters = [torch.nn.Parameter(torch.tensor(start))]
        self._function = function
        self.size, self.columns = len(self.vector()), len(start)

    def vector(self):
        return self._function(self.parameters[0].detach())

    def normal(self):
        residual, jacobian = self.jacobian()
        return residual, torch.tril(jacobian.T @ jacobian), jacobian.T @ residual

    def pull(self, vector):
        return vector @ self.jacobian()[1]

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


def test_half_of_a_product_is_enough():
    torch.manual_seed(0)
    jacobian = torch.randn(600, 7)
    torch.testing.assert_close(torch.tril(lower_half(jacobian)), torch.tril(jacobian @ jacobian.T))


@pytest.mark.parametrize("residuals", [40, 3])  # the normal equations, and those in the space of the residuals
def test_a_bent_step_is_that_of_the_second_derivative_along_it(residuals):
    time = torch.linspace(0.1, 2, residuals)
    problem = LeastSquares(lambda p: p[0] * torch.exp(-p[1] * time) + p[2] * time ** p[3] - 1, [1.0, 0.5, 0.3, 1.5])
    start = problem.parameters[0].detach().clone()
    residual, jacobian = problem.jacobian()
    matrix = jacobian.T @ jacobian + 100 * torch.eye(4)
    step = -torch.linalg.solve(matrix, jacobian.T @ residual)
    # r'' along the step, by torch
    rate = torch.func.jacrev(problem._function)
    second = torch.func.jacrev(lambda at: rate(at) @ step)(start) @ step
    bend = -torch.linalg.solve(matrix, jacobian.T @ second) / 2
    LevenbergMarquardt(problem, damping=100.0).step()
    torch.testing.assert_close(problem.parameters[0].detach() - start - step, bend, rtol=0.05, atol=1e-9)


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
