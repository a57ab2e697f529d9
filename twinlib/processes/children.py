"""The processes of a run on this node that follow: started here, looked after, and ended with this one."""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

TOLD = 30  # last lines that are shown of what a process said before it failed


@dataclass(frozen=True)
class Failure:
    """A process of a run that ended and should not have: its rank, its host, how it ended, the last it said."""

    rank: int
    host: str
    how: str
    said: str

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @property
    def last_line(self) -> str:
        """What a traceback or an error message ends with."""
        return self.said.strip().rpartition("\n")[2]


class Children:
    """Processes `python -m twinlib.follower`, one for each rank, until `end`.

    Started from the main thread only: what the kernel does for them when this process is killed, it does already when
    the thread ends that started them.

    Parameters
    ----------
    root
        The project folder.
    job
        What all of them are told, for their eyes only.
    environments
        What each finds in its environment besides ours, by its rank.
    """

    def __init__(self, root: Path, job: Mapping[str, Any], environments: Mapping[int, Mapping[str, str]]) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="twin-")
        self._processes: dict[int, subprocess.Popen[bytes]] = {}
        file = Path(self._folder.name) / "job.json"
        file.touch(mode=0o600)
        file.write_text(json.dumps(job))
        command = [sys.executable, "-m", "twinlib.follower", str(file), str(os.getpid())]
        for rank, environment in environments.items():
            with self._log(rank).open("wb") as log:
                self._processes[rank] = subprocess.Popen(
                    command,
                    cwd=root,
                    env=os.environ | environment,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    process_group=0,  # a Ctrl-C reaches this process alone, which then ends them
                )

    @property
    def failure(self) -> Failure | None:
        """The first that failed, by rank."""
        for rank, process in self._processes.items():
            code = process.poll()
            if code:
                said = self._log(rank).read_text(errors="replace").splitlines()[-TOLD:]
                return Failure(rank, os.uname().nodename, ending(code), "\n".join(said))
        return None

    @property
    def done(self) -> bool:
        """All have ended without an error."""
        return all(process.poll() == 0 for process in self._processes.values())

    def end(self, grace: float = 0.0) -> None:
        """End those that still run, after so many seconds in which they may do so themselves."""
        deadline = time.monotonic() + grace
        while time.monotonic() < deadline and any(process.poll() is None for process in self._processes.values()):
            time.sleep(0.05)
        for process in self._processes.values():
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)
        for process in self._processes.values():
            process.wait()
        self._folder.cleanup()

    def _log(self, rank: int) -> Path:
        return Path(self._folder.name) / f"{rank}.log"


def environment(
    rank: int, local: int, each: int, nodes: int, address: tuple[str, int], cluster: Sequence[str]
) -> dict[str, str]:
    """What torchrun would tell a process, and, where TensorFlow meets by itself, what that wants to know.

    Parameters
    ----------
    each, nodes
        Processes of a node, and nodes.
    address
        Where the framework's own meeting will be; the process of rank 0 holds it.
    cluster
        With Keras on several nodes: `host:port` of each process.
    """
    told = {
        "RANK": rank,
        "WORLD_SIZE": each * nodes,
        "LOCAL_RANK": local,
        "LOCAL_WORLD_SIZE": each,
        "GROUP_RANK": rank // each,
        "MASTER_ADDR": address[0],
        "MASTER_PORT": address[1],
        # Otherwise torch takes torchrun itself for who holds the meeting.
        "TORCHELASTIC_USE_AGENT_STORE": "False",
    }
    if cluster:
        task = {"type": "worker", "index": rank}
        told["TF_CONFIG"] = json.dumps({"cluster": {"worker": list(cluster)}, "task": task})
    return {name: str(value) for name, value in told.items()}


def ending(code: int) -> str:
    """How a process ended, in words."""
    if code < 0:
        with suppress(ValueError):
            return f"was killed by {signal.Signals(-code).name}"
    return f"ended with exit code {code}"
