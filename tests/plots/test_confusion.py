import numpy as np
import pytest
from sklearn.metrics import confusion_matrix

from twinlib.plots.confusion import confusion, matrix


def test_counts_are_those_of_scikit_learn():
    rng = np.random.default_rng(0)
    targets, predicted = rng.integers(0, 4, 200), rng.integers(0, 4, 200)
    np.testing.assert_array_equal(matrix(targets, predicted, 5), confusion_matrix(targets, predicted, labels=range(5)))


def cells(axes):
    return {(int(text.get_position()[1]), int(text.get_position()[0])): text.get_text() for text in axes.texts}


def test_counts_in_the_cells_and_shares_as_colour(figures, tmp_path):
    targets = np.array([0, 0, 0, 0, 1, 2])
    predictions = np.eye(3)[[0, 0, 0, 1, 1, 2]]
    confusion(targets, predictions, tmp_path / "c.png", title="clouds (synthetic data)")
    axes = figures["c.png"].axes[0]
    assert cells(axes) == {(0, 0): "3", (0, 1): "1", (1, 1): "1", (2, 2): "1"}
    np.testing.assert_allclose(axes.images[0].get_array(), [[0.75, 0.25, 0], [0, 1, 0], [0, 0, 1]])
    assert axes.get_title() == "clouds (synthetic data)\n83.3% of 6 samples right"
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("predicted class", "true class")


def test_a_class_without_samples_is_an_empty_row(figures, tmp_path):
    confusion(np.array([0, 1]), np.eye(3)[[0, 1]], tmp_path / "c.png")
    np.testing.assert_array_equal(figures["c.png"].axes[0].images[0].get_array()[2], [0, 0, 0])


@pytest.mark.parametrize(
    ("names", "shown"), [((), ["0", "1"]), (("storm", "calm"), ["storm", "calm"]), (("one",), ["0", "1"])]
)
def test_names_of_the_classes(names, shown, figures, tmp_path):
    confusion(np.array([0, 1]), np.array([0.2, 0.7]), tmp_path / "c.png", names=names)
    axes = figures["c.png"].axes[0]
    assert [text.get_text() for text in axes.get_xticklabels()] == shown
    assert cells(axes) == {(0, 0): "1", (1, 1): "1"}


def test_many_classes_have_no_numbers(figures, tmp_path):
    confusion(np.arange(100), np.eye(100), tmp_path / "c.png")
    assert not figures["c.png"].axes[0].texts
