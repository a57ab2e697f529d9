"""Both frameworks take the same steps, and those of the formulas."""

from importlib import import_module

import numpy as np
import pytest

RNG = np.random.default_rng(0)
# Gradients of a loss that curves differently along each axis, from large to nearly none.
CURVATURE = np.array([10.0, 1.0, 0.1, 1e-3, 1e-6])
START = np.array([1.0, -2.0, 3.0, 0.5, 1.0])
RATES = [0.01, 0.02, 0.05, 0.05, 0.02, 0.01] * 3  # a schedule: rates that change


def in_torch(name, options):
    import torch

    point = torch.nn.Parameter(torch.tensor(START))
    optimizer = getattr(import_module("twinlib.optimizer.torch"), name)([point], lr=1.0, **options)
    path = []
    for rate in RATES:
        optimizer.param_groups[0]["lr"] = rate
        point.grad = torch.tensor(CURVATURE) * point.detach()
        optimizer.step()
        path.append(point.detach().numpy().copy())
    return np.array(path)


def in_keras(name, options):
    adapter = import_module("twinlib.training.keras")
    path = []
    with adapter._computing_in("64"):
        point = adapter.keras.Variable(START)
        optimizer = getattr(import_module("twinlib.optimizer.keras"), name)(lr=1.0, **options)
        for rate in RATES:
            optimizer.learning_rate = rate
            optimizer.apply([CURVATURE * point.numpy()], [point])
            path.append(point.numpy().copy())
    return np.array(path)


def follow(step):
    point, state, path = START.copy(), {}, []
    for number, rate in enumerate(RATES, start=1):
        point = step(point, CURVATURE * point, rate, number, state)
        path.append(point)
    return np.array(path)


def adam(decay=0.0, eps=1e-7):
    def step(point, gradient, rate, number, state):
        state["m"] = 0.9 * state.get("m", 0) + 0.1 * gradient
        state["v"] = 0.999 * state.get("v", 0) + 0.001 * gradient**2
        m, v = state["m"] / (1 - 0.9**number), state["v"] / (1 - 0.999**number)
        return point * (1 - rate * decay) - rate * m / (np.sqrt(v) + eps)

    return step


def sgd(momentum, nesterov):
    def step(point, gradient, rate, number, state):
        state["m"] = momentum * state.get("m", 0) + gradient
        return point - rate * (gradient + momentum * state["m"] if nesterov else state["m"])

    return step


def rmsprop(eps=1e-7):
    def step(point, gradient, rate, number, state):
        state["v"] = 0.9 * state.get("v", 0) + 0.1 * gradient**2
        return point - rate * gradient / (np.sqrt(state["v"]) + eps)

    return step


@pytest.mark.parametrize(
    ("name", "options", "formula"),
    [
        ("adam", {}, adam()),
        ("adam", {"eps": 1e-3}, adam(eps=1e-3)),
        ("adamw", {"weight_decay": 0.3}, adam(0.3)),
        ("sgd", {"momentum": 0.0}, sgd(0.0, False)),
        ("sgd", {"momentum": 0}, sgd(0.0, False)),
        ("sgd", {"momentum": 0.9}, sgd(0.9, False)),
        ("sgd", {"momentum": 0.9, "nesterov": True}, sgd(0.9, True)),
        ("sgd", {"momentum": 0.0, "nesterov": True}, sgd(0.0, True)),
        ("rmsprop", {}, rmsprop()),
        ("rmsprop", {"eps": 1e-3}, rmsprop(1e-3)),
    ],
)
@pytest.mark.parametrize("path", [in_torch, in_keras])
def test_steps_of_the_formula(path, name, options, formula):
    np.testing.assert_allclose(path(name, options), follow(formula), rtol=1e-7)


def test_defaults_are_those_of_the_config():
    import inspect
    from pathlib import Path

    import yaml

    folder = Path(__file__).parents[2] / "conf/optimizer"
    for name in ("adam", "adamw", "sgd", "rmsprop"):
        keys = yaml.safe_load((folder / f"{name}.yaml").read_text())
        for framework in ("torch", "keras"):
            function = getattr(import_module(f"twinlib.optimizer.{framework}"), name)
            defaults = {key: value.default for key, value in inspect.signature(function).parameters.items()}
            for key in (key for key in keys if not key.startswith("_")):
                value = defaults[key]
                assert (list(value) if isinstance(value, tuple) else value) == pytest.approx(
                    [float(one) for one in keys[key]] if isinstance(keys[key], list) else float(keys[key])
                )
