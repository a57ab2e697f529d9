"""The devices that train one Keras model, each a copy of it, and what each of them gets of a batch."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from typing import Any

import numpy as np

from twinlib.data.order import parts_of
from twinlib.errors import UserError
from twinlib.training.keras_backend import tf

# What TensorFlow raises when it waits for a node in vain.
LOST = (
    tf.errors.AbortedError,
    tf.errors.CancelledError,
    tf.errors.DeadlineExceededError,
    tf.errors.InternalError,
    tf.errors.UnavailableError,
)


class Replicas:
    """All copies of a model, on this node and on others.

    Parameters
    ----------
    strategy
        Of TensorFlow; with one device on one node its default, which does nothing.
    devices
        Names of the devices on this node.
    nodes, node
        How many there are, and which of them this process is.

    Attributes
    ----------
    count
        Copies in all.
    """

    def __init__(self, strategy: tf.distribute.Strategy, devices: Sequence[str], nodes: int = 1, node: int = 0) -> None:
        self.strategy = strategy
        self.devices = list(devices)
        self.nodes, self.node = nodes, node
        self.count = nodes * len(self.devices)
        self._told = tf.function(lambda number: strategy.run(self._tell, (number,)))

    def scope(self) -> AbstractContextManager[Any]:
        """Where variables are made: one on each device."""
        return self.strategy.scope() if self.count > 1 else tf.device(self.devices[0])  # type: ignore[no-any-return]

    @contextmanager
    def meeting(self) -> Iterator[None]:
        """While this goes on, the nodes need each other: say in one line if another is gone."""
        try:
            yield
        except LOST as error:
            if self.nodes == 1:
                raise
            lines = str(error).splitlines()
            reason = next((line for line in lines if "abort" in line), lines[0])
            raise UserError(
                f"node {self.node} of {self.nodes}: another node has ended, or is not reached ({reason})"
            ) from None
        # Nobody leaves before all have what the last sums gave them.
        with suppress(*LOST):
            self.told(0)

    def slices(self, samples: int) -> list[slice]:
        """What each copy gets of a batch: of a node's part, its part. A small batch leaves some without any."""
        cuts = []
        for of_node in parts_of(samples, self.nodes):
            for part in parts_of(of_node.stop - of_node.start, len(self.devices)):
                cuts.append(slice(of_node.start + part.start, of_node.start + part.stop))
        return cuts

    def divided(self, inputs: np.ndarray, targets: np.ndarray) -> list[tuple[Any, Any]]:
        """This node's part of a batch, in parts for its devices."""
        if len(self.devices) == 1:
            return [(inputs, targets)]
        divided = []
        for device, part in zip(self.devices, parts_of(len(inputs), len(self.devices)), strict=True):
            with tf.device(device):
                divided.append((tf.convert_to_tensor(inputs[part]), tf.convert_to_tensor(targets[part])))
        return divided

    def of_node(self, inputs: np.ndarray, targets: np.ndarray) -> list[tuple[Any, Any]]:
        """As `divided`, of a whole batch."""
        part = parts_of(len(inputs), self.nodes)[self.node]
        return self.divided(inputs[part], targets[part])

    @property
    def here(self) -> int:
        """The number, among all copies, of the one that is being computed."""
        number = tf.distribute.get_replica_context().replica_id_in_sync_group
        return int(tf.get_static_value(tf.convert_to_tensor(number)))

    def mine(self, divided: Sequence[tuple[Any, Any]]) -> tuple[Any, Any]:
        """What the copy that is being computed gets of what `divided` gave."""
        return divided[self.here % len(self.devices)]

    def summed(self, values: list[Any]) -> list[Any]:
        """The sums over all copies of tensors of one type, in each copy."""
        if self.count == 1:
            return values
        dense = [tf.convert_to_tensor(value) for value in values]  # what an Embedding gives is not
        summed: list[Any] = tf.distribute.get_replica_context().all_reduce(tf.distribute.ReduceOp.SUM, dense)
        return summed

    def joined(self, value: Any, samples: int) -> Any:
        """What all copies made of their samples, shape (n, …), in order: shape (samples, …), in each copy."""
        if self.count == 1:
            return value
        mine = self.slices(samples)[self.here]
        around = [[mine.start, samples - mine.stop]] + [[0, 0]] * (len(value.shape) - 1)
        return self.summed([tf.pad(value, around)])[0]

    def local(self, value: Any) -> Sequence[Any]:
        """Of a distributed value, what each device of this node has."""
        local: Sequence[Any] = self.strategy.experimental_local_results(value)
        return local

    def told(self, number: float) -> np.ndarray:
        """What each node says when all come here, shape (nodes,)."""
        if self.nodes == 1:
            return np.array([number])
        said: np.ndarray = self.local(self._told(tf.constant(number, tf.float64)))[0].numpy()
        return said

    def _tell(self, number: Any) -> Any:
        """A first device says it for its node."""
        node, device = divmod(self.here, len(self.devices))
        return self.summed([tf.one_hot(node, self.nodes, dtype=tf.float64) * number * float(device == 0)])[0]


