import numpy as np
import pytest

from twinlib.plots.classes import decide, labels


def test_most_probable_class():
    classes, probability = decide(np.array([[0.2, 0.5, 0.3], [0.9, 0.1, 0.0]], np.float32))
    assert classes.tolist() == [1, 0]
    np.testing.assert_allclose(probability, [0.5, 0.9], rtol=1e-6)


@pytest.mark.parametrize("shape", [(3,), (3, 1)])
def test_probability_of_the_second_of_two_classes(shape):
    classes, probability = decide(np.array([0.9, 0.2, 0.4]).reshape(shape))
    assert classes.tolist() == [1, 0, 0]
    np.testing.assert_allclose(probability, [0.9, 0.8, 0.6])


def test_labels():
    assert labels(("cat", "dog"), 2) == ["cat", "dog"]
    assert labels((), 3) == ["0", "1", "2"]
