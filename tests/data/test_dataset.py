import numpy as np
import pytest

from twinlib.data.dataset import Dataset
from twinlib.errors import UserError

WEATHER = {"input": "weather", "target": "storm", "scaling": "standard", "input_shape": [4, 5, 2], "classes": 3}


def test_classes(folder, samples):
    dataset = Dataset(path=str(folder), name="weather", **WEATHER)
    assert [dataset.size(split) for split in ("train", "val", "test")] == [50, 7, 1]
    rows = np.array([49, 0, 3, 3])
    inputs, targets = dataset.batch("train", rows)
    assert inputs.dtype == np.float32
    np.testing.assert_array_equal(inputs, dataset.preprocess(samples["train"]["weather"][rows]))
    assert targets.dtype == np.int64
    np.testing.assert_array_equal(targets, samples["train"]["storm"][rows])


def test_numbers_as_targets(folder, samples):
    dataset = Dataset(path=str(folder), **WEATHER | {"target": "centre", "classes": None})
    targets = dataset.batch("val", np.arange(7))[1]
    assert targets.dtype == np.float32
    np.testing.assert_array_equal(targets, samples["val"]["centre"].astype(np.float32))


def test_a_batch_may_be_changed(folder):
    dataset = Dataset(path=str(folder), **WEATHER)
    before = [array.copy() for array in dataset.batch("train", np.arange(5))]
    for array in dataset.batch("train", np.arange(5)):
        array[:] = 0
    for array, expected in zip(dataset.batch("train", np.arange(5)), before, strict=True):
        np.testing.assert_array_equal(array, expected)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"input": "wind"}, "no field wind"),
        ({"target": "wind"}, "no field wind"),
        ({"input_shape": [5, 4, 2]}, r"data\.input_shape is \[5, 4, 2\]; in .* it is \[4, 5, 2\]"),
        ({"classes": 4}, r"data\.classes is 4; in .* it is 3"),
        ({"classes": None}, r"data\.classes is null; in .* it is 3"),
        ({"target": "centre"}, r"data\.classes is 3; in .* it is null"),
        ({"scaling": "unit"}, r"data\.scaling"),
        ({"path": "nowhere"}, "nowhere/train.arrow is missing"),
    ],
)
def test_parameters_that_do_not_fit_the_files(changes, message, folder):
    with pytest.raises(UserError, match=message):
        Dataset(**{"path": str(folder), **WEATHER, **changes})


def test_unknown_split(folder):
    dataset = Dataset(path=str(folder), **WEATHER)
    with pytest.raises(UserError, match="no split dev; there are train, val, test"):
        dataset.size("dev")
    with pytest.raises(UserError, match="no split dev"):
        dataset.batch("dev", np.arange(1))
