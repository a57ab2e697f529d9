"""Batch normalisation over the whole batch of several processes, on any device.

torch's own `SyncBatchNorm` refuses CPUs.
"""

from typing import Any

import torch
from torch import Tensor, distributed, nn
from torch.nn.modules.batchnorm import _BatchNorm


def synchronise(model: nn.Module, device: str) -> nn.Module:
    """Let every batch norm of a model take its mean and variance over all processes."""
    if device == "cuda":
        return nn.SyncBatchNorm.convert_sync_batchnorm(model)  # type: ignore[no-any-return]
    for module in model.modules():
        if isinstance(module, _BatchNorm):
            module.__class__ = BatchNorm  # the same weights under the same names
    return model


def has_batch_norm(model: nn.Module) -> bool:
    """Must each process join each forward pass of this model, with an empty batch where it has none?"""
    return any(isinstance(module, _BatchNorm) for module in model.modules())


class BatchNorm(_BatchNorm):
    """What `nn.BatchNorm1d` and its like are, over the samples of all processes; a part may be empty."""

    def forward(self, inputs: Tensor) -> Tensor:
        if not self.training:
            return super().forward(inputs)  # type: ignore[no-any-return]
        dims = [0, *range(2, inputs.ndim)]
        shape = [1, -1] + [1] * (inputs.ndim - 2)
        wide = inputs.float() if inputs.dtype in (torch.float16, torch.bfloat16) else inputs
        # The number goes with the sums, to save a message.
        count = wide.new_full((1,), inputs.numel() // inputs.shape[1])
        total, n = _Sum.apply(torch.cat([wide.sum(dims), count])).split([inputs.shape[1], 1])
        mean = total / n
        centered = wide - mean.view(shape)
        variance = _Sum.apply(centered.square().sum(dims)) / n
        self._remember(mean.detach(), variance.detach(), n.detach())
        normal = centered * torch.rsqrt(variance + self.eps).view(shape)
        if self.affine:
            normal = normal * self.weight.view(shape) + self.bias.view(shape)
        return normal.to(inputs.dtype)

    def _remember(self, mean: Tensor, variance: Tensor, n: Tensor) -> None:
        if not self.track_running_stats:
            return
        self.num_batches_tracked += 1
        momentum = 1 / float(self.num_batches_tracked) if self.momentum is None else self.momentum
        self.running_mean.lerp_(mean.to(self.running_mean.dtype), momentum)
        self.running_var.lerp_((variance * n / (n - 1)).to(self.running_var.dtype), momentum)

    def _check_input_dim(self, input: Tensor) -> None:
        """Was that of the class that it was."""


class _Sum(torch.autograd.Function):
    """The sum over all processes, of values and of gradients."""

    @staticmethod
    def forward(ctx: Any, value: Tensor) -> Tensor:
        value = value.clone()
        distributed.all_reduce(value)
        return value

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:  # type: ignore[override]
        gradient = gradient.clone()
        distributed.all_reduce(gradient)
        return gradient
