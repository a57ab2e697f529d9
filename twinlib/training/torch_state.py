"""The state of a torch model and its optimizer as numpy arrays and JSON, and back.

Tensors that are sharded over several processes are gathered, so every process must call these functions.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.distributed.tensor import DTensor, distribute_tensor
from torch.optim import Optimizer


def whole(tensor: Tensor) -> Tensor:
    """A tensor of its own on the CPU, with all shards."""
    tensor = tensor.detach()
    return (tensor.full_tensor() if isinstance(tensor, DTensor) else tensor).cpu()


def to_array(tensor: Tensor) -> np.ndarray:
    """The numbers of a tensor, all shards of it."""
    tensor = whole(tensor)
    if tensor.dtype is torch.bfloat16:  # which numpy does not know
        import ml_dtypes

        return tensor.view(torch.uint16).numpy().view(ml_dtypes.bfloat16)
    return tensor.numpy()  # type: ignore[no-any-return]


def from_array(array: np.ndarray, like: Tensor) -> Tensor:
    """The tensor with these numbers, sharded as `like` is."""
    if array.dtype.name == "bfloat16":
        tensor = torch.tensor(array.view(np.uint16)).view(torch.bfloat16)
    else:
        tensor = torch.tensor(array)
    if isinstance(like, DTensor) and like.shape == tensor.shape:
        return distribute_tensor(tensor.to(like.device), like.device_mesh, like.placements)
    return tensor


def model_arrays(state: Mapping[str, Tensor], prefix: str) -> dict[str, np.ndarray]:
    """The entries of a model's state."""
    return {f"{prefix}/{name}": to_array(value) for name, value in state.items()}


def model_state(arrays: Mapping[str, np.ndarray], prefix: str, like: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """What `model_arrays` was given; `like` is the state of a model of the same kind."""
    return {name: from_array(arrays[f"{prefix}/{name}"], value) for name, value in like.items()}


def optimizer_arrays(optimizer: Optimizer) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """What an optimizer remembers: its tensors, and as JSON its numbers."""
    saved = optimizer.state_dict()
    arrays: dict[str, np.ndarray] = {}
    numbers: dict[str, dict[str, Any]] = {}
    for parameter, memory in saved["state"].items():
        for name, value in memory.items():
            if isinstance(value, Tensor):
                arrays[f"optimizer/{parameter}/{name}"] = to_array(value)
            else:
                numbers.setdefault(str(parameter), {})[name] = value
    groups = [{key: value for key, value in group.items() if _is_number(value)} for group in saved["param_groups"]]
    return arrays, {"numbers": numbers, "groups": groups}


def restore_optimizer(optimizer: Optimizer, arrays: Mapping[str, np.ndarray], state: Mapping[str, Any]) -> None:
    """Give a new optimizer what `optimizer_arrays` took from one of the same kind."""
    parameters: list[Tensor] = [each for group in optimizer.param_groups for each in group["params"]]
    memory: dict[int, dict[str, Any]] = {int(index): dict(values) for index, values in state["numbers"].items()}
    for name in _beginning_with("optimizer/", arrays):
        _, index, key = name.split("/", 2)
        memory.setdefault(int(index), {})[key] = from_array(arrays[name], parameters[int(index)])
    groups = [
        {**group, **saved} for group, saved in zip(optimizer.state_dict()["param_groups"], state["groups"], strict=True)
    ]
    optimizer.load_state_dict({"state": memory, "param_groups": groups})


def _is_number(value: Any) -> bool:
    return isinstance(value, bool | int | float)


def _beginning_with(prefix: str, names: Iterable[str]) -> list[str]:
    return [name for name in names if name.startswith(prefix)]
