"""The first process of a run among the others: it decides, starts those of its node, and sees to it that all end."""

import os
import signal
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from twinlib.errors import UserError
from twinlib.identity.explain import differences, sentence
from twinlib.identity.fingerprint import Identity
from twinlib.processes.children import Children, Failure, environment
from twinlib.processes.meeting import Gone, Line, Meeting, free_port
from twinlib.processes.place import Team
from twinlib.run import Result
from twinlib.sweeper.pruning import Pruned

GRACE = 3.0  # seconds in which this process finds out itself that another has failed
LAST_GRACE = 5.0  # and then to come back from what it waits for
ENDING = 300.0  # seconds for the others to end once the training is over here
SOON = 0.5  # and then another one of it, when this process has a line to say itself
POLL = 0.1
TRAIN, RESULT, ERROR, FAILED, DONE = "train", "result", "error", "failed", "done"


class Broken(UserError):
    """Another process of the run has failed."""


class Leader:
    """What the first process of a run says to the others, and what it learns of them. Use it as a context.

    Parameters
    ----------
    config, identity
        Of the run; the others must find the same identity.
    team
        All processes; for a run of one, everything here does nothing.

    Raises
    ------
    UserError
        The port where the others look for it is taken.
    """

    def __init__(self, config: Mapping[str, Any], identity: Identity, root: Path, team: Team) -> None:
        self._config, self._identity, self._root, self._team = config, identity, root, team
        self._children: Children | None = None
        self._lines: dict[int, tuple[Line, str]] = {}
        self._failure: Failure | None = None
        self._over = threading.Event()
        self._ended: set[int] = set()
        self._meeting: Meeting | None = None
        if team.place.size > 1:
            assert team.place.address is not None
            self._meeting = Meeting(team.place.address, team.place.size - 1)

    def __enter__(self) -> "Leader":
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        if self._children is not None:
            self._children.end()
        if self._meeting is not None:
            self._meeting.close()

    def tell(self, result: Result) -> None:
        """Tell the others what the run has as its result.

        Raises
        ------
        UserError
            Some did not come, or do not mean the same run.
        """
        if self._meeting is not None:
            self._gather()
            said = {"folder": str(result.folder), "metrics": result.metrics, "objective": result.objective}
            self._meeting.tell({RESULT: {**said, "cached": result.cached}})

    @contextmanager
    def training(self, keeps: bool) -> Iterator[None]:
        """All processes train while the body does, and have ended without an error when this does.

        Parameters
        ----------
        keeps
            Whether the training leaves checkpoints from which it can go on.

        Raises
        ------
        UserError
            Some did not come or do not mean the same run; or one failed: `Broken`.
        """
        if self._team.size == 1:
            yield
            return
        self._start(keeps)
        watch = threading.Thread(target=self._watch, args=(threading.get_ident(),), daemon=True)
        watch.start()
        try:
            yield
            self._wait_for_others()
        except Exception as error:
            self._explain(error)
            raise
        except KeyboardInterrupt:
            if self._failure is not None:  # this is how `_watch` calls
                raise self._broken() from None
            raise
        finally:
            self._over.set()
            watch.join()

    def _gather(self) -> None:
        """Wait for the others, and compare what they are about to compute."""
        assert self._meeting is not None
        if self._lines:
            return
        try:
            came = self._meeting.gather()
            for rank, (_, hello) in came.items():
                if hello["fingerprint"] != self._identity.fingerprint:
                    theirs = Identity.from_json({"data_files": {}, **hello["identity"]})
                    found = "; ".join(map(sentence, differences(theirs, self._identity)[:5]))
                    raise UserError(
                        f"process {rank} on {hello['host']} would compute another run than process 0 on "
                        f"{os.uname().nodename}: {found}"
                    )
        except UserError as error:
            self._meeting.tell({ERROR: str(error)})
            raise
        self._lines = {rank: (line, hello["host"]) for rank, (line, hello) in came.items()}
        self._hellos = {rank: hello for rank, (_, hello) in came.items()}

    def _start(self, keeps: bool) -> None:
        team, host, cluster = self._team, "127.0.0.1", []
        if self._meeting is not None:
            self._gather()
            first, _ = self._lines[min(self._lines)]
            host = first.host  # where another process has reached this one
            if self._config["trainer"].get("framework") == "keras":
                others = [
                    f"{line.peer}:{self._hellos[rank]['port']}" for rank, (line, _) in sorted(self._lines.items())
                ]
                cluster = [f"{host}:{free_port()}", *others]
        shared = {"each": team.each, "nodes": team.nodes, "address": [host, free_port()], "cluster": cluster}
        own = environments(team, shared)
        if self._meeting is not None:
            self._meeting.tell({TRAIN: shared, "keeps": keeps})
        job = job_of(self._config, self._identity.fingerprint, keeps)
        self._children = Children(self._root, job, {rank: told for rank, told in own.items() if rank != 0})
        os.environ.update(own[0])

    def _watch(self, main: int) -> None:
        """Look after the others; when one has failed, see to it that the main thread learns of it."""
        while self._failure is None:
            if self._over.wait(POLL):
                return
            self._look()
        if self._over.wait(GRACE):
            return
        signal.pthread_kill(main, signal.SIGINT)
        if self._over.wait(LAST_GRACE):
            return
        # It waits within a framework for a process that will not come back.
        print(f"error: {self._broken()}", file=sys.stderr, flush=True)
        if self._children is not None:
            self._children.end()
        os._exit(1)

    def _look(self) -> None:
        assert self._children is not None
        self._failure = self._failure or self._children.failure
        for rank, (line, host) in self._lines.items():
            if rank in self._ended:
                continue
            try:
                message = line.receive(1e-3)
            except Gone:
                message = {FAILED: Failure(rank, host, "is gone, or its node is", "").to_json()}
            if message is not None and FAILED in message:
                self._failure = self._failure or Failure(**message[FAILED])
            if message is not None:
                self._ended.add(rank)

    def _wait_for_others(self) -> None:
        assert self._children is not None
        deadline = time.monotonic() + ENDING
        while not (self._children.done and len(self._ended) == len(self._lines)):
            if self._failure is not None:
                raise self._broken()
            if time.monotonic() > deadline:
                raise Broken(f"the training is over, and {ENDING:.0f} s later other processes of it still run")
            time.sleep(POLL / 10)
        if self._failure is not None:
            raise self._broken()

    def _explain(self, error: Exception) -> None:
        """Raise instead of `error` what has led to it, if that happened elsewhere."""
        if isinstance(error, Pruned):
            return
        # A user's mistake comes up in each process. That another is missing is an adapter's UserError as well.
        deadline = time.monotonic() + (SOON if isinstance(error, UserError) else GRACE)
        while self._failure is None and time.monotonic() < deadline:
            time.sleep(POLL)
        # So does an error of the model's own: then it is told once, with its traceback.
        kind = "error" if isinstance(error, UserError) else type(error).__name__
        if self._failure is not None and self._failure.last_line != f"{kind}: {error}".strip().rpartition("\n")[2]:
            raise self._broken() from None

    def _broken(self) -> Broken:
        failure = self._failure
        assert failure is not None
        said = f"; it said:\n{failure.said}" if failure.said.strip() else ""
        return Broken(f"process {failure.rank} of {self._team.size} (on {failure.host}) {failure.how}{said}")


def environments(team: Team, shared: Mapping[str, Any]) -> dict[int, dict[str, str]]:
    """The environment of each process that `team` answers for, by rank."""
    host, port = shared["address"]
    return {
        rank: environment(rank, local, shared["each"], shared["nodes"], (host, port), shared["cluster"])
        for rank, local in zip(team.ranks, team.locals, strict=True)
    }


def job_of(config: Mapping[str, Any], fingerprint: str, keeps: bool) -> dict[str, Any]:
    """What a follower is told. Where a run is tracked may hold secrets; it does not track."""
    return {
        "config": {key: value for key, value in config.items() if key not in ("tracking", "sweeper")},
        "fingerprint": fingerprint,
        "keeps": keeps,
    }
