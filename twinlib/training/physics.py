"""Training and using solutions of equations.

An epoch is some iterations of an optimizer on all points at once, and one row of the history. Lightning's Trainer leads
through the epochs; the iterations are taken here, since second-order methods need residuals rather than a gradient.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

# Before torch, for which it sets the environment.
from twinlib.training.torch_trainer import fit, silence

# isort: split
import torch
from lightning.pytorch import seed_everything

from twinlib.config.build import build
from twinlib.errors import UserError
from twinlib.physics.continuation import approach
from twinlib.physics.marching import go_on
from twinlib.physics.problem import Problem
from twinlib.physics.transfer import begin_from
from twinlib.training.checkpoint import Checkpoints
from twinlib.training.outcome import Outcome, Report, Silent
from twinlib.training.physics_module import WEIGHTS, Module, evaluated, solution_of

PRECISIONS = {"32": torch.float32, "64": torch.float64}


def train(
    *,
    config: dict[str, Any],
    dataset: Problem,
    folder: Path,
    report: Report | None = None,
    framework: str = "torch",
    iterations: int = 10,
    start: str | None = None,
    resample: int | None = None,
    refine: Mapping[str, Any] | None = None,
    continuation: Sequence[Mapping[str, Any]] | None = None,
    steps: int | None = None,
    resume: Path | None = None,
) -> Outcome:
    """Train the model of `config` on the residuals of a problem, evaluate it, and leave its weights in `folder`.

    Parameters
    ----------
    config
        The whole resolved config.
    dataset
        The problem.
    iterations
        Of the optimizer, in one epoch.
    start
        The file with the weights of an earlier run, to begin from.
    resample, refine
        When and how the points change: see `twinlib.physics.training_points`.
    continuation
        Easier problems that come first: see `twinlib.physics.continuation`.
    steps
        At most so many iterations in an epoch; None: all.
    resume
        Folder of the checkpoints of this run, from which it goes on if there are some; None: nothing is kept.

    Raises
    ------
    UserError
        A loss is not finite, or the config asks for what a problem does not have.
    """
    _refuse(config)
    if iterations < 1:
        raise UserError(f"trainer.iterations={iterations}: give a whole number, 1 or more")
    silence()
    with in_precision(config):
        moving = {"resample": resample, "refine": refine}
        # One training, or several one after the other: easier problems for half of the time, and windows of time.
        easier, windows = approach(config["data"], continuation), dataset.stages()
        share = max(config["epochs"] // (2 * len(easier)), 1) if easier else 0
        left = max(config["epochs"] - share * len(easier), 1)
        stages = [(each, share) for each in easier] + [(each, max(left // len(windows), 1)) for each in windows]
        module = None
        for number, (problem, epochs) in enumerate(stages):
            seed_everything(config["seed"], verbose=False)  # for each, so that one may be taken up without those before
            earlier = module
            module = Module(config, problem, report or Silent(), min(iterations, steps or iterations), folder, moving)
            if earlier is not None:
                go_on(module.solution, earlier.solution)
                module.before = earlier.before + earlier.history
            elif start is not None:
                begin_from(module.solution, Path(start), "trainer.start")
            own = resume / f"stage{number}" if resume is not None and len(stages) > 1 else resume
            module.checkpoints = Checkpoints(own, config["checkpoint_seconds"])
            _fit(module, epochs, folder)
            if len(stages) > 1:  # a later one begins with what this one has kept
                module.checkpoints.write(len(module.history), *module.state())
        assert module is not None
        return module.outcome()


def _fit(module: Module, epochs: int, folder: Path) -> None:
    """Train, or go on from a checkpoint, up to a number of epochs."""
    if (kept := module.checkpoints.latest()) is not None:
        module.restore(*kept)
        if not module.goes_on or len(module.history) >= epochs:
            module.on_train_end()
            return
    fit(
        module,
        [0],  # one call of `training_step` an epoch
        folder,
        accelerator="cpu",
        devices=1,
        max_epochs=epochs - len(module.history),
        deterministic=True,
    )


def predictor(config: Mapping[str, Any], folder: Path) -> Callable[[np.ndarray], np.ndarray]:
    """The solution as a function: points, shape (n, inputs) -> fields, shape (n, fields).

    Raises
    ------
    UserError
        The weights in `folder` do not fit the model.
    """
    with in_precision(config):
        # A file with a reference need not be where a solution is used.
        solution = solution_of(config, build({**config["data"], "reference": {}}))
        try:
            solution.load_state_dict(torch.load(folder / WEIGHTS, map_location="cpu", weights_only=True))
        except RuntimeError as error:
            reason = str(error).splitlines()[-1].strip()
            raise UserError(f"{folder / WEIGHTS}: not the weights of {config['model']['_target_']}: {reason}") from None

    def predict(points: np.ndarray) -> np.ndarray:
        with in_precision(config):
            return evaluated(solution, points)

    return predict


@contextmanager
def in_precision(config: Mapping[str, Any]) -> Iterator[None]:
    """New tensors have the precision of the strategy."""
    precision = config["strategy"]["precision"]
    if precision not in PRECISIONS:
        raise UserError(f"strategy.precision={precision}: an equation is solved in 64, or in 32")
    before = torch.get_default_dtype()
    torch.set_default_dtype(PRECISIONS[precision])
    try:
        yield
    finally:
        torch.set_default_dtype(before)


def _refuse(config: Mapping[str, Any]) -> None:
    """Keys that would do nothing."""
    for key, off in (("clip_norm", None), ("clip_value", None), ("metrics", {})):
        if config[key] != off:
            raise UserError(f"{key}={config[key]}: has no meaning in a problem of equations; leave it out")
    if config["strategy"]["accelerator"] == "gpu":
        raise UserError("strategy.accelerator=gpu: equations are solved on the CPU; use auto or cpu")
