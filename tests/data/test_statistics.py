import numpy as np
import pytest

import twinlib.data.statistics
from twinlib.data.schema import Field
from twinlib.data.statistics import with_statistics

DIMS = ("row", "column", "channel")


@pytest.fixture(autouse=True, params=[7, 2**21])
def block(request, monkeypatch):
    """Once with many small blocks, once with all values in one."""
    monkeypatch.setattr(twinlib.data.statistics, "BLOCK", request.param)


@pytest.mark.parametrize("dtype", ["uint8", "int64", "float32", "float64"])
def test_statistics_of_each_channel(dtype):
    samples = np.random.default_rng(0).uniform(0, 200, (31, 4, 5, 3)).astype(dtype)
    field = with_statistics(Field("a", (4, 5, 3), DIMS, dtype, "K"), samples)
    exact = samples.astype(np.float64)
    assert field.minimum == tuple(exact.min(axis=(0, 1, 2)))
    assert field.maximum == tuple(exact.max(axis=(0, 1, 2)))
    np.testing.assert_allclose(field.mean, exact.mean(axis=(0, 1, 2)), rtol=1e-14)
    np.testing.assert_allclose(field.std, exact.std(axis=(0, 1, 2)), rtol=1e-14)


def test_one_statistic_without_channels():
    samples = np.arange(10.0)
    field = with_statistics(Field("a", (), (), "float64", "K"), samples)
    assert (field.minimum, field.maximum, field.mean) == ((0.0,), (9.0,), (4.5,))
    np.testing.assert_allclose(field.std, samples.std())


def test_a_small_spread_around_a_large_mean():
    samples = 1e8 + np.random.default_rng(0).normal(0, 1, (1000, 1))
    field = with_statistics(Field("a", (1,), ("channel",), "float64", "Pa"), samples)
    np.testing.assert_allclose(field.std, (samples - 1e8).std(), rtol=1e-6)
