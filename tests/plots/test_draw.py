from dataclasses import dataclass, field
from types import SimpleNamespace

import numpy as np
import pytest

from twinlib.data.schema import Field, Schema
from twinlib.plots import draw


@dataclass
class Data:
    """What `draw` reads of a dataset."""

    shape: tuple = (4, 4, 1)
    classes: int | None = 3
    kind: str = "synthetic"
    name: str = "clouds"
    input: str = "image"
    target: str = "kind"
    asked: list = field(default_factory=list)

    @property
    def schema(self):
        names = tuple("abc") if self.classes else ()
        dims = ("row", "column", "channel")[-len(self.shape) :]
        fields = (
            Field("image", self.shape, dims, "uint8", "1"),
            Field("kind", (), (), "int64" if names else "float32", "1", classes=names),
        )
        return Schema(fields, self.kind, "made", "CC0")

    def batch(self, split, rows):
        self.asked.append(split)
        return np.zeros((len(rows), *self.shape), np.float32), np.zeros(len(rows))


def outcome(history, predictions, targets):
    return SimpleNamespace(
        history=history, metrics={"best_epoch": 2.0}, predictions=predictions, targets=targets, weights="w"
    )


@pytest.fixture
def classified(history):
    return outcome(history, np.eye(3, dtype=np.float32)[[0, 1, 1, 2]], np.array([0, 1, 2, 2]))


def names(paths):
    return [path.name for path in paths]


def test_a_classifier_of_images(classified, figures, tmp_path):
    data = Data()
    drawn = draw(classified, data, tmp_path)
    assert names(drawn) == ["learning_curve.png", "confusion.png", "worst.png"]
    assert all(path.parent == tmp_path and path.stat().st_size > 1000 for path in drawn)
    assert data.asked == ["test"]
    assert "best epoch: 2" in [line.get_label() for line in figures["learning_curve.png"].axes[0].get_lines()]


@pytest.mark.parametrize("kind", ["real", "synthetic"])
def test_every_picture_says_what_the_data_is(kind, classified, figures, tmp_path):
    draw(classified, Data(kind=kind), tmp_path)
    titles = [
        figures["learning_curve.png"].get_suptitle(),
        figures["confusion.png"].axes[0].get_title(),
        figures["worst.png"].get_suptitle(),
    ]
    assert all(title.startswith(f"clouds ({kind} data)") for title in titles)


def test_a_classifier_of_series_has_no_page_of_mistakes(classified, figures, tmp_path):
    assert names(draw(classified, Data(shape=(16, 2)), tmp_path)) == ["learning_curve.png", "confusion.png"]


def test_a_regression_has_its_learning_curve(history, tmp_path):
    run = outcome(history, np.zeros((4, 1), np.float32), np.zeros((4, 1), np.float32))
    assert names(draw(run, Data(classes=None), tmp_path)) == ["learning_curve.png"]


def test_logits_are_not_taken_for_probabilities(history, tmp_path):
    run = outcome(history, np.array([[3.0, -1.0, 0.0]]), np.array([0]))
    assert names(draw(run, Data(), tmp_path)) == ["learning_curve.png"]


def test_the_same_run_gives_the_same_bytes(classified, tmp_path):
    once, again = tmp_path / "once", tmp_path / "again"
    once.mkdir()
    again.mkdir()
    for a, b in zip(draw(classified, Data(), once), draw(classified, Data(), again), strict=True):
        assert a.read_bytes() == b.read_bytes()
