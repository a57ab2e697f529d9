"""What every key means, in both frameworks."""

import json
import os
import signal
import subprocess
import sys
from functools import cache
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest

from twinlib.errors import UserError
from twinlib.training.outcome import Silent

ROOT = Path(__file__).parents[2]
STILL = "lr=1e-30"  # so small that no weight moves


def adapter(framework):
    return import_module(f"twinlib.training.{'lightning' if framework == 'torch' else 'keras'}")


def without_seconds(history):
    return [{key: value for key, value in row.items() if key != "seconds"} for row in history]


@pytest.fixture(scope="module")
def step(configure, digits, weights, tmp_path_factory):
    """The change of each weight by one step with lr=1, with the sign turned: the gradient as it was applied."""

    @cache
    def after(framework, *overrides):
        folder = tmp_path_factory.mktemp("step")
        config = configure(framework, *overrides, "epochs=1", "checkpoint=last", model="cnn")
        adapter(framework).train(config=config, dataset=digits, folder=folder, steps=1)
        return weights(framework, folder, model="cnn")

    def stepped(framework, *overrides):
        return [a - b for a, b in zip(after(framework, STILL), after(framework, "lr=1", *overrides), strict=True)]

    return stepped


def norm(arrays):
    return np.sqrt(sum((array**2).sum() for array in arrays))


def test_a_training_learns_and_fills_its_outcome(train, framework, digits):
    outcome = train(framework, "epochs=8", "lr=1")
    assert outcome.metrics["test_accuracy"] > 0.65  # guessing gives 0.1
    assert outcome.history[-1]["train_loss"] < 0.5 * outcome.history[0]["train_loss"]
    assert outcome.predictions.shape == (101, 10)
    np.testing.assert_allclose(outcome.predictions.sum(axis=1), 1, rtol=1e-5)
    np.testing.assert_array_equal(outcome.targets, digits.targets[400:501])
    right = (outcome.predictions.argmax(axis=1) == outcome.targets).mean()
    assert outcome.metrics["test_accuracy"] == pytest.approx(right)


def test_train_loss_is_the_mean_over_samples_not_batches(train, framework):
    """With weights that do not move it is that of the training split: the small last batch counts for its samples."""
    whole = train(framework, STILL, "batch_size=300").history[0]["train_loss"]
    assert train(framework, STILL, "batch_size=256").history[0]["train_loss"] == pytest.approx(whole, rel=1e-6)


def test_the_batch_size_does_not_change_an_evaluation(train, framework):
    one, other = (train(framework, STILL, f"batch_size={size}", "epochs=1").metrics for size in (32, 77))
    for name in ("val_loss", "val_accuracy", "test_loss", "test_accuracy"):
        assert one[name] == pytest.approx(other[name], rel=1e-6)


@pytest.mark.parametrize("parts", [2, 3])
def test_accumulate_gives_the_same_gradient(step, framework, parts):
    whole, cut = step(framework), step(framework, f"accumulate={parts}")
    assert norm(whole) > 0.1
    for one, other in zip(whole, cut, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6)


def test_clip_norm_scales_the_whole_gradient(step, framework):
    plain, clipped = step(framework), step(framework, "clip_norm=0.05")
    assert norm(clipped) == pytest.approx(0.05, rel=1e-4)
    for one, other in zip(plain, clipped, strict=True):
        np.testing.assert_allclose(one * 0.05 / norm(plain), other, atol=1e-6)
    for one, other in zip(plain, step(framework, "clip_norm=1e3"), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6)


def test_clip_value_cuts_each_element(step, framework):
    plain, clipped = step(framework), step(framework, "clip_value=0.01")
    for one, other in zip(plain, clipped, strict=True):
        np.testing.assert_allclose(one.clip(-0.01, 0.01), other, atol=1e-6)


def test_clips_by_norm_first_and_then_by_value(step, framework):
    plain = step(framework)
    clipped = step(framework, "clip_norm=0.05", "clip_value=0.005")
    for one, other in zip(plain, clipped, strict=True):
        np.testing.assert_allclose((one * 0.05 / norm(plain)).clip(-0.005, 0.005), other, atol=1e-6)


