import pytest
import torch

from twinlib.physics.first_order import Soap

pytestmark = pytest.mark.usefixtures("double")


class Given:
    """A loss whose gradient by a matrix is always the same."""

    def __init__(self, gradient):
        self.parameters = [torch.nn.Parameter(torch.zeros_like(gradient))]
        self._gradient = gradient

    def backward(self):
        self.parameters[0].grad = self._gradient.clone()


@pytest.mark.parametrize("shape", [(4, 4), (3, 5), (5, 3)])
def test_the_first_step_of_soap_is_the_orthogonal_part_of_the_gradient(shape):
    # In the gradient's own basis it is diagonal, and Adam's first step is its sign there: G = U S V' -> U V'.
    torch.manual_seed(0)
    gradient = torch.randn(shape)
    given = Given(gradient)
    Soap(given, lr=0.5).step()
    left, _, right = torch.linalg.svd(gradient, full_matrices=False)
    torch.testing.assert_close(given.parameters[0].detach(), -0.5 * left @ right, rtol=0, atol=1e-6)


def test_soap_does_not_care_how_rows_and_columns_are_turned():
    torch.manual_seed(0)
    left, right = (torch.linalg.qr(torch.randn(4, 4)).Q for _ in range(2))
    target, scale = torch.randn(4, 4), torch.tensor([1.0, 10.0, 100.0, 1000.0])
    reached = []
    for turned in (False, True):
        parameter = torch.nn.Parameter(torch.zeros(4, 4))

        class Quadratic:
            parameters = [parameter]  # noqa: RUF012

            def backward(self, parameter=parameter, turned=turned):
                matrix = left @ parameter @ right if turned else parameter
                ((matrix - target).square() * scale).sum().backward()

        method = Soap(Quadratic(), lr=0.05)
        for _ in range(25):
            method.step()
        reached.append(left @ parameter.detach() @ right if turned else parameter.detach())
    assert (reached[0] - torch.zeros(4, 4)).abs().min() > 0.01
    torch.testing.assert_close(reached[0], reached[1], rtol=0, atol=1e-3)
