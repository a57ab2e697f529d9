"""Training and using torch models by Lightning.

The Trainer brings devices, processes and precision; the steps are those of `twinlib.training.torch_module`. Inputs and
outputs are channels last outside of the model and channels first inside.
"""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

# Before torch, for which it sets the environment.
from twinlib.training.torch_trainer import fit, silence

# isort: split
import torch
from lightning.pytorch import seed_everything

from twinlib.config.build import build
from twinlib.data.dataset import Dataset
from twinlib.errors import UserError
from twinlib.training.checkpoint import Checkpoints
from twinlib.training.course import Course
from twinlib.training.memory import keep_freed_memory
from twinlib.training.outcome import Outcome, Report, Silent
from twinlib.training.torch_module import WEIGHTS, Module
from twinlib.training.torch_processes import Processes
from twinlib.training.torch_tensors import OUTPUTS, call, device_of, precision_of, tensors_of


def train(
    *,
    config: dict[str, Any],
    dataset: Dataset,
    folder: Path,
    report: Report | None = None,
    framework: str = "torch",
    deterministic: bool = True,
    compile: bool = False,
    steps: int | None = None,
    resume: Path | None = None,
) -> Outcome:
    """Train the model of `config`, evaluate it, and leave its weights in `folder`.

    Of several processes that train together each must call this; the first leaves the weights.

    Parameters
    ----------
    config
        The whole resolved config.
    deterministic
        Refuse operations whose result varies from run to run.
    compile
        Compile the model by torch.compile.
    steps
        At most so many batches in each epoch and evaluation; None: all.
    resume
        Folder of this run's checkpoints; where it has some, training goes on after the last. None: none are kept.

    Raises
    ------
    UserError
        A loss is not finite, or this machine cannot honour the config.
    """
    strategy = config["strategy"]
    if (strategy["name"], strategy["precision"]) == ("sharded", "16-mixed"):
        raise UserError("strategy.precision=16-mixed: not with strategy=sharded; use bf16-mixed")
    processes = Processes.of(strategy)
    device = device_of(strategy["accelerator"])
    precision = precision_of(strategy["precision"], device, strategy["tf32"])
    silence()
    # Deterministic torch fills new memory, against operations that read it unset: a check for a twentieth of the time.
    torch.utils.deterministic.fill_uninitialized_memory = False
    keep_freed_memory()
    seed_everything(config["seed"], verbose=False)
    course = Course(config, dataset, report or Silent(), steps, processes.rank, processes.size)
    checkpoints = Checkpoints(None if processes.rank else resume, config["checkpoint_seconds"])
    module = Module(config, course, checkpoints, processes, precision, folder, compile, device)
    fit(
        module,
        Epochs(course),
        folder,
        accelerator=device,
        plugins=[precision, *processes.plugins()],
        **processes.trainer_options(),
        max_epochs=config["epochs"],
        deterministic=deterministic,
    )
    assert module.outcome is not None
    return module.outcome


def predictor(config: Mapping[str, Any], folder: Path) -> Callable[[np.ndarray], np.ndarray]:
    """The trained model as a function: preprocessed inputs (n, …, channels) -> predictions (n, …).

    Raises
    ------
    UserError
        The weights in `folder` do not fit the model.
    """
    device = "cpu" if config["strategy"]["accelerator"] == "cpu" else device_of("auto")
    wanted = config["strategy"]["precision"]
    wanted = "32" if (wanted, device) == ("16-mixed", "cpu") else wanted
    precision = precision_of(wanted, device, config["strategy"].get("tf32", False))  # records of old have no such key
    model = build(config["model"])
    try:
        model.load_state_dict(torch.load(folder / WEIGHTS, map_location="cpu", weights_only=True))
    except RuntimeError as error:
        reason = str(error).splitlines()[-1].strip()
        raise UserError(f"{folder / WEIGHTS}: not the weights of {config['model']['_target_']}: {reason}") from None
    model = precision.convert_module(model).to(device).eval()
    output = OUTPUTS[config["output"]]

    def predict(inputs: np.ndarray) -> np.ndarray:
        predictions = []
        with torch.inference_mode(), precision.forward_context():
            for start in range(0, len(inputs) or 1, config["batch_size"]):
                (batch,) = tensors_of(precision, device, inputs[start : start + config["batch_size"]])
                predictions.append(output(call(model, batch)).numpy(force=True))
        return np.concatenate(predictions)

    return predict


class Epochs:
    """The batches of a course as Lightning wants them: something with a length, iterated once an epoch."""

    def __init__(self, course: Course) -> None:
        self._course = course

    def __len__(self) -> int:
        return self._course.steps

    def __iter__(self) -> Iterator[tuple[np.ndarray, np.ndarray, int]]:
        # Lightning asks for it before the first epoch begins; nothing is read until the first batch is wanted.
        return self._course.batches()
