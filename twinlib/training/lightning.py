"""Training and using torch models by Lightning.

The Trainer brings devices and precision; the steps are taken here (manual optimization), so that every key means what
it means in Keras. Inputs and outputs are channels last outside of the model and channels first inside.
"""

import logging
import os
import signal
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

# Read once, on import. torch's threads spin while they wait for each other. As long as is the default is too long once
# another process wants the processors too: they are taken from the very thread that is waited for, and a step takes
# several times as long.
os.environ.setdefault("GOMP_SPINCOUNT", "10000")

import torch
from lightning.pytorch import LightningModule, Trainer, seed_everything
from lightning.pytorch.plugins.precision import DoublePrecision, MixedPrecision, Precision
from lightning.pytorch.utilities.exceptions import SIGTERMException
from torch import Tensor, nn

from twinlib.config.build import build
from twinlib.data.dataset import Dataset
from twinlib.errors import UserError
from twinlib.training.course import Course, parts
from twinlib.training.memory import keep_freed_memory
from twinlib.training.outcome import Outcome, Report, Silent

# The environment is written to, not read.
__code_deps__: list[str] = []

WEIGHTS = "weights.pt"
OUTPUTS: dict[str, Callable[[Tensor], Tensor]] = {
    "identity": lambda raw: raw,
    "sigmoid": torch.sigmoid,
    "softmax": lambda raw: torch.softmax(raw, dim=-1),
}


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
) -> Outcome:
    """Train the model of `config`, evaluate it, and leave its weights in `folder`.

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

    Raises
    ------
    UserError
        A loss is not finite, or this machine cannot honour the config.
    """
    device = _device(config["strategy"]["accelerator"])
    precision = _precision(config["strategy"]["precision"], device)
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)  # banners and tips
    logging.getLogger("lightning.fabric").setLevel(logging.ERROR)
    # Deterministic torch fills new memory, against operations that read it unset: a check for a twentieth of the time.
    torch.utils.deterministic.fill_uninitialized_memory = False
    keep_freed_memory()
    seed_everything(config["seed"], verbose=False)
    module = Module(config, Course(config, dataset, report or Silent(), steps), precision, folder, compile)
    trainer = Trainer(
        accelerator=device,
        devices=1,
        plugins=[precision],
        max_epochs=config["epochs"],
        deterministic=deterministic,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        default_root_dir=folder,
    )
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "`isinstance.treespec, LeafSpec.` is deprecated")  # Lightning's own
        try:
            trainer.fit(module, train_dataloaders=Epochs(module.course))
        except SIGTERMException:  # which is an exit, with code 0
            raise SystemExit(128 + signal.SIGTERM) from None
        except SystemExit:  # what Lightning makes of Ctrl-C
            raise KeyboardInterrupt from None
    assert module.outcome is not None
    return module.outcome


def predictor(config: Mapping[str, Any], folder: Path) -> Callable[[np.ndarray], np.ndarray]:
    """The trained model as a function: preprocessed inputs (n, …, channels) -> predictions (n, …).

    Raises
    ------
    UserError
        The weights in `folder` do not fit the model.
    """
    device = "cpu" if config["strategy"]["accelerator"] == "cpu" else _device("auto")
    wanted = config["strategy"]["precision"]
    precision = _precision("32" if (wanted, device) == ("16-mixed", "cpu") else wanted, device)
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
                (batch,) = _tensors(precision, device, inputs[start : start + config["batch_size"]])
                predictions.append(output(_call(model, batch)).numpy(force=True))
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


