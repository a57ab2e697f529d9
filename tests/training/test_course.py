import json
import threading

import numpy as np
import pytest

from twinlib.config.build import build
from twinlib.errors import UserError
from twinlib.training.course import Course, parts
from twinlib.training.outcome import Silent


@pytest.fixture
def course(configure, digits):
    def made(*overrides, steps=None, report=None, rank=0, size=1):
        return Course(configure("torch", *overrides), digits, report or Silent(), steps, rank, size)

    return made


def forward_with(loss):
    return lambda inputs, targets: (np.full(len(inputs), loss, np.float32), np.eye(10, dtype=np.float32)[targets])


def run(course, losses, train_loss=1.0):
    """Epochs with the given validation losses, and one that tests."""
    for loss in losses:
        course.begin_epoch()
        samples = 0
        for inputs, _, _ in course.batches():
            course.learning_rate()
            course.stepped()
            samples += len(inputs)
        course.end_epoch(train_loss * samples, forward_with(loss))
        if course.over:
            break
    return course.outcome(forward_with(9.0), "file")


@pytest.mark.parametrize(
    ("samples", "accumulate", "sizes"),
    [(64, 1, [64]), (64, 2, [32, 32]), (64, 3, [21, 21, 22]), (2, 4, [1, 1]), (1, 1, [1])],
)
def test_parts(samples, accumulate, sizes):
    cut = parts(samples, accumulate)
    assert [len(range(samples)[part]) for part in cut] == sizes
    assert [row for part in cut for row in range(samples)[part]] == list(range(samples))


def test_batches_are_shuffled_by_seed_and_epoch_and_cover_the_split(course, digits):
    def epoch(*overrides, number=1):
        chosen = course(*overrides)
        for _ in range(number):
            chosen.begin_epoch()
        return [inputs for inputs, _, _ in chosen.batches()]

    first = epoch()
    assert [len(batch) for batch in first] == [32] * 9 + [12]
    key = lambda images: sorted(image.tobytes() for image in images)  # noqa: E731
    assert key(np.concatenate(first)) == key(digits.inputs[:300])
    for same, other in ((epoch(), epoch("seed=1")), (epoch("workers=0"), epoch(number=2)), (epoch("workers=3"), [])):
        assert all(np.array_equal(a, b) for a, b in zip(first, same, strict=True))
        assert not other or not np.array_equal(first[0], other[0])


def test_learning_rate_over_the_whole_training(course):
    chosen = course("schedule=cosine", "epochs=3", "lr=0.5")
    rates = []
    for _ in range(3):
        chosen.begin_epoch()
        for _ in chosen.batches():
            rates.append(chosen.learning_rate())
            chosen.stepped()
    np.testing.assert_allclose(rates, 0.25 * (1 + np.cos(np.pi * np.arange(30) / 30)))


def test_rows_of_history_and_metrics(course):
    outcome = run(course("epochs=3"), [3.0, 1.0, 2.0], train_loss=0.5)
    assert list(outcome.history[0]) == ["epoch", "train_loss", "val_loss", "val_accuracy", "lr", "seconds"]
    assert [row["epoch"] for row in outcome.history] == [1, 2, 3]
    assert [row["train_loss"] for row in outcome.history] == [0.5] * 3
    metrics = {"test_loss": 9.0, "test_accuracy": 1.0, "val_loss": 1.0, "val_accuracy": 1.0, "train_loss": 0.5}
    assert outcome.metrics == {**metrics, "best_epoch": 2, "epochs": 3}
    assert outcome.predictions.shape == (101, 10) and outcome.targets.shape == (101,)


class Wrong:
    """How many samples of a split are wrong."""

    def __call__(self, dataset, split, predictions, targets):
        return {"wrong": float((predictions.argmax(axis=1) != targets).sum()), "of": float(dataset.size(split))}


def test_every_test_split_is_evaluated(course, digits, monkeypatch):
    monkeypatch.setattr(digits.schema, "splits", {**digits.schema.splits, "test_late": 50})
    monkeypatch.setitem(digits.rows, "test_late", slice(450, 500))
    monkeypatch.setattr(
        "twinlib.training.course.build", lambda node: Wrong() if "lab.Wrong" in str(node) else build(node)
    )
    outcome = run(course("+evaluation={_target_:lab.Wrong}", "epochs=1"), [1.0])
    assert list(outcome.tests) == ["test", "test_late"]
    np.testing.assert_array_equal(outcome.tests["test_late"].targets, digits.targets[450:500])
    assert {name: value for name, value in outcome.metrics.items() if name.startswith("test")} == {
        "test_loss": 9.0,
        "test_accuracy": 1.0,
        "test_wrong": 0.0,
        "test_of": 101.0,
        "test_late_loss": 9.0,
        "test_late_accuracy": 1.0,
        "test_late_wrong": 0.0,
        "test_late_of": 50.0,
    }


