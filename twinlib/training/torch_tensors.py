"""Arrays and tensors, the device that they are on and the precision that they are computed in."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from lightning.pytorch.plugins.precision import DoublePrecision, MixedPrecision, Precision
from torch import Tensor

from twinlib.errors import UserError

OUTPUTS: dict[str, Callable[[Tensor], Tensor]] = {
    "identity": lambda raw: raw,
    "sigmoid": torch.sigmoid,
    "softmax": lambda raw: torch.softmax(raw, dim=-1),
}


def call(model: Callable[[Tensor], Tensor], inputs: Tensor) -> Tensor:
    """Channels last -> channels last, for a model that has them first; at least float32 comes out."""
    raw = model(inputs.movedim(-1, 1) if inputs.ndim > 2 else inputs)
    raw = raw.float() if raw.dtype in (torch.float16, torch.bfloat16) else raw
    return raw.movedim(1, -1) if raw.ndim > 2 else raw


def tensors_of(precision: Precision, device: Any, *arrays: np.ndarray) -> list[Tensor]:
    tensors = [torch.tensor(array) for array in arrays]
    if torch.device(device).type == "cuda":
        # From pinned memory a copy needs nobody to wait for it.
        tensors = [tensor.pin_memory().to(device, non_blocking=True) for tensor in tensors]
    converted: list[Tensor] = precision.convert_input(tensors)
    return converted


def device_of(accelerator: str) -> str:
    """`cpu` or `cuda`, which is also what AMD's GPUs go by."""
    if accelerator == "gpu" and not torch.cuda.is_available():
        raise UserError("strategy.accelerator=gpu: torch finds no GPU here; use auto or cpu")
    return "cuda" if accelerator != "cpu" and torch.cuda.is_available() else "cpu"


def precision_of(precision: str, device: str, tf32: bool) -> Precision:
    if precision == "16-mixed" and device == "cpu":
        raise UserError("strategy.precision=16-mixed: needs a GPU; a CPU can bf16-mixed, 32 or 64")
    # 32 is what it says: without this, convolutions on a GPU round their factors to 10 bits.
    torch.backends.cudnn.conv.fp32_precision = "tf32" if tf32 else "ieee"
    torch.backends.cuda.matmul.fp32_precision = "tf32" if tf32 else "ieee"
    if precision == "64":
        return DoublePrecision()
    return MixedPrecision(precision, device) if precision.endswith("mixed") else Precision()
