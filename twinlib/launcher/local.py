"""Runs on this machine, as many at once as there are devices."""

import json
import os
import select
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from twinlib.errors import UserError
from twinlib.launcher.devices import cores, gpus, limits, shares
from twinlib.launcher.pool import Ended, Job
from twinlib.processes.place import processes

SERVER_LOG = "workers.log"  # in the sweep's folder; says something only if workers could not be started


@dataclass
class _Worker:
    job: Job
    slot: int
    began: float
    is_trained: bool = False  # its slot is free


class LocalPool:
    """Each run in a process of its own that sees only its devices before it imports anything.

    Parameters
    ----------
    root
        The project folder.
    strategy
        Of the sweep's config: a run takes `devices` GPUs if there are any and its `accelerator` is not cpu; otherwise
        as many cores.
    workers
        Runs at once; None: as many as there are GPUs for, or cores without GPUs.
    threads
        Of a run, shared by its processes; None: an equal part of the cores.
    environment
        What runs find in it besides what is in ours.
    module
        What a worker runs, with `Job.file` as its argument.
    grace
        Seconds from the interrupt to the kill.
    part
        Whether a run may be on several nodes, of which this is one.

    Raises
    ------
    UserError
        `workers` is no number above 0.
    """

    def __init__(
        self,
        *,
        root: Path,
        strategy: Mapping[str, Any],
        workers: int | None = None,
        threads: int | None = None,
        environment: Mapping[str, str] | None = None,
        module: str = "twinlib.worker",
        grace: float = 10.0,
        part: bool = False,
    ) -> None:
        devices = [] if strategy["accelerator"] == "cpu" else gpus()
        require_workers(workers)
        self.slots = workers or max(1, (len(devices) or cores()) // strategy["devices"])
        self._shares = shares(devices, self.slots)
        self._threads = threads or max(1, cores() // self.slots)
        self._environment = limits(self._threads) | dict(environment or {})
        self._root, self._module, self._grace, self._part = root, module, grace, part
        self._running: dict[int, _Worker] = {}
        self._server: subprocess.Popen[bytes] | None = None
        self._text = b""

    @property
    def free(self) -> int:
        training = sum(not worker.is_trained for worker in self._running.values())
        # Runs whose end takes longer than a training (a slow store) must not pile up.
        return min(self.slots - training, 2 * self.slots - len(self._running))

    def start(self, job: Job) -> None:
        """Begin a job.

        Raises
        ------
        UserError
            It needs several nodes. A run of several nodes that the store knows is not started, and so not refused.
        """
        if (nodes := job.config["strategy"]["nodes"]) > 1 and not self._part:
            raise UserError(
                f"strategy.nodes={nodes}: launcher=local has one; start the sweep with launcher=slurm or launcher=ray, "
                f"or each run by itself with `torchrun --nnodes {nodes} …`"
            )
        taken = [worker.slot for worker in self._running.values() if not worker.is_trained]
        slot = next(slot for slot in range(self.slots) if slot not in taken)
        order = {
            "number": job.number,
            "module": self._module,
            "arguments": [str(job.file.absolute())],
            "environment": self._visible(job, slot) | self._shared(job),
            "log": str(job.log.absolute()),
        }
        job.write()
        self._running[job.number] = _Worker(job, slot, time.monotonic())
        orders = self._started(job.folder).stdin
        assert orders is not None
        with suppress(BrokenPipeError):  # the server died: `ended` finds out and says so
            orders.write(json.dumps(order).encode() + b"\n")
            orders.flush()

    def ended(self, timeout: float) -> list[Ended]:
        if self._server is None:
            return []
        answers = self._server.stdout
        assert answers is not None
        ready, _, _ = select.select([answers], [], [], timeout)
        if not ready:
            return []
        received = os.read(answers.fileno(), 65536)
        if not received:
            self._close()
            return [self._lost(number) for number in list(self._running)]
        *lines, self._text = (self._text + received).split(b"\n")
        ended = []
        for answer in map(json.loads, lines):
            if answer["code"] is not None:
                ended.append(self._end(answer["number"], answer["code"]))
            elif not self._shares[self._running[answer["number"]].slot]:  # the memory of a GPU is free at the end only
                self._running[answer["number"]].is_trained = True
        return ended

    def stop(self) -> None:
        self._close()
        for worker in self._running.values():
            worker.job.file.unlink(missing_ok=True)
        self._running.clear()

    def _visible(self, job: Job, slot: int) -> dict[str, str]:
        if job.config["strategy"]["accelerator"] == "cpu":
            return {"CUDA_VISIBLE_DEVICES": ""}
        return {"CUDA_VISIBLE_DEVICES": ",".join(self._shares[slot])} if self._shares[slot] else {}

    def _shared(self, job: Job) -> dict[str, str]:
        each = processes(job.config)
        return limits(max(1, self._threads // each)) if each > 1 else {}

    def _started(self, folder: Path) -> "subprocess.Popen[bytes]":
        if self._server is None:
            # In a session of its own, so that a Ctrl-C reaches this process alone, which then stops the workers.
            with (folder / SERVER_LOG).open("wb") as log:
                self._server = subprocess.Popen(
                    [sys.executable, "-m", "twinlib.launcher.fork_server", str(self._grace)],
                    cwd=self._root,
                    env=os.environ | self._environment,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=log,
                    start_new_session=True,
                )
        return self._server

    def _end(self, number: int, code: int) -> Ended:
        worker = self._running.pop(number)
        return Ended.read(worker.job, code, time.monotonic() - worker.began)

    def _lost(self, number: int) -> Ended:
        job = self._running[number].job
        with job.log.open("a") as log:
            log.write(f"lost: the process that starts workers ended, see {job.folder / SERVER_LOG}\n")
        return self._end(number, 1)

    def _close(self) -> None:
        """Let the server end, which ends the workers."""
        server, self._server, self._text = self._server, None, b""
        if server is None:
            return
        assert server.stdin is not None and server.stdout is not None
        with suppress(BrokenPipeError):
            server.stdin.close()
        try:
            server.wait(self._grace + 5)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()
        finally:
            server.stdout.close()


def require_workers(workers: Any) -> None:
    """Refuse a number of workers that is none."""
    if workers is not None and (not isinstance(workers, int) or isinstance(workers, bool) or workers < 1):
        raise UserError(f"launcher.workers={workers}: must be at least 1, or null for as many as there are devices")
