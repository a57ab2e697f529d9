import numpy as np
import pytest

from twinlib.data.splits import stratified
from twinlib.errors import UserError


@pytest.mark.parametrize("sizes", [{"train": 70, "val": 13, "test": 20}, {"train": 1}, {"train": 60, "test": 43}])
def test_exact_sizes_nothing_twice(sizes):
    labels = np.random.default_rng(0).integers(0, 5, 103)
    splits = stratified(labels, sizes, seed=0)
    assert {name: len(rows) for name, rows in splits.items()} == sizes
    rows = np.concatenate(list(splits.values()))
    assert len(set(rows)) == len(rows)


def test_every_class_has_its_share():
    labels = np.repeat([7, 3, 9], [601, 300, 99])
    splits = stratified(labels, {"train": 700, "val": 101, "test": 150}, seed=1)
    for rows in splits.values():
        for label in (7, 3, 9):
            share = len(rows) * (labels == label).mean()
            assert abs((labels[rows] == label).sum() - share) <= 1


def test_a_seed_is_a_split():
    labels = np.arange(1000) % 10
    sizes = {"train": 800, "test": 200}
    one, same, other = (stratified(labels, sizes, seed) for seed in (1, 1, 2))
    assert all((one[name] == same[name]).all() for name in sizes)
    assert set(one["test"]) != set(other["test"])


def test_classes_are_mixed():
    labels = np.repeat(np.arange(10), 100)
    rows = stratified(labels, {"train": 1000}, seed=0)["train"]
    assert len(set(labels[rows[:100]])) == 10


@pytest.mark.parametrize("sizes", [{"train": 9, "test": 2}, {"train": 5, "test": 0}])
def test_impossible_sizes(sizes):
    with pytest.raises(UserError, match="train"):
        stratified(np.zeros(10), sizes, seed=0)
