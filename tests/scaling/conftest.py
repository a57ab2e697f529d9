import pytest

# A training that takes the time that it is told to take, in each of its processes.
PACED = """
import math
import os
import time

from lab import Data as Line
from lab import train as as_usual

__code_deps__ = []
SAMPLES, READING, COMPUTING, TALKING, EVALUATING = 40, 0.01, 0.004, 0.03, 0.06  # seconds; computing: of a sample


class Data(Line):
    def size(self, split):
        return SAMPLES


def train(*, config, dataset, folder, report, framework, does, steps=None):
    devices = int(os.environ.get("WORLD_SIZE", 1))
    if does == "fail":
        raise ValueError("the slope is too steep")
    batches = math.ceil(SAMPLES / config["batch_size"])
    for epoch in range(1, 2 if does == "stop" else config["epochs"] + 1):
        report.epoch_begins(epoch, batches)
        for _ in range(min(batches, steps or batches)):
            time.sleep(READING)
            if hasattr(report, "waited"):
                report.waited(READING)
            time.sleep(COMPUTING * config["batch_size"] / devices + (TALKING if devices > 1 else 0))
            report.batch()
        time.sleep(EVALUATING)
        report.epoch_ends({"epoch": epoch})


def whole(*, config, dataset, folder, report, framework, does):
    train(config=config, dataset=dataset, folder=folder, report=report, framework=framework, does=does)
"""


@pytest.fixture
def lab(lab, monkeypatch):
    (lab.root / "paced.py").write_text(PACED)
    config = lab.root / "conf" / "config.yaml"
    text = config.read_text().replace("lab.train", "paced.train").replace("lab.Data", "paced.Data")
    config.write_text(text.replace("name: single", "name: data_parallel").replace("batch_size: 10", "batch_size: 20"))
    monkeypatch.chdir(lab.root)
    monkeypatch.syspath_prepend(lab.root)
    return lab
