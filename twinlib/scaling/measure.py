"""Train a few epochs with each number of devices, and take an epoch apart."""

import inspect
import json
import math
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from twinlib.config.build import build
from twinlib.config.compose import compose
from twinlib.config.signature import check_targets
from twinlib.errors import UserError
from twinlib.launcher.devices import cores, limits
from twinlib.run import RunFailed, require_inputs
from twinlib.scaling.clock import Epoch


@dataclass(frozen=True)
class Measured:
    """Seconds of an epoch with so many devices: medians over all epochs but the first.

    Attributes
    ----------
    compute
        What one device alone takes for its part of each batch, with the threads that it has beside the others; None:
        the trainer cannot train on a part of an epoch, which this needs.
    data
        Waiting for batches.
    communication
        What is left of the training: gradients on their way, and waiting for the slowest; None with `compute`.
    evaluation
        From the last batch on: on a GPU also what it had not finished by then.
    """

    devices: int
    seconds: float
    compute: float | None
    data: float
    communication: float | None
    evaluation: float


def measure(overrides: Sequence[str], devices: Sequence[int], root: Path) -> Iterator[Measured]:
    """One row for each number of devices, as soon as it is known.

    Parameters
    ----------
    overrides
        What would stand after `train.py`, without `strategy.devices`.
    root
        The project folder.

    Raises
    ------
    UserError
        A number of devices does not fit the config, or the training cannot be started.
    RunFailed
        A training ended with an error, which it has printed.
    """
    configs = [compose([*overrides, f"strategy.devices={count}"], root) for count in devices]
    for config in configs:
        if config["epochs"] < 2:
            raise UserError(f"epochs={config['epochs']}: the first epoch is not counted; use 2 or more")
        if config["strategy"]["nodes"] != 1:
            raise UserError("strategy.nodes: twin scaling measures the devices of one node; leave it out")
        require_inputs(config, root)
        check_targets(config, root)
    for count, config in zip(devices, configs, strict=True):
        yield _measured(count, config, root)


def _measured(count: int, config: dict[str, Any], root: Path) -> Measured:
    epochs = _trained(config, root, cores())
    training, data = _median(epochs, "training"), _median(epochs, "waiting")
    compute: float | None = training - data
    communication: float | None = 0.0
    if count > 1:
        part = one_part(config, count)
        compute = communication = None
        if part is not None:
            alone = _trained(part, root, max(1, cores() // count))
            compute = _median(alone, "training") - _median(alone, "waiting")
            communication = max(0.0, training - data - compute)
    seconds = _median(epochs, "seconds")
    return Measured(count, seconds, compute, data, communication, seconds - training)


def one_part(config: Mapping[str, Any], count: int) -> dict[str, Any] | None:
    """A config in which one device trains on as many batches as large as its part of each; None if it cannot."""
    trainer = build(config["trainer"])
    if "steps" not in inspect.signature(trainer).parameters:
        return None
    samples = build(config["data"]).size("train")
    batch_size = -(-config["batch_size"] // count)
    return {
        **config,
        "batch_size": batch_size,
        "accumulate": min(config["accumulate"], batch_size),
        "strategy": {**config["strategy"], "devices": 1},
        "trainer": {**config["trainer"], "steps": math.ceil(samples / config["batch_size"])},
    }


def _median(epochs: Sequence[Epoch], part: str) -> float:
    return median(getattr(epoch, part) for epoch in epochs[1:])


def _trained(config: Mapping[str, Any], root: Path, threads: int) -> list[Epoch]:
    """Train in a fresh process with `threads` threads for all that it starts."""
    each = max(1, threads // (1 if config["trainer"].get("framework") == "keras" else config["strategy"]["devices"]))
    with tempfile.TemporaryDirectory(prefix="twin-") as folder:
        job, result = Path(folder) / "job.json", Path(folder) / "times.json"
        job.write_text(json.dumps({"config": config, "result": str(result)}))
        command = [sys.executable, "-m", "twinlib.scaling.worker", str(job), str(os.getpid())]
        code = subprocess.run(command, cwd=root, env=os.environ | limits(each)).returncode
        if code:
            raise RunFailed(code if code > 0 else 1)
        epochs = [Epoch(**times) for times in json.loads(result.read_text())]
    if len(epochs) < 2:
        raise UserError("early_stopping: ended the training in its first epoch; set early_stopping.patience=null")
    return epochs
