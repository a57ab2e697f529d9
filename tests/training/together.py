"""Processes that train in the tests, forked from one that has imported everything, so that each costs little."""

import json
import multiprocessing
import os
import random
import socket
import sys
from pathlib import Path

import numpy as np
import torch
from torch import nn

from tests.training.conftest import ROOT, Digits
from twinlib.config.build import build
from twinlib.config.compose import compose
from twinlib.errors import UserError
from twinlib.training import course, torch_module
from twinlib.training import lightning as adapter
from twinlib.training.outcome import Silent
from twinlib.training.torch_processes import shard

FORKING = multiprocessing.get_context("forkserver")
FORKING.set_forkserver_preload(["tests.training.together"])


class Normalised(nn.Sequential):
    """A batch norm, whose mean and variance are those of the whole batch."""

    def __init__(self):
        super().__init__(nn.Conv2d(1, 3, 3), nn.BatchNorm2d(3), nn.ReLU(), nn.Flatten(), nn.Linear(108, 10))


class Penalised(nn.Sequential):
    def __init__(self):
        super().__init__(nn.Flatten(), nn.Linear(64, 10))

    def penalty(self):
        return 0.5 * self[1].weight.square().sum()


class Farthest:
    """An own metric that is wrong when it sees one sample too many or too few: by how much predictions are off."""

    def __init__(self):
        self.off = []

    def update(self, prediction, target):
        self.off += (1 - prediction[np.arange(len(target)), target]).tolist()

    def compute(self):
        return float(np.sum(self.off))


OURS = {"ours.Normalised": Normalised, "ours.Penalised": Penalised, "ours.Farthest": Farthest}


def configured(*overrides):
    """A config for the digits in double precision: 300 samples in batches of 23, of which the last has one."""
    models = [override.removeprefix("model=") for override in overrides if override.startswith("model=ours.")]
    overrides = [override for override in overrides if not override.startswith("model=ours.")]
    start = ["experiment=mnist/cnn_lightning", "model.filters=[4,6]", "model.dense=8", "model.dropout=[0,0]"]
    start += ["data.input_shape=[8,8,1]", "batch_size=23", "epochs=3", "lr=0.3", "strategy.accelerator=cpu"]
    if not any(override.startswith("optimizer=") for override in overrides):
        start += ["optimizer=sgd", "optimizer.momentum=0"]
    config = compose([*start, "strategy.precision='64'", "checkpoint_seconds=0", *overrides], ROOT)
    config["metrics"]["farthest"] = {"_target_": "ours.Farthest"}
    return config | ({"model": {"_target_": models[0]}} if models else {})


def of_two(config, strategy):
    """The same for two processes."""
    return config | {"strategy": config["strategy"] | {"name": strategy, "devices": 2}}


class BreaksOff(Exception):
    pass


class Heard(Silent):
    """Remembers the rows; ends the training in the middle of an epoch."""

    def __init__(self, ends_in=None):
        self.ends_in, self.epoch, self.rows = ends_in, 0, []

    def epoch_begins(self, epoch, steps):
        self.epoch = epoch

    def batch(self):
        if self.epoch == self.ends_in:
            raise BreaksOff

    def epoch_ends(self, row):
        self.rows.append(row)


def train(config, folder, resume=None, ends_in=()):
    """Train and leave in `folder` what came out. Ends early in the epochs `ends_in`, and goes on each time."""

    def ours(node):
        return OURS[node["_target_"]]() if node["_target_"] in OURS else build(node)

    def measured(model, mesh):
        shard(model, mesh)
        weights = list(model.parameters())
        held = sum(weight.to_local().numel() for weight in weights) / sum(weight.numel() for weight in weights)
        (folder / "held.txt").write_text(str(held))

    torch.set_num_threads(1)
    torch_module.build = course.build = ours
    torch_module.shard = measured
    folder.mkdir(parents=True, exist_ok=True)
    for epoch in (*ends_in, None):
        # A process that begins anew knows nothing of the one before.
        random.seed()
        np.random.seed()
        torch.seed()
        heard = Heard(epoch)
        try:
            outcome = adapter.train(config=config, dataset=Digits(), folder=folder, report=heard, resume=resume)
        except BreaksOff:
            continue
        except UserError as error:
            (folder / "error.txt").write_text(str(error))
            return
        rows = [
            [{key: row[key] for key in row if key != "seconds"} for row in each]
            for each in (outcome.history, heard.rows)
        ]
        np.save(folder / "predictions.npy", outcome.predictions)
        (folder / "answer.json").write_text(json.dumps([*rows, outcome.metrics]))


def outcome(folder):
    """History, what the report heard, metrics; predictions; weights by name."""
    weights = torch.load(folder / "weights.pt", weights_only=True) if (folder / "weights.pt").exists() else {}
    numbers = {name: value.numpy() for name, value in weights.items()}
    return json.loads((folder / "answer.json").read_text()), np.load(folder / "predictions.npy"), numbers


def require_same(one, other):
    """Equal to the last bit."""
    assert one[0] == other[0]
    np.testing.assert_array_equal(one[1], other[1])
    assert list(one[2]) == list(other[2])
    for name in one[2]:
        np.testing.assert_array_equal(one[2][name], other[2][name])


def start(jobs, log, rank=0, size=1, port=0):
    """A process that does the `jobs`, arguments of `train`, one after the other."""
    variables = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": size, "LOCAL_WORLD_SIZE": size, "GROUP_RANK": 0}
    variables |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
    process = FORKING.Process(target=_work, args=(jobs, log, {name: str(value) for name, value in variables.items()}))
    process.start()
    return process


def start_two(jobs, folder):
    """Two processes that train together; `jobs` may name `{rank}` in folders."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    mine = [[{**job, "folder": Path(str(job["folder"]).format(rank=rank))} for job in jobs] for rank in (0, 1)]
    return [start(mine[rank], folder / f"{rank}.log", rank, 2, port) for rank in (0, 1)]


def finish(processes, folder, seconds=120):
    """Wait for processes that shall end well and say nothing."""
    for process in processes:
        process.join(seconds)
        process.kill()
    logs = [log.read_text() for log in sorted(folder.glob("*.log"))]
    assert [process.exitcode for process in processes] == [0] * len(processes), "\n".join(logs)
    assert not any(logs), "\n".join(logs)


def _work(jobs, log, environment):
    os.environ.update(environment)
    output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    for descriptor in (1, 2):
        os.dup2(output, descriptor)
    for job in jobs:
        train(**job)
    sys.stdout.flush()