def test_schedule_sets_the_rate_of_each_step(train, framework, step):
    outcome = train(framework, "schedule=step", "schedule.at=[0.5]", "lr=0.2", "epochs=4")
    assert [row["lr"] for row in outcome.history] == pytest.approx([0.2, 0.2, 0.02, 0.02])
    outcome = train(framework, "schedule=cosine", "schedule.warmup=0.5", "lr=0.2", "epochs=4")
    assert [row["lr"] for row in outcome.history][:2] == pytest.approx([0.1, 0.2])
    # and the rate is applied, not only written down
    for whole, tenth in zip(step(framework), step(framework, "schedule=step", "schedule.at=[0]"), strict=True):
        np.testing.assert_allclose(0.1 * whole, tenth, atol=1e-6)


def test_early_stopping_ends_after_patience(train, framework):
    metrics = train(framework, STILL, "epochs=9", "early_stopping.patience=2").metrics
    assert (metrics["epochs"], metrics["best_epoch"]) == (3, 1)


@pytest.mark.parametrize("checkpoint", ["best", "last"])
def test_keeps_the_weights_it_says(train, framework, configure, digits, tmp_path, checkpoint):
    # The other way round, so that the best epoch is not the last.
    overrides = [f"checkpoint={checkpoint}", "objective=val_accuracy", "direction=minimize", "lr=0.5", "epochs=3"]
    outcome = train(framework, *overrides)
    accuracies = [row["val_accuracy"] for row in outcome.history]
    best = outcome.metrics["best_epoch"]
    assert accuracies[best - 1] == min(accuracies) and accuracies[best - 1] != accuracies[-1]
    kept = outcome.history[best - 1 if checkpoint == "best" else -1]
    assert outcome.metrics["val_accuracy"] == kept["val_accuracy"]
    predict = adapter(framework).predictor(configure(framework, *overrides), tmp_path)
    inputs, targets = digits.batch("val", np.arange(100))
    assert (predict(inputs).argmax(axis=1) == targets).mean() == kept["val_accuracy"]


def test_predictor_gives_what_the_training_measured(train, framework, configure, digits, tmp_path):
    predictions = train(framework, model="cnn").predictions
    predict = adapter(framework).predictor(configure(framework, model="cnn"), tmp_path)
    inputs, _ = digits.batch("test", np.arange(101))
    np.testing.assert_array_equal(predict(inputs), predictions)
    np.testing.assert_allclose(predict(inputs[:5]), predictions[:5], atol=1e-6)
    assert predict(inputs[:0]).shape == (0, 10)


def test_predictor_refuses_the_weights_of_another_model(train, framework, configure, tmp_path):
    train(framework, model="linear")
    with pytest.raises(UserError, match="not the weights of"):
        adapter(framework).predictor(configure(framework, model="cnn"), tmp_path)


@pytest.mark.parametrize(("output", "apply"), [("identity", lambda x: x), ("sigmoid", lambda x: 1 / (1 + np.exp(-x)))])
def test_output_turns_the_model_s_output_into_predictions(train, framework, output, apply):
    raw = train(framework, STILL, "output=identity").predictions
    np.testing.assert_allclose(train(framework, STILL, f"output={output}").predictions, apply(raw), atol=1e-6)


def test_same_seed_same_numbers_other_seed_others(train, framework):
    def history(*overrides):
        return without_seconds(
            train(framework, "optimizer=adam", "model.dropout=[0.2,0.2]", *overrides, model="cnn").history
        )

    first = history()
    assert history() == first
    assert history("seed=1") != first


@pytest.mark.parametrize("workers", [0, 3])
def test_workers_change_nothing(train, framework, workers):
    assert without_seconds(train(framework, f"workers={workers}").history) == without_seconds(train(framework).history)


def test_precision_64(train, framework, weights):
    double, single = train(framework, "strategy.precision=64"), train(framework)
    assert double.predictions.dtype == np.float64 and single.predictions.dtype == np.float32
    # Keras draws other first weights in 64 bits.
    rel = {"torch": 1e-5, "keras": 0.1}[framework]
    assert double.metrics["test_loss"] == pytest.approx(single.metrics["test_loss"], rel=rel)


