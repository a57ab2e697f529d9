"""The torch processes that train one model together, one a device, as torchrun's variables describe them."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from lightning.pytorch.plugins.environments import TorchElasticEnvironment
from lightning.pytorch.strategies import DDPStrategy, ModelParallelStrategy
from torch import Tensor, distributed, nn
from torch.distributed.fsdp import fully_shard

from twinlib.data.order import parts_of
from twinlib.errors import UserError

# Which process does what part of the work changes the rounding of a result and no more.
__code_deps__: list[str] = []


@dataclass(frozen=True)
class Processes:
    """Who takes part; `rank` is this one's number of `size`, `name` that of the strategy."""

    name: str
    rank: int = 0
    size: int = 1
    on_this_node: int = 1

    @classmethod
    def of(cls, strategy: Mapping[str, Any]) -> "Processes":
        """As the environment says, which must be what the strategy asks for.

        Raises
        ------
        UserError
            There are more processes or fewer than `devices * nodes`.
        """
        if strategy["name"] == "single":
            return cls("single")
        wanted = strategy["devices"] * strategy["nodes"]
        size = int(os.environ.get("WORLD_SIZE", 1))
        if size != wanted:
            raise UserError(
                f"strategy.devices={strategy['devices']}, strategy.nodes={strategy['nodes']}: needs {wanted} processes "
                f"and there are {size}; start it by `python train.py`, or by torchrun or srun with as many"
            )
        here = int(os.environ.get("LOCAL_WORLD_SIZE", strategy["devices"]))
        return cls(strategy["name"] if size > 1 else "single", int(os.environ.get("RANK", 0)), size, here)

    @property
    def sharded(self) -> bool:
        """Does each process hold a part of the weights only?"""
        return self.name == "sharded"

    def trainer_options(self) -> dict[str, Any]:
        """What Lightning's Trainer must know."""
        if self.size == 1:
            return {"devices": 1}
        strategy: Any
        if self.sharded:
            strategy = ModelParallelStrategy(data_parallel_size=self.size, tensor_parallel_size=1)
        else:
            # Buffers are those of batch norms, which are synchronised at each step anyway.
            strategy = DDPStrategy(forward_sync_buffers=False, gradient_as_bucket_view=True)
        return {"devices": self.on_this_node, "num_nodes": self.size // self.on_this_node, "strategy": strategy}

    def plugins(self) -> list[Any]:
        """Where Lightning finds the other processes."""
        return [TorchElasticEnvironment()] if self.size > 1 else []

    def part(self, samples: int) -> slice:
        """This process's part of a batch; may be empty."""
        return parts_of(samples, self.size)[self.rank]

    def longest(self, samples: int) -> int:
        """Samples in the longest part of a batch."""
        return -(-samples // self.size)

    def sum(self, value: Tensor) -> Tensor:
        """The sum of a tensor over all processes, in each of them."""
        if self.size > 1:
            distributed.all_reduce(value)
        return value

    def whole(self, part: Tensor, samples: int) -> Tensor:
        """Each process's part of a batch -> the whole batch in its order, in each of them."""
        if self.size == 1:
            return part
        # Collectives want one shape. What fills it up is cut off again.
        mine = part.new_zeros((self.longest(samples), *part.shape[1:]))
        mine[: len(part)] = part
        gathered = [torch.empty_like(mine) for _ in range(self.size)]
        distributed.all_gather(gathered, mine)
        pairs = zip(gathered, parts_of(samples, self.size), strict=True)
        return torch.cat([each[: cut.stop - cut.start] for each, cut in pairs])

    def from_first(self, value: Any) -> Any:
        """What process 0 has of any object, in each of them."""
        values = [value]
        if self.size > 1:
            distributed.broadcast_object_list(values)
        return values[0]


def shard(model: nn.Module, mesh: Any) -> None:
    """Let each process hold its part of each layer's weights, and all of a layer's only while that is computed."""
    for layer in model.children():
        if isinstance(layer, nn.ModuleList | nn.ModuleDict):  # is no layer: nobody calls it
            for each in layer.children():
                shard(each, mesh)
        elif next(layer.parameters(), None) is not None:
            fully_shard(layer, mesh=mesh)
    fully_shard(model, mesh=mesh)
