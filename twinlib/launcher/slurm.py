"""Runs as jobs of a Slurm cluster, submitted through submitit."""

import shutil
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from twinlib.errors import UserError
from twinlib.launcher.local import require_workers
from twinlib.launcher.pool import Ended, Job
from twinlib.launcher.remote import compute, lost

POLL = 0.2  # seconds between two looks at the files in which jobs answer


class SlurmPool:
    """A run is one Slurm job: on `strategy.nodes` nodes, each with `strategy.devices` GPUs if its `accelerator` is gpu.

    The project folder and the store must be at the same place on all machines. What submitit writes, the batch scripts
    and the output of Slurm itself included, is in `slurm` in the sweep's folder.

    Parameters
    ----------
    root
        The project folder.
    strategy
        Of the sweep's config; each job asks for what its own says.
    partition, time, memory, cpus
        Of a job, on each node: minutes, and text such as 16GB; None: the cluster's default.
    options
        More options of sbatch, such as `{account: physics}`.
    workers
        Jobs in the queue or running at once.
    cluster
        `slurm`, or `local` to try it without Slurm.

    Raises
    ------
    UserError
        submitit is not installed, there is no Slurm, or it takes no job (when the first run is started).
    """

    def __init__(
        self,
        *,
        root: Path,
        strategy: Mapping[str, Any],
        partition: str | None = None,
        time: int | None = None,
        memory: str | None = None,
        cpus: int = 1,
        options: Mapping[str, Any] | None = None,
        workers: int = 100,
        cluster: str = "slurm",
    ) -> None:
        require_workers(workers)
        self.slots = workers
        self._root, self._cpus, self._cluster = root, cpus, cluster
        self._options = {"partition": partition, "time": time, "mem": memory, "additional_parameters": options}
        self._running: list[tuple[Job, Any, float]] = []

    @property
    def free(self) -> int:
        return self.slots - len(self._running)

    def start(self, job: Job) -> None:
        executor = self._executor(job)
        try:
            submitted = executor.submit(compute, job, self._root, self._cpus)
        except RuntimeError as error:  # what sbatch says stands in the first lines
            raise UserError(f"launcher: Slurm takes no job: {' '.join(str(error).split())[:300]}") from error
        self._running.append((job, submitted, time.monotonic()))

    def ended(self, timeout: float) -> list[Ended]:
        deadline = time.monotonic() + timeout
        while True:
            done = [running for running in self._running if running[1].done()]
            if done or time.monotonic() >= deadline:
                break
            time.sleep(min(POLL, max(0.0, deadline - time.monotonic())))
        self._running = [running for running in self._running if running not in done]
        return [self._end(*running) for running in done]

    def stop(self) -> None:
        for job, submitted, _ in self._running:
            submitted.cancel(check=False)
            job.file.unlink(missing_ok=True)
        self._running.clear()

    def _end(self, job: Job, submitted: Any, began: float) -> Ended:
        error = submitted.exception()
        if error is not None:
            return lost(job, time.monotonic() - began, str(error))
        ended: Ended = submitted.results()[0]  # of the first node
        return ended

    def _executor(self, job: Job) -> Any:
        try:
            import submitit
        except ImportError as error:
            raise UserError("launcher=slurm needs submitit; install it: pip install 'twinlib[slurm]'") from error
        folder = job.folder / "slurm"
        strategy = job.config["strategy"]
        gpus = strategy["devices"] if strategy["accelerator"] == "gpu" else 0
        if self._cluster == "local":
            if strategy["nodes"] > 1:
                raise UserError(f"strategy.nodes={strategy['nodes']}: launcher.cluster=local has one node")
            executor: Any = submitit.LocalExecutor(folder)
            executor.update_parameters(timeout_min=60, gpus_per_node=gpus)
            return executor
        if shutil.which("sbatch") is None or shutil.which("srun") is None:
            raise UserError("launcher=slurm: there is no Slurm here (no sbatch); start the sweep on a login node")
        executor = submitit.SlurmExecutor(folder)
        wanted = {**self._options, "job_name": job.group, "cpus_per_task": self._cpus, "gpus_per_node": gpus or None}
        wanted |= {"nodes": strategy["nodes"], "ntasks_per_node": 1}
        executor.update_parameters(**{key: value for key, value in wanted.items() if value is not None})
        return executor
