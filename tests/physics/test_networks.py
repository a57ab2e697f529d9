import itertools
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from torch.nn.utils import parameters_to_vector, vector_to_parameters

from twinlib.config.build import build
from twinlib.errors import UserError
from twinlib.physics.derivatives import Directions, mixed, product_of, sigmoid
from twinlib.physics.gated_networks import DeepGalerkin, Highway, Modified, Pirate
from twinlib.physics.networks import FullyConnected, MultiplicativeFilter, Siren
from twinlib.physics.optimizers import Stages
from twinlib.physics.problem import Problem
from twinlib.physics.residuals import Residuals
from twinlib.physics.solution import Solution

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.usefixtures("double")
NETWORKS = {
    "adaptive": lambda i, o: FullyConnected(i, o, 6, 2, adaptive=True),
    "siren": lambda i, o: Siren(i, o, 6, 2, first=3, hidden=2),
    "filter": lambda i, o: MultiplicativeFilter(i, o, 6, 2, scale=3),
    "modified": lambda i, o: Modified(i, o, 6, 2, activation="swish", features=3, sigma=0.3),
    "factorised": lambda i, o: Modified(i, o, 5, 2, factorised=True),
    "highway": lambda i, o: Highway(i, o, 6, 2),
    "galerkin": lambda i, o: DeepGalerkin(i, o, 5, 2),
    "pirate": lambda i, o: Pirate(i, o, 2, features=3, sigma=0.3, factorised=True),
}
FLOW = {
    "name": "flow",
    "geometry": {"line": {"shape": "line", "x": [0, 1]}},
    "time": {"t": [0, 2]},
    "unknowns": {"q": 0.5},
    "fields": {"u": {"range": [-1, 3]}, "v": {}},
    "conditions": {
        "inside": {"type": "interior", "points": 9,
                   "equation": ["diff(u, t) + u*diff(u, x) = q*diff(u, x, 2)", "diff(v, x, t) = u*v"]},
        "ends": {"type": "dirichlet", "values": {"u": "x", "v": 1}, "points": 6},
        "start": {"type": "initial", "values": {"u": "x", "v": 1}, "points": 5},
        "seen": {"type": "observations", "values": {"u": "x*t"}, "points": 4},
    },
}  # fmt: skip


def waken(network):
    """Parameters as they are while it is trained: a factor may be 0 at first."""
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(0.2 * torch.randn_like(parameter))


def nested(function, points, index):
    points = points.clone().requires_grad_()
    value = function(points)
    for axis, times in enumerate(index):
        for _ in range(times):
            value = torch.autograd.grad(value.sum(), points, create_graph=True)[0][:, axis]
    return value.detach()


@pytest.mark.parametrize("name", NETWORKS)
def test_derivatives_up_to_the_third_are_those_of_nested_reverse_mode(name):
    torch.manual_seed(0)
    network = NETWORKS[name](np.array([[0, 2.0], [-1, 1]]), np.array([[-1, 3.0], [0, 1]]))
    waken(network)
    points = torch.rand(5, 2)
    indices = [index for index in itertools.product(range(4), repeat=2) if sum(index) <= 3]
    directions, value = Directions(indices), Directions([(0, 0)])
    found = directions.derivatives(network(directions.seed(points), directions.order))
    for index, derivative in zip(indices, found, strict=True):
        for column in range(2):
            plain = lambda at, column=column: value.derivatives(network(value.seed(at), 0))[0][:, column]  # noqa: E731
            want = nested(plain, points, index)
            scale = float(want.abs().max()) + 1e-3
            torch.testing.assert_close(derivative[:, column].detach() / scale, want / scale, rtol=0, atol=1e-9)


@pytest.mark.parametrize("name", NETWORKS)
def test_the_jacobian_is_that_of_small_changes(name):
    problem = Problem(**FLOW)
    torch.manual_seed(0)
    solution = Solution(problem, NETWORKS[name](problem.inputs, problem.outputs))
    waken(solution.network)
    residuals = Residuals(problem, solution, problem.samples("train", 0), {})
    vector, jacobian = residuals.jacobian()
    start = parameters_to_vector(residuals.parameters).detach()
    assert jacobian.shape == (len(vector), len(start))
    torch.manual_seed(1)
    for _ in range(4):
        direction = torch.randn_like(start)
        values = []
        for sign in (1, -1):
            with torch.no_grad():
                vector_to_parameters(start + sign * 1e-6 * direction, residuals.parameters)
            values.append(residuals.vector())
        change = (values[0] - values[1]) / 2e-6
        torch.testing.assert_close(jacobian @ direction, change, rtol=1e-5, atol=1e-6 * float(change.abs().max()))
    with torch.no_grad():
        vector_to_parameters(start, residuals.parameters)
    residuals.backward()
    torch.testing.assert_close(
        torch.cat([parameter.grad.reshape(-1) for parameter in residuals.parameters]), 2 * jacobian.T @ vector
    )


