import itertools
import math

import numpy as np
import pytest
import torch

from twinlib.physics.derivatives import ACTIVATIONS, Directions, sine, tanh
from twinlib.physics.networks import FullyConnected

pytestmark = pytest.mark.usefixtures("double")


def nested(function, points, index):
    """The derivative by reverse mode, once for each order."""
    points = points.clone().requires_grad_()
    value = function(points)
    for axis, times in enumerate(index):
        for _ in range(times):
            value = torch.autograd.grad(value.sum(), points, create_graph=True)[0][:, axis]
    return value.detach()


def test_sine_and_tanh_in_closed_form():
    x = torch.linspace(-2, 2, 41)[:, None]
    directions = Directions([(order,) for order in range(5)])
    found = [value[:, 0] for value in directions.derivatives(sine(directions.seed(x), 4))]
    for order, value in enumerate(found):
        torch.testing.assert_close(value, torch.sin(x[:, 0] + order * math.pi / 2), rtol=1e-13, atol=1e-13)
    t = torch.tanh(x[:, 0])
    closed = [t, 1 - t**2, -2 * t * (1 - t**2), (1 - t**2) * (6 * t**2 - 2), (1 - t**2) * t * (16 - 24 * t**2)]
    found = [value[:, 0] for value in directions.derivatives(tanh(directions.seed(x), 4))]
    for value, want in zip(found, closed, strict=True):
        torch.testing.assert_close(value, want, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("features", [0, 5])
def test_all_derivatives_up_to_the_fourth_are_those_of_nested_reverse_mode(activation, features):
    torch.manual_seed(0)
    inputs, outputs = np.array([[0, 2.0], [-1, 1], [1, 4]]), np.array([[-1, 3.0], [0, 1]])
    network = FullyConnected(inputs, outputs, 7, 2, activation, features=features, sigma=0.3)
    points = torch.rand(4, 3)
    indices = [index for index in itertools.product(range(5), repeat=3) if sum(index) <= 4]
    directions = Directions(indices)
    found = directions.derivatives(network(directions.seed(points), directions.order))
    value = Directions([(0, 0, 0)])

    def plain(column):
        return lambda at: value.derivatives(network(value.seed(at), 0))[0][:, column]

    for index, derivative in zip(indices, found, strict=True):
        for column in range(2):
            want = nested(plain(column), points, index) if sum(index) else plain(column)(points).detach()
            scale = float(want.abs().max()) + 1e-3
            torch.testing.assert_close(derivative[:, column].detach() / scale, want / scale, rtol=0, atol=1e-9)


def test_one_line_is_enough_for_derivatives_by_one_input():
    directions = Directions([(0, 0), (1, 0), (2, 0), (4, 0)])
    assert directions.vectors.tolist() == [[1.0, 0.0]]
    assert Directions([(1, 1)]).vectors.shape[0] == 3
