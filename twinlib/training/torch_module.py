"""One torch model on its way through a training, in one process or as one of several.

The steps are taken here and not by Lightning (manual optimization), so that every key means what it means in Keras and
so that the same samples in the same batches give the same gradient however many processes share them.
"""

import random
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import torch
from lightning.pytorch import LightningModule
from lightning.pytorch.plugins.precision import Precision
from torch import Tensor, nn

from twinlib.config.build import build
from twinlib.data.order import parts_of
from twinlib.errors import UserError
from twinlib.training.checkpoint import Checkpoints
from twinlib.training.course import Course
from twinlib.training.outcome import Outcome
from twinlib.training.seeds import epoch_seed
from twinlib.training.torch_batch_norm import has_batch_norm, synchronise
from twinlib.training.torch_processes import Processes, shard
from twinlib.training.torch_state import model_arrays, model_state, optimizer_arrays, restore_optimizer, whole
from twinlib.training.torch_tensors import OUTPUTS, call, tensors_of

WEIGHTS = "weights.pt"


class Module(LightningModule):
    """A model, its loss and its optimizer on the way through a course."""

    def __init__(
        self,
        config: dict[str, Any],
        course: Course,
        checkpoints: Checkpoints,
        processes: Processes,
        precision: Precision,
        folder: Path,
        compile: bool,
        device: str,
    ) -> None:
        super().__init__()
        self.automatic_optimization = False
        self.config = config
        self.course = course
        self.checkpoints = checkpoints
        self.processes = processes
        self.precision = precision
        self.file = folder / WEIGHTS
        self.compile_model = compile
        self.model: nn.Module = precision.convert_module(build(config["model"]))
        if processes.size > 1:
            self.model = synchronise(self.model, device)
        # Passes of the model in which its processes wait for each other, also when one has no samples.
        self.joint = processes.size > 1 and (processes.sharded or has_batch_norm(self.model))
        self.penalty: Callable[[], Tensor] | None = getattr(self.model, "penalty", None)
        if self.penalty and processes.sharded:
            raise UserError("strategy=sharded: the model has a penalty, for which it needs all weights at once")
        self.loss = build(config["loss"])
        self.output = OUTPUTS[config["output"]]
        self.best: dict[str, Tensor] | None = None
        self.loss_sum: Tensor = torch.zeros((), dtype=torch.float64)
        self.outcome: Outcome | None = None

    def configure_model(self) -> None:
        if self.processes.sharded:
            shard(self.model, self.device_mesh["data_parallel"])  # type: ignore[index]
        self.compiled: Callable[[Tensor], Tensor] = torch.compile(self.model) if self.compile_model else self.model

    def configure_optimizers(self) -> torch.optim.Optimizer:
        optimizer: torch.optim.Optimizer = build(self.config["optimizer"])(
            self.model.parameters(), lr=self.config["lr"]
        )
        for group in optimizer.param_groups if self.processes.sharded else ():
            group["fused"] = False  # torch has no fused gradient descent of shards
        return optimizer

    def on_train_start(self) -> None:
        found = self.processes.from_first(self.checkpoints.latest())
        if found is not None:
            self.restore(*found)
        self.trainer.should_stop = self.course.over

    def on_train_epoch_start(self) -> None:
        self.loss_sum = torch.zeros((), dtype=torch.float64, device=self.device)
        self.course.begin_epoch()
        seed = epoch_seed(self.config["seed"], self.course.epoch, self.processes.rank)
        random.seed(seed)
        np.random.seed(seed)
        torch.manual_seed(seed)

    def training_step(self, batch: tuple[np.ndarray, np.ndarray, int], batch_idx: int) -> None:
        optimizer: Any = self.optimizers()
        for group in optimizer.param_groups:
            group["lr"] = self.course.learning_rate()
        optimizer.zero_grad()
        inputs, targets = tensors_of(self.precision, self.device, *batch[:2])
        samples = batch[2]
        # All processes take as many rounds, so that they meet in each.
        rounds = min(self.config["accumulate"], self.processes.longest(samples))
        for number, part in enumerate(parts_of(len(inputs), rounds), 1):
            with self.reducing(number == rounds):
                loss = self.summed(inputs[part], targets[part]) / samples
                # What the model adds to the loss (a regularisation) counts once a batch, as what layers add in Keras.
                share = (part.stop - part.start) / samples
                loss = loss + self.penalty() * share if self.penalty else loss
                # The gradient that is taken from several processes is their mean.
                self.manual_backward(loss * self.processes.size)
        self.clip()
        optimizer.step()
        self.course.stepped()

    def summed(self, inputs: Tensor, targets: Tensor) -> Tensor:
        """The sum of the losses of this process's samples, of which there may be none."""
        if len(inputs):
            losses = self.loss(call(self.compiled, inputs), targets)
            # Stays on the device: to read it at each step would wait for the device at each step.
            self.loss_sum += losses.detach().sum(dtype=torch.float64)
            return losses.sum()  # type: ignore[no-any-return]
        if self.joint:
            return call(self.compiled, inputs).sum()
        # No gradient, but one that the others can wait for.
        return sum((parameter.sum() for parameter in self.model.parameters()), torch.zeros(())) * 0.0

    @contextmanager
    def reducing(self, last: bool) -> Iterator[None]:
        """A backward pass whose gradients are summed over the processes, if it is the last of a batch."""
        if self.processes.sharded:
            self.model.set_requires_gradient_sync(last)
        waits = self.processes.size == 1 or self.processes.sharded or last
        with nullcontext() if waits else self.trainer.strategy.model.no_sync():
            yield

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
            keep = self.course.end_epoch(float(self.processes.sum(self.loss_sum)), self.measure)
        if keep and self.config["checkpoint"] == "best":
            self.best = {name: value.detach().clone() for name, value in self.model.state_dict().items()}
        if self.processes.from_first(self.checkpoints.due()):
            self.write_checkpoint()
        self.trainer.should_stop = self.course.over

    def on_train_end(self) -> None:
        if self.best is not None:
            self.model.load_state_dict(self.best)
        weights = {name: whole(value) for name, value in self.model.state_dict().items()}
        if self.processes.rank == 0:
            torch.save(weights, self.file)
        with self.evaluating():
            self.outcome = self.course.outcome(self.measure, self.file.name)

    def write_checkpoint(self) -> None:
        """Write what `restore` needs to go on after this epoch."""
        if self.processes.rank and not self.processes.sharded:
            return
        arrays, optimizer = optimizer_arrays(self.optimizers(use_pl_optimizer=False))
        arrays |= model_arrays(self.model.state_dict(), "model") | model_arrays(self.best or {}, "best")
        scaler = getattr(self.precision, "scaler", None)
        state = {"course": self.course.state(), "optimizer": optimizer, "best": self.best is not None}
        self.checkpoints.write(self.course.epoch, arrays, state | {"scaler": scaler.state_dict() if scaler else None})

    def restore(self, arrays: Mapping[str, np.ndarray], state: Mapping[str, Any]) -> None:
        """Go on after the epoch that was written."""
        like = self.model.state_dict()
        self.model.load_state_dict(model_state(arrays, "model", like))
        restore_optimizer(self.optimizers(use_pl_optimizer=False), arrays, state["optimizer"])
        if state["best"]:
            self.best = model_state(arrays, "best", like)
        scaler = getattr(self.precision, "scaler", None)
        if scaler and state["scaler"]:
            scaler.load_state_dict(state["scaler"])
        self.course.restore(state["course"])

    @contextmanager
    def evaluating(self) -> Iterator[None]:
        """The model evaluates and does not learn."""
        self.model.eval()
        # Shards are put together in tensors that are used for training as well.
        without_gradients = torch.no_grad() if self.processes.sharded else torch.inference_mode()
        with without_gradients, self.precision.forward_context():
            yield
        self.model.train()

    def measure(self, inputs: np.ndarray, targets: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Losses, shape (n,), and predictions, shape (n, …), of one batch."""
        part = self.processes.part(len(inputs))
        mine = slice(0, 1) if part.start == part.stop else part  # for the shapes, when there is nothing to do
        batch, wanted = tensors_of(self.precision, self.device, inputs[mine], targets[mine])
        raw = call(self.compiled, batch)
        count = part.stop - part.start
        losses, predictions = (
            self.processes.whole(value[:count], len(inputs)) for value in (self.loss(raw, wanted), self.output(raw))
        )
        return losses.numpy(force=True), predictions.numpy(force=True)
