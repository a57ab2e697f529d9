import pytest

from twinlib.cli.words import split


@pytest.mark.parametrize(
    "word",
    [
        "lr=3e-4",
        "model.dense=64",
        "experiment=mnist/cnn",
        "+model.extra=1",
        "++lr=1",
        "~tracking.wandb",
        "x@y=z",
        "name=",
    ],
)
def test_settings(word):
    assert split([word]) == ([], [word])


@pytest.mark.parametrize(
    "word",
    [
        "mnist/cnn_keras",
        "mnist-cnn-torch-lr=0.001-seed=0-0123456789ab",
        "runs/mnist-cnn-torch-lr=0.001-seed=0-0123456789ab",
        "0123456789ab",
        "./a=b.csv",
        "digit.png",
    ],
)
def test_everything_else(word):
    assert split([word]) == ([word], [])


def test_order_is_kept():
    assert split(["a", "x=1", "b", "y=2"]) == (["a", "b"], ["x=1", "y=2"])