class Module(LightningModule):
    """A model, its loss and its optimizer on the way through a course."""

    def __init__(
        self, config: dict[str, Any], course: Course, precision: Precision, folder: Path, compile: bool
    ) -> None:
        super().__init__()
        self.automatic_optimization = False
        self.config = config
        self.course = course
        self.precision = precision
        self.file = folder / WEIGHTS
        self.model: nn.Module = precision.convert_module(build(config["model"]))
        self.compiled: Callable[[Tensor], Tensor] = torch.compile(self.model) if compile else self.model
        self.penalty: Callable[[], Tensor] | None = getattr(self.model, "penalty", None)
        self.loss = build(config["loss"])
        self.output = OUTPUTS[config["output"]]
        self.best: dict[str, Tensor] | None = None
        self.loss_sum: Tensor | float = 0.0
        self.outcome: Outcome | None = None

    def configure_optimizers(self) -> torch.optim.Optimizer:
        optimizer = build(self.config["optimizer"])
        return optimizer(self.model.parameters(), lr=self.config["lr"])  # type: ignore[no-any-return]

    def on_train_epoch_start(self) -> None:
        self.loss_sum = 0.0
        self.course.begin_epoch()

    def training_step(self, batch: tuple[np.ndarray, np.ndarray, int], batch_idx: int) -> None:
        optimizer: Any = self.optimizers()
        for group in optimizer.param_groups:
            group["lr"] = self.course.learning_rate()
        optimizer.zero_grad()
        inputs, targets = _tensors(self.precision, self.device, *batch[:2])
        for part in parts(len(inputs), self.config["accumulate"]):
            losses = self.loss(_call(self.compiled, inputs[part]), targets[part])
            # What the model adds to the loss (a regularisation) counts once a batch, as what layers add in Keras.
            penalty = self.penalty() * (len(losses) / len(inputs)) if self.penalty else 0.0
            self.manual_backward(losses.sum() / len(inputs) + penalty)
            # Stays on the device: to read it at each step would wait for the device at each step.
            self.loss_sum += losses.detach().sum(dtype=torch.float64)
        self.clip()
        optimizer.step()
        self.course.stepped()

    def clip(self) -> None:
        """Clip the gradient by norm and then by value; both limits are scaled as 16-mixed has scaled the gradient."""
        clip_norm, clip_value = self.config["clip_norm"], self.config["clip_value"]
        gradients = [parameter.grad for parameter in self.model.parameters() if parameter.grad is not None]
        scaler = getattr(self.precision, "scaler", None)
        scale = scaler.get_scale() if scaler and (clip_norm or clip_value) else 1.0
        if clip_norm:
            factor = (clip_norm * scale / nn.utils.get_total_norm(gradients)).clamp(max=1.0)
            for gradient in gradients:
                gradient.mul_(factor)
        if clip_value:
            for gradient in gradients:
                gradient.clamp_(-clip_value * scale, clip_value * scale)

    def on_train_epoch_end(self) -> None:
        with self.evaluating():
            keep = self.course.end_epoch(float(self.loss_sum), self.measure)
        if keep and self.config["checkpoint"] == "best":
            self.best = {name: value.detach().clone() for name, value in self.model.state_dict().items()}
        self.trainer.should_stop = self.course.over

    def on_train_end(self) -> None:
        if self.best is not None:
            self.model.load_state_dict(self.best)
        torch.save({name: value.cpu() for name, value in self.model.state_dict().items()}, self.file)
        with self.evaluating():
            self.outcome = self.course.outcome(self.measure, self.file.name)

    @contextmanager
    def evaluating(self) -> Iterator[None]:
        """The model evaluates and does not learn."""
        self.model.eval()
        with torch.inference_mode(), self.precision.forward_context():
            yield
        self.model.train()

    def measure(self, inputs: np.ndarray, targets: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Losses, shape (n,), and predictions, shape (n, …), of one batch."""
        batch, wanted = _tensors(self.precision, self.device, inputs, targets)
        raw = _call(self.compiled, batch)
        return self.loss(raw, wanted).numpy(force=True), self.output(raw).numpy(force=True)


def _call(model: Callable[[Tensor], Tensor], inputs: Tensor) -> Tensor:
    """Channels last -> channels last, for a model that has them first; at least float32 comes out."""
    raw = model(inputs.movedim(-1, 1) if inputs.ndim > 2 else inputs)
    raw = raw.float() if raw.dtype in (torch.float16, torch.bfloat16) else raw
    return raw.movedim(1, -1) if raw.ndim > 2 else raw


def _tensors(precision: Precision, device: Any, *arrays: np.ndarray) -> list[Tensor]:
    tensors: list[Tensor] = precision.convert_input([torch.tensor(array, device=device) for array in arrays])
    return tensors


def _device(accelerator: str) -> str:
    """`cpu` or `cuda`, which is also what AMD's GPUs go by."""
    if accelerator == "gpu" and not torch.cuda.is_available():
        raise UserError("strategy.accelerator=gpu: torch finds no GPU here; use auto or cpu")
    return "cuda" if accelerator != "cpu" and torch.cuda.is_available() else "cpu"


def _precision(precision: str, device: str) -> Precision:
    if precision == "16-mixed" and device == "cpu":
        raise UserError("strategy.precision=16-mixed: needs a GPU; a CPU can bf16-mixed, 32 or 64")
    # 32 is what it says: without this, convolutions on a GPU round their factors to 10 bits.
    torch.backends.cudnn.conv.fp32_precision = "ieee"
    torch.backends.cuda.matmul.fp32_precision = "ieee"
    if precision == "64":
        return DoublePrecision()
    return MixedPrecision(precision, device) if precision.endswith("mixed") else Precision()
