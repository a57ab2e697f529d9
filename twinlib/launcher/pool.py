"""What a sweep asks of the place where its runs are computed."""

import json
import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from twinlib.errors import UserError

ANSWERS = "TWIN_ANSWERS"  # in the environment of a worker: where to say something, and as which number


@dataclass(frozen=True)
class Job:
    """One run to compute: its number in the sweep, its resolved config, and the sweep's folder and name."""

    number: int
    config: dict[str, Any]
    folder: Path
    group: str | None

    @property
    def log(self) -> Path:
        """All that the run prints, its traceback included."""
        return self.folder / f"{self.number}.log"

    @property
    def file(self) -> Path:
        """What `python -m twinlib.worker` is given; removed when the run has ended."""
        return self.folder / f"{self.number}.job.json"

    @property
    def answer(self) -> Path:
        """Where the worker says what came out; removed when it was read."""
        return self.folder / f"{self.number}.result.json"

    def write(self) -> None:
        """Write `file`, for its owner only: a config may hold keys to a store or a tracker.

        Raises
        ------
        UserError
            The config holds what JSON cannot.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        self.answer.unlink(missing_ok=True)
        try:
            text = json.dumps({"config": self.config, "group": self.group, "result": str(self.answer)})
        except TypeError as error:
            raise UserError(f"the config holds what no text can: {error}; give numbers, texts, lists") from None
        self.file.touch(mode=0o600)
        self.file.write_text(text)

    def result(self, exit_code: int) -> dict[str, Any] | None:
        """What the worker wrote; None if it failed."""
        if exit_code == 0:
            with suppress(OSError, ValueError):
                answer: dict[str, Any] = json.loads(self.answer.read_text())
                return answer
        return None


@dataclass(frozen=True)
class Ended:
    """How a job ended. `result` is what the worker wrote, None if it failed; `seconds` is wall time."""

    job: Job
    exit_code: int
    result: dict[str, Any] | None
    seconds: float

    @classmethod
    def read(cls, job: Job, exit_code: int, seconds: float) -> "Ended":
        """Take the worker's answer and remove the job's files, but for its log."""
        result = job.result(exit_code)
        job.file.unlink(missing_ok=True)
        job.answer.unlink(missing_ok=True)
        return cls(job, exit_code or (0 if result is not None else 1), result, seconds)


class Pool(Protocol):
    """Trains at most `slots` jobs at once, each in a fresh process that writes to the job's log."""

    @property
    def slots(self) -> int: ...

    @property
    def free(self) -> int:
        """How many jobs can be started now."""

    def start(self, job: Job) -> None:
        """Begin a job; something must be free."""

    def ended(self, timeout: float) -> list[Ended]:
        """The jobs that ended since the last call. Waits at most `timeout` seconds for one, or for a free slot."""

    def stop(self) -> None:
        """Interrupt what still runs, kill it after a grace period, and let go of the place."""


def tell_trained() -> None:
    """In a worker: the training is over, what is left needs no device. Lets a `LocalPool` begin the next one."""
    place = os.environ.get(ANSWERS)
    if place is not None:
        descriptor, number = map(int, place.split())
        os.nice(10)  # the next training comes first
        with suppress(OSError):  # nobody listens any more
            os.write(descriptor, json.dumps({"number": number, "code": None}).encode() + b"\n")