def test_products_to_any_order():
    x = torch.linspace(-1, 1, 7)[:, None]
    directions = Directions([(order,) for order in range(7)])
    jet = directions.seed(x)
    cube = product_of(jet, product_of(jet, jet, 6), 6)
    fifth = product_of(cube, product_of(jet, jet, 6), 6)
    for order, found in enumerate(directions.derivatives(fifth)):
        factor = float(np.prod(np.arange(5, 5 - order, -1)))
        torch.testing.assert_close(found, factor * x ** max(5 - order, 0), rtol=1e-12, atol=1e-12)
    gate, one, zero = sigmoid(jet, 6), cube, jet
    rest = torch.cat([1 - gate[:1], -gate[1:]])
    torch.testing.assert_close(
        mixed(gate, one, zero, 6), product_of(gate, one, 6) + product_of(rest, zero, 6), rtol=0, atol=1e-12
    )


def test_sirens_layers_are_alike_at_first():
    torch.manual_seed(0)
    network = Siren(np.array([[-1.0, 1.0]]), np.array([[-1.0, 1.0]]), width=256, depth=4, first=30, hidden=30)
    jet = torch.linspace(-1, 1, 500)[None, :, None]
    for layer, factor in zip(network.hidden, (30, 30, 30, 30), strict=True):
        argument = layer(jet).detach() * factor
        jet = torch.sin(argument)
        # Their theorem 1.8: behind the first layer arguments are normal with the deviation 1.
        if layer is not network.hidden[0]:
            assert float(argument.std()) == pytest.approx(1, rel=0.15)
    assert float(jet.square().mean()) == pytest.approx((1 - np.exp(-2)) / 2, rel=0.15)  # of the sine of such a one


def test_a_pirate_begins_as_a_linear_map_of_its_features():
    torch.manual_seed(0)
    network = Pirate(np.array([[-1.0, 1.0]]), np.array([[-1.0, 1.0]]), 3, features=4)
    jet = torch.randn(1, 9, 8)
    torch.testing.assert_close(network.between(jet, 0), network.last(jet))


def test_a_factorised_layer_begins_as_the_layer_that_was_drawn():
    torch.manual_seed(0)
    network = Modified(np.array([[-1.0, 1.0]]), np.array([[-1.0, 1.0]]), 400, 1, factorised=True)
    layer = network.hidden[0]
    logarithms = layer.scale.factor.detach()
    weight = layer.affine.weight.detach() * logarithms.exp()[:, None]
    assert float(weight.std()) == pytest.approx((2 / 401) ** 0.5, rel=0.15)
    assert float(logarithms.mean()) == pytest.approx(1, abs=0.02)


@pytest.mark.parametrize("name", ["siren", "multiplicative_filter", "modified", "highway", "deep_galerkin", "pirate"])
def test_each_solves_a_spring_as_it_is_shipped(spring, name):
    node = yaml.safe_load((ROOT / f"conf/model/{name}.yaml").read_text())
    motion = {**spring["conditions"]["motion"], "points": 64}
    problem = Problem(**{**spring, "conditions": {**spring["conditions"], "motion": motion}})
    torch.manual_seed(0)
    solution = Solution(problem, build(node, problem.inputs, problem.outputs))
    residuals = Residuals(problem, solution, problem.samples("train", 0), {})
    stages = Stages(residuals, [{"name": "levenberg_marquardt"}])
    for _ in range(40):
        stages.step(1)
    columns = problem.columns("test")
    with torch.no_grad():
        found = solution(torch.as_tensor(columns["point"])).numpy()
    assert np.abs(found - columns["solution"]).max() < 1e-3


@pytest.mark.parametrize("network", [FullyConnected, Siren, MultiplicativeFilter, Modified, Highway, DeepGalerkin])
@pytest.mark.parametrize("key", ["width", "depth"])
def test_a_network_without_units_or_layers_is_refused(network, key):
    box = np.array([[0.0, 1.0]])
    with pytest.raises(UserError, match=f"model.{key}=0: give a whole number, 1 or more"):
        network(box, box, **{key: 0})


@pytest.mark.parametrize(
    ("network", "settings", "message"),
    [
        (Pirate, {"blocks": 0}, "model.blocks=0: give a whole number, 1 or more"),
        (FullyConnected, {"features": -1}, "model.features=-1: give a whole number, 0 or more"),
        (FullyConnected, {"frequency": 0.0}, "model.frequency=0.0: give a number greater than 0"),
        (Highway, {"sigma": -1.0}, "model.sigma=-1.0: give a number greater than 0"),
    ],
)
def test_a_number_that_makes_no_network_is_refused(network, settings, message):
    box = np.array([[0.0, 1.0]])
    with pytest.raises(UserError, match=message):
        network(box, box, **settings)