def replicas(strategy: Mapping[str, Any]) -> Replicas:
    """The devices that the keys of a strategy ask for.

    Raises
    ------
    UserError
        They are not there, or TensorFlow cannot use them so.
    """
    name, devices, nodes = strategy["name"], strategy["devices"], strategy["nodes"]
    if name == "sharded":
        raise UserError("strategy=sharded: divides torch models only; with Keras use strategy=data_parallel")
    gpus = tf.config.list_physical_devices("GPU")
    if strategy["accelerator"] == "gpu" and not gpus:
        raise UserError("strategy.accelerator=gpu: TensorFlow finds no GPU here; use auto or cpu")
    kind = "GPU" if gpus and strategy["accelerator"] != "cpu" else "CPU"
    if kind == "GPU" and len(gpus) < devices:
        raise UserError(f"strategy.devices={devices}: TensorFlow finds {len(gpus)} GPU here; use as many")
    if nodes > 1:
        return _on_nodes(devices, nodes, kind)
    names = [f"{kind}:{number}" for number in range(devices)]
    if devices == 1:
        return Replicas(tf.distribute.get_strategy(), names)
    if kind == "GPU":
        return Replicas(tf.distribute.MirroredStrategy(names), names)
    _divide_cpu(devices)
    # In one memory, a sum on one device: always in the same order, whatever the copies differ in.
    return Replicas(tf.distribute.MirroredStrategy(names, tf.distribute.ReductionToOneDevice()), names)


def _on_nodes(devices: int, nodes: int, kind: str) -> Replicas:
    resolver = tf.distribute.cluster_resolver.TFConfigClusterResolver()
    workers = resolver.cluster_spec().as_dict().get("worker", [])
    if len(workers) != nodes:
        raise UserError(
            f"strategy.nodes={nodes}: TF_CONFIG names {len(workers)} workers; let train.py or Slurm start them"
        )
    if kind == "CPU" and devices > 1:
        raise UserError(
            f"strategy.devices={devices}: with TensorFlow, each of several nodes has one CPU; use strategy.devices=1"
        )
    # This strategy takes all it sees.
    gpus = tf.config.list_physical_devices("GPU")
    tf.config.set_visible_devices(gpus[:devices] if kind == "GPU" else [], "GPU")
    strategy = tf.distribute.MultiWorkerMirroredStrategy(resolver)
    return Replicas(strategy, [f"{kind}:{number}" for number in range(devices)], nodes, int(resolver.task_id))


def _divide_cpu(devices: int) -> None:
    (cpu, *_) = tf.config.list_physical_devices("CPU")
    parts = len(tf.config.get_logical_device_configuration(cpu) or [cpu])
    if parts >= devices:
        return
    try:
        tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * devices)
    except RuntimeError:
        raise UserError(
            f"strategy.devices={devices}: TensorFlow has begun in this process, and not with so many; use a new process"
        ) from None
