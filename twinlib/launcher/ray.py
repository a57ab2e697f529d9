"""Runs on a Ray cluster: an existing one by its address, else one of this machine for the time of the sweep."""

import logging
import os
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from twinlib.errors import UserError
from twinlib.launcher.local import require_workers
from twinlib.launcher.pool import Ended, Job
from twinlib.launcher.remote import compute, lost
from twinlib.processes.meeting import free_port

PATIENCE = 15.0  # seconds for a cluster to answer; Ray itself would try for minutes


class RayPool:
    """A run takes as many CPUs as its `strategy.devices`, and as many GPUs unless its `accelerator` is cpu; and so on
    each of its `strategy.nodes`, which are as many machines, all at the same time.

    The project folder and the store must be at the same place on all machines. Ray is started, or asked for, with the
    first run that no record has.

    Parameters
    ----------
    root
        The project folder.
    strategy
        Of the sweep's config, for the number of runs at once.
    address
        `host:port` of a cluster, `auto` for one that runs here; None for that of RAY_ADDRESS, or else a new one.
    workers
        Runs at once; None: as many as the cluster has room for.
    grace
        Seconds from the interrupt to the kill.

    Raises
    ------
    UserError
        Ray is not installed, or nobody answers at the address (when the first run is started).
    """

    def __init__(
        self,
        *,
        root: Path,
        strategy: Mapping[str, Any],
        address: str | None = None,
        workers: int | None = None,
        grace: float = 10.0,
    ) -> None:
        require_workers(workers)
        self._root, self._strategy, self._address, self._workers = root, strategy, address, workers
        self._grace = grace
        self._ray: Any = None
        self._running: dict[Any, tuple[Job, float]] = {}
        self._groups: dict[Any, tuple[list[Any], Nodes]] = {}

    @property
    def slots(self) -> int:
        if self._workers is None:
            cpus, gpus = self._needs(self._strategy)
            resources = self._connected().cluster_resources()
            room = resources.get("CPU", 0) // cpus
            room = min(room, resources.get("GPU", 0) // gpus) if gpus else room
            self._workers = max(1, int(room // self._strategy["nodes"]))
        return self._workers

    @property
    def free(self) -> int:
        return self.slots - len(self._running)

    def start(self, job: Job) -> None:
        cpus, gpus = self._needs(job.config["strategy"])
        nodes = job.config["strategy"]["nodes"]
        ray = self._connected()
        # A run that failed is not tried again: the next sweep does that.
        needs = {"num_cpus": cpus, "num_gpus": gpus, "max_retries": 0}
        task = ray.remote(compute)
        if nodes == 1:
            self._running[task.options(**needs).remote(job, self._root, cpus)] = job, time.monotonic()
            return
        group = Nodes(ray, nodes, cpus, gpus)
        address = ray.remote(meeting_place).options(num_cpus=0, **group.at(0)).remote()
        parts = [
            task.options(**needs, **group.at(rank)).remote(job, self._root, cpus, rank, nodes, address)
            for rank in range(nodes)
        ]
        self._running[parts[0]] = job, time.monotonic()
        self._groups[parts[0]] = parts[1:], group

    def ended(self, timeout: float) -> list[Ended]:
        if not self._running:
            return []
        ray = self._connected()
        ready, others = ray.wait(list(self._running), timeout=timeout)
        if others:
            ready += ray.wait(others, num_returns=len(others), timeout=0)[0]
        return [self._end(reference) for reference in ready]

    def stop(self) -> None:
        if self._ray is None:
            return
        parts = [*self._running, *(part for others, _ in self._groups.values() for part in others)]
        for reference in parts:
            self._ray.cancel(reference)
        if parts:
            self._ray.wait(parts, num_returns=len(parts), timeout=self._grace + 5)
        for job, _ in self._running.values():
            job.file.unlink(missing_ok=True)
        self._running.clear()
        for reference in list(self._groups):
            self._let_go(reference, 0.0)
        self._ray.shutdown()
        self._ray = None

    def _end(self, reference: Any) -> Ended:
        job, began = self._running.pop(reference)
        self._let_go(reference, self._grace)
        try:
            ended: Ended = self._ray.get(reference)
        except self._ray.exceptions.RayError as error:
            return lost(job, time.monotonic() - began, str(error))
        return ended

    def _let_go(self, reference: Any, patience: float) -> None:
        """Give back the nodes of a run whose first node has ended, when the others have, or without them."""
        others, group = self._groups.pop(reference, ((), None))
        if group is not None:
            self._ray.wait(list(others), num_returns=len(others), timeout=patience)
            group.remove()

    def _needs(self, strategy: Mapping[str, Any]) -> tuple[int, int]:
        """CPUs and GPUs of a run."""
        devices = strategy["devices"]
        if strategy["accelerator"] == "auto":
            return devices, devices if self._connected().cluster_resources().get("GPU", 0) >= devices else 0
        return devices, devices if strategy["accelerator"] == "gpu" else 0

    def _connected(self) -> Any:
        if self._ray is None:
            os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
            try:
                import ray
            except ImportError as error:
                raise UserError("launcher=ray needs Ray; install it: pip install 'twinlib[ray]'") from error
            address = self._address or os.environ.get("RAY_ADDRESS")
            if address is not None:
                _require_answer(address)
            quiet: dict[str, Any] = {"include_dashboard": False} if address is None else {}
            try:
                ray.init(
                    address=address or "local",
                    logging_level=logging.ERROR,
                    log_to_driver=False,
                    **quiet,
                )
            except (ConnectionError, RuntimeError, ValueError) as error:
                raise UserError(f"launcher.address={address}: {str(error).splitlines()[0]}") from error
            self._ray = ray
        return self._ray


class Nodes:
    """Machines that a run has at the same time, each with room for one of its nodes.

    Raises
    ------
    UserError
        The cluster has not so many.
    """

    def __init__(self, ray: Any, nodes: int, cpus: int, gpus: int) -> None:
        from ray.util import placement_group

        found = sum(node["Alive"] for node in ray.nodes())
        if found < nodes:
            raise UserError(f"strategy.nodes={nodes}: the Ray cluster has {found}; use fewer nodes with more devices")
        room = {"CPU": cpus, "GPU": gpus} if gpus else {"CPU": cpus}
        self._group = placement_group([room] * nodes, strategy="STRICT_SPREAD")

    def at(self, number: int) -> dict[str, Any]:
        """Options of a task that shall run on one of them."""
        from ray.util.scheduling_strategies import PlacementGroupSchedulingStrategy

        return {"scheduling_strategy": PlacementGroupSchedulingStrategy(self._group, number)}

    def remove(self) -> None:
        """Give them back; what still runs there ends."""
        from ray.util import remove_placement_group

        remove_placement_group(self._group)


def meeting_place() -> str:
    """Where the nodes of a run can find the one that this is called on."""
    from ray.util import get_node_ip_address

    return f"{get_node_ip_address()}:{free_port()}"


def _require_answer(address: str) -> None:
    """Refuse an address where no Ray cluster answers."""
    if address == "auto":
        return
    nobody = UserError(f"launcher.address={address}: no Ray cluster answers there; `ray status` on its head shows it")
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if not host or not port.isdecimal():
        raise UserError(f"launcher.address={address}: write host:port, such as 10.0.0.1:6379, or auto")
    try:
        socket.create_connection((host, int(port)), timeout=PATIENCE).close()
        if not address.startswith("ray://"):
            # Somebody listens; is it Ray? In a process of its own, since Ray's client cannot be interrupted.
            check = [sys.executable, "-m", "ray.scripts.scripts", "health-check", "--address", address]
            subprocess.run(check, check=True, capture_output=True, timeout=PATIENCE)
    except (OSError, OverflowError, subprocess.SubprocessError) as error:
        raise nobody from error
