"""Second and fourth derivatives of a network in Taylor mode against nested reverse mode, on widths 64 and 256.

Both sides compute all derivatives up to the order of a tanh network with three hidden layers at 256 points, and the
gradient of the sum of their squares by the weights, as a step of a training does; they run alternately in one run of
this script. Prints the medians and their ratio; above 1 Taylor mode is faster. Where the mean of the derivatives
differs by more than rounding, the script ends with an error.
"""

import time
from collections.abc import Callable
from statistics import median

import numpy as np
import torch
from torch import Tensor

from twinlib.physics.derivatives import Directions
from twinlib.physics.networks import FullyConnected

POINTS = 256
ROUNDS = 9


def taylor(network: FullyConnected, points: Tensor, order: int) -> Tensor:
    """The derivatives of orders 0 … order, shape (order + 1, n)."""
    directions = Directions([(each,) for each in range(order + 1)])
    return torch.stack(directions.derivatives(network(directions.seed(points), order)))[..., 0]


def nested(network: FullyConnected, points: Tensor, order: int) -> Tensor:
    points = points.clone().requires_grad_()
    value = network(points[None], 0)[0]
    found = [value[:, 0]]
    for _ in range(order):
        (value,) = torch.autograd.grad(value.sum(), points, create_graph=True)
        found.append(value[:, 0])
    return torch.stack(found)


def seconds(
    way: Callable[[FullyConnected, Tensor, int], Tensor], network: FullyConnected, points: Tensor, order: int
) -> float:
    network.zero_grad()
    start = time.perf_counter()
    way(network, points, order).square().sum().backward()
    return time.perf_counter() - start


def main() -> None:
    torch.set_default_dtype(torch.float64)
    torch.manual_seed(0)
    points = torch.rand(POINTS, 1)
    for order in (2, 4):
        for width in (64, 256):
            network = FullyConnected(np.array([[0.0, 1.0]]), np.array([[-1.0, 1.0]]), width, 3)
            torch.testing.assert_close(
                taylor(network, points, order), nested(network, points, order), rtol=1e-7, atol=1e-9
            )
            pairs = [[seconds(way, network, points, order) for way in (taylor, nested)] for _ in range(ROUNDS)]
            ours, theirs = (median(side) for side in zip(*pairs, strict=True))
            print(
                f"order {order}, width {width:3}: Taylor {1e3 * ours:7.2f} ms, nested reverse {1e3 * theirs:7.2f} ms, "
                f"ratio {theirs / ours:.1f}"
            )


if __name__ == "__main__":
    main()