def test_precision_bf16_mixed(train, framework, configure, digits, tmp_path):
    """Products in 16 bits; weights, losses and predictions in 32."""
    mixed, single = train(framework, "strategy.precision=bf16-mixed"), train(framework)
    assert mixed.predictions.dtype == np.float32
    assert mixed.metrics["test_loss"] == pytest.approx(single.metrics["test_loss"], rel=0.02)
    assert mixed.metrics["test_loss"] != single.metrics["test_loss"]
    mixed = train(framework, "strategy.precision=bf16-mixed")
    predict = adapter(framework).predictor(configure(framework, "strategy.precision=bf16-mixed"), tmp_path)
    np.testing.assert_array_equal(predict(digits.batch("test", np.arange(101))[0]), mixed.predictions)


def test_refuses_what_this_machine_cannot(train, framework, configure):
    with pytest.raises(UserError, match=r"strategy.precision=16-mixed: needs a GPU"):
        train(framework, "strategy.precision=16-mixed", "strategy.accelerator=cpu")


def test_refuses_a_gpu_that_is_not_there(train, framework):
    import torch

    if torch.cuda.is_available():
        pytest.skip("there is one")
    with pytest.raises(UserError, match=r"strategy.accelerator=gpu"):
        train(framework, "strategy.accelerator=gpu")


def test_a_loss_that_explodes_is_one_clear_line(train, framework):
    with pytest.raises(UserError, match=r"epoch 1: (train|val)_loss is (nan|inf).*smaller lr"):
        train(framework, "lr=1e38", "loss=mse", "output=identity", "metrics=[]", dataset=OneHot())


class OneHot:
    """Ten numbers to fit."""

    def size(self, split):
        return 64

    def batch(self, split, rows, rng=None):
        inputs = np.random.default_rng(0).normal(size=(64, 8, 8, 1)).astype(np.float32)
        return inputs[rows], inputs[rows, :5, :2, 0].reshape(-1, 10)


def test_steps_bound_a_smoke_run(train, framework):
    heard = []

    class Report:
        def epoch_begins(self, epoch, steps):
            heard.append(steps)

        def batch(self):
            heard.append("batch")

        def epoch_ends(self, row):
            heard.append("end")

    outcome = train(framework, steps=1, report=Report())
    assert heard == [1, "batch", "end"] * 2
    assert len(outcome.predictions) == 32


def test_an_interrupt_is_an_interrupt(train, framework, tmp_path):
    class Interrupts(Silent):
        def batch(self):
            raise KeyboardInterrupt

    handler = signal.getsignal(signal.SIGINT)
    try:
        with pytest.raises(KeyboardInterrupt):
            train(framework, report=Interrupts())
    finally:
        signal.signal(signal.SIGINT, handler)  # Lightning turns it off
    assert not list(tmp_path.iterdir())


TRAIN = """
import json, sys
from pathlib import Path
sys.path.insert(0, "tests/training")
from conftest import Digits
from twinlib.config.build import build
config = json.load(sys.stdin)
outcome = build(config["trainer"])(config=config, dataset=Digits(), folder=Path(sys.argv[1]))
history = [{key: value for key, value in row.items() if key != "seconds"} for row in outcome.history]
print(json.dumps([history, outcome.metrics, outcome.predictions.tolist()]))
"""


def test_two_processes_agree_to_the_last_bit_and_are_silent(configure, framework, tmp_path):
    config = configure(framework, "optimizer=adam", "model.dropout=[0.25,0.5]", "epochs=3", model="cnn")
    answers = []
    for seed in ("1", "2"):
        environment = os.environ | {"PYTHONHASHSEED": seed, "PYTHONPATH": str(ROOT)}
        environment.pop("TF_CPP_MIN_LOG_LEVEL", None)
        done = subprocess.run(
            [sys.executable, "-c", TRAIN, str(tmp_path)],
            input=json.dumps(config),
            capture_output=True,
            text=True,
            cwd=ROOT,
            env=environment,
            check=True,
        )
        assert done.stderr == ""
        answers.append(done.stdout)
    assert answers[0] == answers[1]
    assert len(answers[0].splitlines()) == 1
