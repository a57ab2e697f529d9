import json

import numpy as np
import pytest

from twinlib.data.preprocess import Preprocess
from twinlib.data.schema import Field
from twinlib.data.statistics import with_statistics
from twinlib.errors import UserError

DIMS = ("row", "column", "channel")
GREY = Field("image", (2, 3, 1), DIMS, "uint8", "grey level", (10.0,), (210.0,), (100.0,), (50.0,))


def weather(dtype="float32"):
    samples = (np.random.default_rng(0).normal([1e5, 0, 7], [500, 1e-3, 0], (200, 4, 5, 3))).astype(dtype)
    return with_statistics(Field("weather", (4, 5, 3), DIMS, dtype, "Pa"), samples), samples


def test_none():
    raw = np.arange(12, dtype=np.uint8).reshape(2, 2, 3, 1)
    out = Preprocess(GREY, "none")(raw)
    assert out.dtype == np.float32
    np.testing.assert_array_equal(out, raw)


def test_unit_is_exact_at_both_ends():
    raw = np.full((1, 2, 3, 1), 255, np.uint8)
    assert (Preprocess(GREY, "unit")(raw) == 1).all()
    assert (Preprocess(GREY, "unit")(raw - 255) == 0).all()


def test_minmax_and_standard_use_the_training_split():
    raw = np.full((1, 2, 3, 1), 150, np.uint8)
    np.testing.assert_allclose(Preprocess(GREY, "minmax")(raw), 0.7)
    np.testing.assert_allclose(Preprocess(GREY, "standard")(raw), 1)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_each_channel_has_its_own_map(dtype):
    field, samples = weather(dtype)
    out = Preprocess(field, "standard")(samples).astype(np.float64)
    assert out.shape == samples.shape
    np.testing.assert_allclose(out.mean(axis=(0, 1, 2)), [0, 0, 0], atol=1e-4)
    np.testing.assert_allclose(out.std(axis=(0, 1, 2)), [1, 1, 0], atol=1e-4)
    out = Preprocess(field, "minmax")(samples)
    np.testing.assert_allclose(out.min(axis=(0, 1, 2)), [0, 0, 0], atol=1e-5)
    np.testing.assert_allclose(out.max(axis=(0, 1, 2)), [1, 1, 0], atol=1e-5)


def test_matches_the_formula_in_float64():
    field, samples = weather("float64")
    expected = (samples - np.array(field.mean)) / np.where(np.array(field.std) == 0, 1, field.std)
    np.testing.assert_allclose(Preprocess(field, "standard")(samples), expected, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("dtype", ["uint8", "int64", "float32", "float64"])
@pytest.mark.parametrize("shape", [(), (4,), (2, 3)])
def test_fields_without_channels(dtype, shape):
    raw = np.arange(5 * int(np.prod(shape))).reshape(5, *shape).astype(dtype)
    field = with_statistics(Field("a", shape, tuple("xyz"[: len(shape)]), dtype, "m"), raw)
    np.testing.assert_allclose(Preprocess(field, "minmax")(raw), raw / raw.max(), rtol=1e-6)


def test_the_raw_samples_stay_as_they_are():
    raw = np.random.default_rng(0).normal(size=(3, 2, 2, 1)).astype(np.float32)
    before = raw.copy()
    out = Preprocess(Field("a", (2, 2, 1), DIMS, "float32", "m"), "none")(raw)
    out += 1
    np.testing.assert_array_equal(raw, before)


def test_no_samples_are_no_error():
    assert Preprocess(GREY, "unit")(np.empty((0, 2, 3, 1), np.uint8)).shape == (0, 2, 3, 1)


@pytest.mark.parametrize("shape", [(), (2, 3, 1), (1, 3, 2, 1), (1, 2, 3)])
def test_wrong_shape(shape):
    with pytest.raises(UserError, match=r"image: shape is .*, not \(n, 2, 3, 1\)"):
        Preprocess(GREY, "unit")(np.zeros(shape, np.uint8))


def test_whole_numbers_of_another_type_are_taken():
    raw = np.arange(6).reshape(1, 2, 3, 1)
    for dtype in (np.int32, np.float64):
        np.testing.assert_array_equal(
            Preprocess(GREY, "unit")(raw.astype(dtype)), Preprocess(GREY, "unit")(raw.astype(np.uint8))
        )


@pytest.mark.parametrize("value", [0.5, -1.0, 256.0, np.nan])
def test_values_that_the_field_cannot_hold(value):
    with pytest.raises(UserError, match="whole numbers from 0 to 255"):
        Preprocess(GREY, "unit")(np.full((1, 2, 3, 1), value))


def test_scaling_that_does_not_exist_or_fit():
    with pytest.raises(UserError, match=r"data\.scaling is log"):
        Preprocess(GREY, "log")
    with pytest.raises(UserError, match="needs a uint8 field"):
        Preprocess(weather()[0], "unit")


def test_as_json_and_back():
    field, samples = weather()
    one = Preprocess(field, "standard")
    other = Preprocess.from_json(json.loads(json.dumps(one.to_json())))
    assert other == one
    np.testing.assert_array_equal(one(samples), other(samples))
