import math

import pytest
import torch

from twinlib.physics.quasi_newton import SelfScaledBroyden, factors

pytestmark = pytest.mark.usefixtures("double")


class Loss:
    """A function of one vector."""

    def __init__(self, function, start):
        self.parameters = [torch.nn.Parameter(torch.tensor(start))]
        self._function = function

    def backward(self):
        loss = self._function(self.parameters[0])
        loss.backward()
        return loss.detach()


def test_rosenbrocks_valley_by_the_self_scaled_method():
    loss = Loss(lambda x: 100 * (x[1] - x[0] ** 2) ** 2 + (1 - x[0]) ** 2, [-1.2, 1.0])
    method = SelfScaledBroyden(loss)
    for _ in range(60):
        if not method.step():
            break
    torch.testing.assert_close(loss.parameters[0].detach(), torch.ones(2), rtol=0, atol=1e-7)


def test_the_inverse_maps_the_last_change_to_the_last_step():
    torch.manual_seed(0)
    root = torch.randn(6, 6)
    matrix = root @ root.T + torch.eye(6)
    loss = Loss(lambda x: x @ matrix @ x / 2 - x.sum(), [0.5] * 6)
    method = SelfScaledBroyden(loss)
    for _ in range(4):
        before = loss.parameters[0].detach().clone()
        method.step()
        step = loss.parameters[0].detach() - before
        inverse = method.state()["inverse"]
        torch.testing.assert_close(inverse @ (matrix @ step), step)
        assert torch.linalg.eigvalsh((inverse + inverse.T) / 2)[0] > 0


def test_factors_by_hand():
    assert factors(2.0, 0.5, 10) == (1.0, 1.0)  # b h = 1: BFGS as it is
    # b = 2, h = 1: a = 1, the lower bound of theta is -sqrt(1/2), and (1 - b) / b = -1/2 lies above it.
    phi, tau = factors(2.0, 1.0, 10)
    assert phi == pytest.approx(1.5 / 0.5)
    assert tau == pytest.approx(min(0.5 * 0.5 ** (-1 / 9), 0.5))
    # b = 0.5, h = 4: theta = min(1 / rho, (1 - b) / b) = min(1, 1) = 1, phi = 0 (DFP), tau = sigma^(-1/9).
    phi, tau = factors(0.5, 4.0, 10)
    rho = min(1.0, 4 * (1 - math.sqrt(0.5)))
    assert rho == 1.0
    assert phi == pytest.approx(0.0)
    assert tau == pytest.approx(2 ** (-1 / 9))
