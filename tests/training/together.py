"""What one process of several does in the tests: `python tests/training/together.py jobs.json rank`."""

import json
import random
import sys
from pathlib import Path

import numpy as np
import torch
from torch import nn

from twinlib.config.build import build
from twinlib.errors import UserError
from twinlib.training import course, torch_module
from twinlib.training import lightning as adapter
from twinlib.training.outcome import Silent


class Normalised(nn.Sequential):
    """Batch norm, whose mean and variance are of the whole batch, between layers that need them."""

    def __init__(self):
        super().__init__(nn.Conv2d(1, 3, 3), nn.BatchNorm2d(3), nn.ReLU(), nn.Flatten(), nn.Linear(108, 10))


class Penalised(nn.Sequential):
    def __init__(self):
        super().__init__(nn.Flatten(), nn.Linear(64, 10))

    def penalty(self):
        return 0.5 * self[1].weight.square().sum()


class Farthest:
    """An own metric that knows every sample: by how much the worst prediction is off."""

    def __init__(self):
        self.worst = 0.0

    def update(self, prediction, target):
        self.worst = max(self.worst, float(1 - prediction[np.arange(len(target)), target].min()))

    def compute(self):
        return self.worst


OURS = {"Normalised": Normalised, "Penalised": Penalised, "Farthest": Farthest}


class BreaksOff(Exception):
    pass


class Until(Silent):
    """Breaks a training off in the middle of an epoch."""

    def __init__(self, epoch):
        self.epoch, self.now, self.batches, self.heard = epoch, 0, 0, []

    def epoch_begins(self, epoch, steps):
        self.now, self.batches = epoch, 0

    def batch(self):
        self.batches += 1
        if (self.now, self.batches) == (self.epoch, 2):
            raise BreaksOff

    def epoch_ends(self, row):
        self.heard.append(row)


def built(node):
    name = node.get("_target_", "") if isinstance(node, dict) else ""
    return OURS[name.removeprefix("ours.")]() if name.startswith("ours.") else build(node)


def train(config, dataset, folder, resume=None, break_at=()):
    """Train, breaking off in some epochs and going on each time -> outcome and what the last report heard."""
    folder.mkdir(parents=True, exist_ok=True)
    torch_module.build = course.build = built
    try:
        for epoch in (*break_at, None):
            # A process that has begun anew knows nothing of the one before.
            random.seed(), np.random.seed(), torch.seed()
            report = Until(epoch)
            try:
                return adapter.train(
                    config=config, dataset=dataset, folder=folder, report=report, resume=resume
                ), report.heard
            except BreaksOff:
                pass
    finally:
        torch_module.build = course.build = build


def state(folder):
    return torch.load(folder / adapter.WEIGHTS, weights_only=True)


def main(file):
    from conftest import Digits

    torch.set_num_threads(1)
    rank = sys.argv[2]
    for job in json.loads(Path(file).read_text()):
        folder = Path(job["folder"]) / rank
        resume = Path(job["folder"]) / "kept" if job["break_at"] else None
        try:
            outcome, heard = train(job["config"], Digits(), folder, resume, job["break_at"])
        except UserError as error:
            (folder / "error.txt").write_text(str(error))
            continue
        answer = {"history": outcome.history, "metrics": outcome.metrics, "heard": heard}
        (folder / "answer.json").write_text(json.dumps(answer))
        np.save(folder / "predictions.npy", outcome.predictions)


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parent))
    main(sys.argv[1])
