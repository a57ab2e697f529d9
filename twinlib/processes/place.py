"""Which process of a run this is, read from what torchrun or Slurm put into the environment."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from twinlib.config.strategy import split_address
from twinlib.errors import UserError

# Of Slurm's job the port is derived: all its processes know it, and another job on the same node has another one.
PORTS = range(20000, 32000)  # below those that a system gives to connections


@dataclass(frozen=True)
class Place:
    """A process among those that torchrun or Slurm started with one command.

    Attributes
    ----------
    rank, size
        Its number and how many there are.
    local
        Its number among those of its node.
    address
        Host and port at which the process of rank 0 can be met.
    launcher
        Who started it: torchrun, Slurm, or an empty text if nobody did.
    """

    rank: int = 0
    size: int = 1
    local: int = 0
    address: tuple[str, int] | None = None
    launcher: str = ""


@dataclass(frozen=True)
class Team:
    """All processes that compute a run, and those of them that this one answers for.

    Attributes
    ----------
    place
        This process as it was started.
    nodes, each
        Nodes, and processes that compute on each: one a device, but with Keras one for all devices of a node.
    """

    place: Place
    nodes: int
    each: int

    @property
    def size(self) -> int:
        """How many processes compute."""
        return self.nodes * self.each

    @property
    def ranks(self) -> list[int]:
        """The ranks of the processes that this one answers for; the first of all is the worker itself."""
        if self.place.size == self.size > 1:
            return [self.place.rank]
        return [self.place.rank * self.each + local for local in range(self.each)]

    @property
    def locals(self) -> list[int]:
        """Number of each of `ranks` among those of its node."""
        if self.place.size == self.size and self.each > 1:
            return [self.place.local]
        return list(range(self.each))


def place(environ: Mapping[str, str] = os.environ) -> Place:
    """Where this process stands; alone, if nobody says anything else.

    Raises
    ------
    UserError
        The environment says something that is no number.
    """
    try:
        if "RANK" in environ and "WORLD_SIZE" in environ:
            return _by_torchrun(environ)
        if "SLURM_STEP_NUM_TASKS" in environ and "SLURM_PROCID" in environ:
            return _by_slurm(environ)
    except ValueError as error:
        raise UserError(f"the environment of torchrun or Slurm cannot be read: {error}") from error
    return Place()


def team(config: Mapping[str, Any], place: Place) -> Team:
    """The processes that compute the run of a config.

    Raises
    ------
    UserError
        Other processes were started than its strategy needs.
    """
    strategy = config["strategy"]
    nodes, devices = strategy["nodes"], strategy["devices"]
    each = processes(config)
    if nodes * each == 1:
        # Tasks of a Slurm step may be runs of their own; torchrun starts processes of one run only.
        if place.launcher == "torchrun" and place.size > 1:
            raise UserError(
                f"torchrun started {place.size} processes, and strategy={strategy['name']} with strategy.devices="
                f"{devices} needs 1; use strategy=data_parallel with strategy.nodes and strategy.devices"
            )
        return Team(Place(), 1, 1)
    if place.size == 1:
        if nodes > 1:
            raise UserError(
                f"strategy.nodes={nodes}: start one process on each node, with `srun python train.py …` or with "
                f"`torchrun --nnodes {nodes} …`, or a sweep with launcher=slurm or launcher=ray"
            )
        return Team(Place(), 1, each)
    if place.size not in (nodes, nodes * each):
        either = f" or {nodes * each}" if each > 1 else ""
        raise UserError(
            f"{place.launcher} started {place.size} processes; strategy.nodes={nodes} with strategy.devices={devices} "
            f"needs {nodes}{either}"
        )
    address = strategy["address"]
    if address is not None:
        place = Place(place.rank, place.size, place.local, split_address(address), place.launcher)
    return Team(place, nodes, each)


def processes(config: Mapping[str, Any]) -> int:
    """How many processes compute on each node."""
    return 1 if config["trainer"].get("framework") == "keras" else int(config["strategy"]["devices"])


def _by_torchrun(environ: Mapping[str, str]) -> Place:
    rank, size, local = (int(environ.get(name, "0")) for name in ("RANK", "WORLD_SIZE", "LOCAL_RANK"))
    host, port = environ.get("MASTER_ADDR", "127.0.0.1"), int(environ.get("MASTER_PORT", "29500"))
    return Place(rank, size, local, (host, port + 1), "torchrun")  # torchrun itself listens at the port


def _by_slurm(environ: Mapping[str, str]) -> Place:
    rank, size, local = (int(environ.get(f"SLURM_{name}", "0")) for name in ("PROCID", "STEP_NUM_TASKS", "LOCALID"))
    number = int(environ.get("SLURM_JOB_ID", "0")) * 31 + int(environ.get("SLURM_STEP_ID", "0"))
    host = _first(environ.get("SLURM_STEP_NODELIST", "127.0.0.1"))
    return Place(rank, size, local, (host, PORTS[number % len(PORTS)]), "Slurm")


def _first(nodes: str) -> str:
    """`node-03` of `node-[03-05,9],login`, which is how Slurm writes a list of nodes."""
    found = re.match(r"([^\[,]+)(?:\[(\w+)[^\]]*\])?([^,\[]*)", nodes)
    return "".join(part or "" for part in found.groups()) if found else nodes
