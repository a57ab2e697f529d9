from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from sklearn.datasets import load_digits

from twinlib.config.build import build
from twinlib.config.compose import compose

ROOT = Path(__file__).parents[2]
TRAINERS = {"torch": "lightning", "keras": "keras"}


class Digits:
    """Real 8x8 digits in memory, with the face of `twinlib.data.dataset.Dataset`."""

    def __init__(self):
        digits = load_digits()
        self.inputs = (digits.images[..., None] / 16).astype(np.float32)
        self.targets = digits.target.astype(np.int64)
        self.schema = SimpleNamespace(splits={"train": 300, "val": 100, "test": 101})
        self.rows = {"train": slice(0, 300), "val": slice(300, 400), "test": slice(400, 501)}

    def size(self, split):
        return len(self.targets[self.rows[split]])

    def batch(self, split, rows, rng=None):
        chosen = np.arange(len(self.targets))[self.rows[split]][rows]
        return self.inputs[chosen], self.targets[chosen]


@pytest.fixture(scope="package", autouse=True)
def one_thread():
    """Models as small as these are slowed by a second thread, on a busy machine by far."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="session")
def digits():
    return Digits()


@pytest.fixture(params=["torch", "keras"])
def framework(request):
    return request.param


@pytest.fixture(scope="session")
def configure() -> Callable:
    """A config for the digits: batches of 32 (the last has 12 of 300), plain gradient descent, a small model."""

    def configured(framework, *overrides, model="linear"):
        small = ["model.filters=[4,6]", "model.dense=8", "model.dropout=[0,0]"] if model == "cnn" else []
        start = [f"experiment=mnist/{model}_{TRAINERS[framework]}", *small]
        if not any(override.startswith("optimizer=") for override in overrides):
            start += ["optimizer=sgd", "optimizer.momentum=0"]
        digits = ["data.input_shape=[8,8,1]", "batch_size=32", "epochs=2", "lr=0.1"]
        return compose([*start, *digits, *overrides], ROOT)

    return configured


@pytest.fixture
def train(configure, digits, tmp_path) -> Callable:
    def trained(framework, *overrides, model="linear", dataset=digits, folder=tmp_path, **options):
        config = configure(framework, *overrides, model=model)
        return build(config["trainer"])(config=config, dataset=dataset, folder=folder, **options)

    return trained


@pytest.fixture(scope="session")
def weights(configure) -> Callable:
    """The trained weights in a folder as float64 arrays: weight, bias, weight, bias, …"""

    def loaded(framework, folder, model="linear"):
        if framework == "torch":
            import torch

            state = torch.load(folder / "weights.pt", weights_only=True)
            return [value.double().numpy() for value in state.values()]
        import_module("twinlib.training.keras")  # chooses the backend
        built = build(configure("keras", model=model)["model"])
        built.load_weights(folder / "weights.weights.h5")
        return [value.astype(np.float64) for value in built.get_weights()]

    return loaded
