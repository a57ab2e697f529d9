"""Losses of velocity fields against plain numpy, in both frameworks."""

import importlib

import numpy as np
import pytest

from twinlib.errors import UserError

RNG = np.random.default_rng(0)
PREDICTION = RNG.normal(size=(3, 5, 6, 2)).astype(np.float32)
TARGET = RNG.normal(size=(3, 5, 6, 2)).astype(np.float32)
TARGET[:, 1:3, 2:4] = 0  # solid


@pytest.fixture(params=["torch", "keras"])
def losses(request):
    if request.param == "keras":
        importlib.import_module("twinlib.training.keras")  # chooses the backend
    module = importlib.import_module(f"twinlib.flow.loss_{request.param}")
    tensor = importlib.import_module("torch").from_numpy if request.param == "torch" else lambda values: values

    def call(name, prediction, target, **options):
        return np.asarray(getattr(module, name)(**options)(tensor(prediction), tensor(target)))

    return call


def test_half_the_sum_of_squares(losses):
    expected = np.sum((PREDICTION - TARGET) ** 2, axis=(1, 2, 3)) / 2
    np.testing.assert_allclose(losses("HalfSumOfSquares", PREDICTION, TARGET), expected, rtol=1e-5)


def test_relative_l2(losses):
    expected = [np.linalg.norm(p - t) / np.linalg.norm(t) for p, t in zip(PREDICTION, TARGET, strict=True)]
    np.testing.assert_allclose(losses("RelativeL2", PREDICTION, TARGET), expected, rtol=1e-5)


def test_divergence_has_its_price_between_fluid_cells(losses):
    expected = np.sum((PREDICTION - TARGET) ** 2, axis=(1, 2, 3)) / 2
    for sample, (u, v) in enumerate(np.moveaxis(PREDICTION.astype(float), -1, 1)):
        for row in range(4):
            for column in range(5):
                if row <= 2 and 1 <= column <= 3:  # a corner of the solid
                    continue
                along = u[row : row + 2, column + 1].mean() - u[row : row + 2, column].mean()
                across = v[row + 1, column : column + 2].mean() - v[row, column : column + 2].mean()
                expected[sample] += 3.0 / 2 * (along + across) ** 2
    np.testing.assert_allclose(losses("Penalised", PREDICTION, TARGET, weight=3.0), expected, rtol=1e-5)


@pytest.mark.parametrize(
    ("name", "options"), [("HalfSumOfSquares", {}), ("RelativeL2", {}), ("Penalised", {"weight": 1})]
)
def test_shapes_that_do_not_fit(losses, name, options):
    with pytest.raises(UserError, match=r"the model gives \(5, 6, 1\) and the target is \(5, 6, 2\)"):
        losses(name, PREDICTION[..., :1], TARGET, **options)
