"""States of optimizers as arrays and JSON, for checkpoints."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

_ARRAY = "array"


def packed(state: Any, name: str = "state") -> tuple[dict[str, np.ndarray], Any]:
    """Dictionaries (keys of text), lists, numbers and tensors -> the tensors by name, and the rest as JSON has it."""
    arrays: dict[str, np.ndarray] = {}

    def walk(node: Any, path: str) -> Any:
        if isinstance(node, Tensor):
            arrays[path] = node.detach().numpy()
            return {_ARRAY: path}
        if isinstance(node, Mapping):
            return {"keys": {str(key): walk(value, f"{path}/{key}") for key, value in node.items()}}
        if isinstance(node, list | tuple):
            return [walk(value, f"{path}/{number}") for number, value in enumerate(node)]
        return node

    return arrays, walk(state, name)


def unpacked(arrays: Mapping[str, np.ndarray], tree: Any) -> Any:
    """The state again, its tensors copies."""
    if isinstance(tree, dict):
        if _ARRAY in tree:
            return torch.from_numpy(arrays[tree[_ARRAY]].copy())
        return {key: unpacked(arrays, value) for key, value in tree["keys"].items()}
    if isinstance(tree, list):
        return [unpacked(arrays, value) for value in tree]
    return tree
