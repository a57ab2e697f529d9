"""A training that takes no time, and does on request what goes wrong with real ones."""

import os

import signal
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np

from twinlib.errors import UserError
from twinlib.training.outcome import Outcome

__code_deps__ = []


class Data:
    """A line with noise."""

    name = "line"
    input = "x"
    classes = None
    schema = SimpleNamespace(kind="synthetic")
    preprocess = SimpleNamespace(to_json=dict)


def nothing(**_):
    return None


def train(*, config, dataset, folder, report, framework, seconds, busy, goes, steps=None):
    """Fit a slope by `epochs` steps of gradient descent."""
    print("pinned to", os.environ.get("CUDA_VISIBLE_DEVICES"), os.environ.get("OMP_NUM_THREADS"))
    x = np.random.default_rng(config["seed"]).normal(size=100)
    slope, history = 0.0, []
    for epoch in range(1, config["epochs"] + 1):
        report.epoch_begins(epoch, 1)
        slope -= config["lr"] * float(np.mean((slope * x - 2 * x) * x))
        loss = float(np.mean((slope * x - 2 * x) ** 2))
        history.append({"epoch": epoch, "train_loss": loss, "val_loss": loss, "lr": config["lr"], "seconds": 0.0})
        report.epoch_ends(history[-1])
    _take(seconds, busy)
    _go(goes)
    np.save(folder / "weights.npy", slope)
    metrics = {"test_loss": loss, "train_loss": loss, "val_loss": loss, "best_epoch": epoch, "epochs": epoch}
    return Outcome(history, metrics, slope * x, 2 * x, "weights.npy")


def _take(seconds, busy):
    ends = time.perf_counter() + seconds
    while busy and time.perf_counter() < ends:
        pass
    if not busy:
        time.sleep(seconds)


def _go(goes):
    if goes == "wrong":
        raise ValueError("the slope is too steep")
    if goes == "mistaken":
        raise UserError("lr=1: too large")
    if goes == "killed":
        os.kill(os.getpid(), signal.SIGKILL)
    if goes == "deaf":
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        Path("deaf").touch()
        time.sleep(100)