def test_last_weights_have_the_last_epoch_s_metrics(course):
    metrics = run(course("epochs=3", "checkpoint=last"), [3.0, 1.0, 2.0]).metrics
    assert (metrics["val_loss"], metrics["best_epoch"], metrics["epochs"]) == (2.0, 2, 3)


def test_early_stopping(course):
    metrics = run(course("epochs=9", "early_stopping.patience=2"), [3.0, 2.0, 2.5, 2.5, 1.0]).metrics
    assert (metrics["epochs"], metrics["best_epoch"]) == (4, 2)


def test_steps_bound_epochs_and_evaluations(course):
    chosen = course("epochs=1", steps=2)
    assert chosen.steps == 2
    outcome = run(chosen, [1.0])
    assert outcome.predictions.shape == (64, 10)
    assert course(steps=99).steps == 10


@pytest.mark.parametrize(("train_loss", "val_loss", "name"), [(np.nan, 1.0, "train_loss"), (1.0, np.inf, "val_loss")])
def test_a_loss_that_is_not_finite_ends_it(course, train_loss, val_loss, name):
    with pytest.raises(UserError, match=rf"epoch 1: {name} is .*lr.*clip_norm"):
        run(course(), [val_loss], train_loss)


def test_report_hears_everything(course):
    heard = []

    class Report:
        def epoch_begins(self, epoch, steps):
            heard.append((epoch, steps))

        def batch(self):
            heard.append("batch")

        def epoch_ends(self, row):
            heard.append(row["val_loss"])

    run(course(report=Report(), steps=2), [3.0, 1.0])
    assert heard == [(1, 2), "batch", "batch", 3.0, (2, 2), "batch", "batch", 1.0]


def test_no_reader_outlives_a_broken_epoch(course):
    chosen = course("workers=2")
    chosen.begin_epoch()
    batches = chosen.batches()
    next(batches)
    batches.close()
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("read")]


def test_each_of_several_processes_has_its_part_and_knows_the_whole(course, digits):
    sizes, inputs = [], []
    for rank in range(3):
        chosen = course("batch_size=23", rank=rank, size=3)  # 300 = 13 * 23 + 1
        chosen.begin_epoch()
        batches = list(chosen.batches())
        assert [samples for _, _, samples in batches] == [23] * 13 + [1]
        sizes.append([len(part) for part, _, _ in batches])
        inputs += [part for part, _, _ in batches]
        chosen.learning_rate()
        chosen.end_epoch(600.0, forward_with(1.0))
        assert chosen.history[0]["train_loss"] == 2.0  # a mean over all samples, not over its own
    assert sizes == [[7] * 13 + [0], [8] * 13 + [0], [8] * 13 + [1]]
    key = lambda images: sorted(image.tobytes() for image in images)  # noqa: E731
    assert key(np.concatenate(inputs)) == key(digits.inputs[:300])


def test_goes_on_after_the_epoch_that_was_left(course):
    overrides = ["epochs=9", "early_stopping.patience=2", "schedule=cosine"]
    losses = [3.0, 1.0, 2.5, 2.0, 9.0]
    whole = run(course(*overrides), losses)
    left = course(*overrides)
    for loss in losses[:3]:
        left.begin_epoch()
        for _ in left.batches():
            left.learning_rate()
            left.stepped()
        left.end_epoch(300.0, forward_with(loss))
    state = json.loads(json.dumps(left.state()))

    heard = []

    class Report(Silent):
        def epoch_ends(self, row):
            heard.append(row["val_loss"])

    taken_up = course(*overrides, report=Report())
    taken_up.restore(state)
    assert heard == losses[:3] and not taken_up.over
    again = run(taken_up, losses[3:])
    assert again.metrics == whole.metrics and whole.metrics["epochs"] == 4
    assert [{**row, "seconds": 0} for row in again.history] == [{**row, "seconds": 0} for row in whole.history]
