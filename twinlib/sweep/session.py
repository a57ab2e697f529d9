"""The course of a sweep: each point is looked up, the unknown ones are computed, and each comes back once."""

import shutil
import sys
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol, Self

from twinlib.config.signature import check_targets
from twinlib.errors import UserError
from twinlib.identity.stat_cache import StatCache
from twinlib.launcher.pool import Ended, Job, Pool
from twinlib.run import PRUNED_EXIT_CODE, label, open_store, require_inputs
from twinlib.store.faults import explained
from twinlib.store.record import Damaged, Record
from twinlib.sweep import manifest
from twinlib.sweep.grid import Point
from twinlib.sweep.identities import Identities
from twinlib.sweep.manifest import CACHED, DONE, FAILED, PRUNED, RUNNING, WAITING, Sweep, SweepPoint

POLL = 0.25  # seconds between two looks at what is shown
WRITE = 1.0  # seconds between two versions of the manifest


class Watcher(Protocol):
    """Who looks on at a sweep."""

    def see(self, sweep: Sweep, over: SweepPoint | None) -> None:
        """The sweep as it is: each time a point is over (then with the point), and often while none is."""

    def close(self) -> None:
        """Nothing happens for now."""


@dataclass(frozen=True)
class Done:
    """A point that is over.

    `state` is `cached`, `done`, `failed` or `pruned`. The last two have an `error` of one line instead of a `folder`,
    `metrics` and an `objective`. `fingerprint` is None for a run that cannot be cached. `seconds` is 0 for a cached
    point.
    """

    number: int
    point: Point
    state: str
    folder: Path | None = None
    metrics: dict[str, float] = field(default_factory=dict)
    objective: float | None = None
    seconds: float = 0.0
    fingerprint: str | None = None
    error: str | None = None


@dataclass(frozen=True)
class _Miss:
    """A point that has to be computed, and those with the same identity, which wait for it."""

    number: int
    point: Point
    fingerprint: str | None
    same: list[tuple[int, Point]]


class Session:
    """Computes the points that are submitted, `pool.slots` at once, and none that a record has.

    Use it as a context. Leaving it, also by Ctrl-C, stops what still runs and writes the manifest; what was computed
    by then is in the store, so the same points go on from there when they are submitted again. It can be entered
    again, and goes on with its numbers.

    Parameters
    ----------
    root
        The project folder.
    pool
        Where points are computed.
    folder
        Of this sweep: for its manifest and the logs. The sweep is called like the folder.
    command
        What the user typed.
    watcher
        Who looks on.
    """

    def __init__(
        self,
        root: Path,
        pool: Pool,
        folder: Path,
        command: Sequence[str] = (),
        watcher: "Watcher | None" = None,
    ) -> None:
        self.folder = folder
        self._root, self._pool, self._watcher = root, pool, watcher
        self._cache = StatCache(root / ".twin")
        self._identities = Identities(root, self._cache)
        self._sweep = Sweep(folder.name, tuple(command), _now(), None, "", "", ())
        self._points: list[SweepPoint] = []
        self._ready: deque[Done] = deque()
        self._waiting: deque[_Miss] = deque()
        self._running: dict[int, _Miss] = {}
        self._computing: dict[str, _Miss] = {}
        self._failed: dict[str, Done] = {}
        self._doubts: set[str] = set()
        self._written = 0.0

    @property
    def sweep(self) -> Sweep:
        """What became of every point so far."""
        return replace(self._sweep, points=tuple(self._points))

    @property
    def slots(self) -> int:
        """How many points are computed at once."""
        return self._pool.slots

    @property
    def pending(self) -> int:
        """How many submitted points `next` has not given back."""
        waiting = [*self._waiting, *self._running.values()]
        return len(self._ready) + len(waiting) + sum(len(miss.same) for miss in waiting)

    @property
    def has_results(self) -> bool:
        """Whether any point was computed, well or not."""
        return any(point.state in (DONE, PRUNED, FAILED) and point.seconds for point in self._points)

    def submit(self, point: Point) -> None:
        """Look a point up, and begin to compute it if it is unknown and a worker is free.

        A mistake in the point makes it a failed one.
        """
        number = len(self._points)
        self._points.append(SweepPoint(number, point.overrides, WAITING))
        try:
            if point.config is None:
                raise UserError(point.error)
            self._look_up(number, point, point.config)
        except UserError as error:
            self._fail(number, point, str(error))
        self._advance(timeout=0)

    def next(self) -> Done:
        """Wait for a point that is over; those that were known come at once.

        Raises
        ------
        LookupError
            All points that were submitted have been given back.
        """
        if not self.pending:
            raise LookupError("no point is on its way")
        while not self._ready:
            self._advance(POLL)
        return self._ready.popleft()

    def __enter__(self) -> Self:
        self._sweep = replace(self._sweep, ended=None)
        return self

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        try:
            if self._watcher is not None:
                self._watcher.close()
            self._pool.stop()
        finally:
            self._sweep = replace(self._sweep, ended=_now())
            if isinstance(error, UserError) and not self.has_results:
                # All points have mistakes, or no worker could be started: there has been no sweep.
                shutil.rmtree(self.folder, ignore_errors=True)
            else:
                self._write()

    def _look_up(self, number: int, point: Point, config: dict[str, Any]) -> None:
        if not self._sweep.objective:
            self._sweep = replace(self._sweep, objective=config["objective"], direction=config["direction"])
        require_inputs(config, self._root)
        identity = self._identities.of(config)
        for doubt in identity.doubts:
            if doubt not in self._doubts:
                print(f"not cached: {doubt}", file=sys.stderr)
            self._doubts.add(doubt)
        fingerprint = None if identity.doubts else identity.fingerprint
        if fingerprint in self._computing:
            self._computing[fingerprint].same.append((number, point))
            return
        if fingerprint in self._failed:
            self._fail_like(self._failed[fingerprint], number, point)
            return
        if fingerprint is not None:
            record = open_store(config, self._root, self._cache).find(fingerprint, label(identity))
            if record is not None:
                metrics = record.metrics
                objective = metrics[record.objective]
                self._over(Done(number, point, CACHED, record.folder, metrics, objective, fingerprint=fingerprint))
                return
        check_targets(config, self._root)
        miss = _Miss(number, point, fingerprint, [])
        self._waiting.append(miss)
        if fingerprint is not None:
            self._computing[fingerprint] = miss

    def _advance(self, timeout: float) -> None:
        """Give free workers work, and wait for one to end."""
        self._fill()
        if self._running:
            for ended in self._pool.ended(timeout):
                self._take(ended)
            self._fill()
        self._tell(None)

    def _fill(self) -> None:
        while self._waiting and self._pool.free > 0:
            miss = self._waiting.popleft()
            self._running[miss.number] = miss
            self._points[miss.number] = replace(self._points[miss.number], state=RUNNING)
            assert miss.point.config is not None
            with explained(self.folder):
                self._pool.start(Job(miss.number, miss.point.config, self.folder, self._sweep.id))

    def _take(self, ended: Ended) -> None:
        miss = self._running.pop(ended.job.number)
        if miss.fingerprint is not None:
            del self._computing[miss.fingerprint]
        done = self._outcome(miss, ended)
        self._over(done)
        if done.state == FAILED and miss.fingerprint is not None:
            self._failed[miss.fingerprint] = done
        for number, point in miss.same:
            if done.state == FAILED:
                self._fail_like(done, number, point)
            else:
                state = PRUNED if done.state == PRUNED else CACHED
                self._over(replace(done, number=number, point=point, state=state, seconds=0.0))

    def _fail(self, number: int, point: Point, error: str) -> None:
        with explained(self.folder):
            self.folder.mkdir(parents=True, exist_ok=True)
            (self.folder / f"{number}.log").write_text(f"error: {error}\n")
        self._over(Done(number, point, FAILED, error=error))

    def _fail_like(self, failed: Done, number: int, point: Point) -> None:
        self._fail(number, point, f"the same run as point {failed.number}: {failed.error}")

    def _outcome(self, miss: _Miss, ended: Ended) -> Done:
        if ended.exit_code == PRUNED_EXIT_CODE:
            return Done(miss.number, miss.point, PRUNED, seconds=ended.seconds, error=_last_line(ended.job.log))
        if ended.result is None:
            error = f"exit code {ended.exit_code}: {_last_line(ended.job.log)}"
            return Done(miss.number, miss.point, FAILED, seconds=ended.seconds, error=error)
        result, folder = ended.result, Path(ended.result["folder"])
        fingerprint = miss.fingerprint
        if fingerprint is not None and not folder.name.endswith(fingerprint[:12]):
            # The code was edited between our look and the worker's: the record is of the code that ran.
            try:
                fingerprint = Record.read(folder).fingerprint
            except (Damaged, OSError):
                fingerprint = None
        return Done(
            miss.number,
            miss.point,
            CACHED if result["cached"] else DONE,
            folder,
            result["metrics"],
            result["objective"],
            0.0 if result["cached"] else ended.seconds,
            fingerprint,
        )

    def _over(self, done: Done) -> None:
        config = done.point.config
        if done.folder is not None and config is not None and config["export"]:
            from twinlib.export import export

            export(done.folder, self._root / config["export"])
        self._ready.append(done)
        self._points[done.number] = replace(
            self._points[done.number],
            state=done.state,
            fingerprint=done.fingerprint,
            record=done.folder.name if done.folder is not None and done.fingerprint is not None else None,
            objective=done.objective,
            seconds=done.seconds,
            error=done.error,
        )
        self._tell(self._points[done.number])

    def _tell(self, over: SweepPoint | None) -> None:
        if self._watcher is not None:
            self._watcher.see(self.sweep, over)
        if time.monotonic() - self._written > WRITE:
            self._write()

    def _write(self) -> None:
        self._written = time.monotonic()
        with explained(self.folder):
            manifest.write(self.sweep, self.folder)


def _last_line(log: Path) -> str:
    """What a run said last, which is the error that ended it."""
    try:
        lines = log.read_text(errors="replace").splitlines()
    except OSError:
        return "it has left no log"
    return next((line.strip() for line in reversed(lines) if line.strip()), "it has said nothing")


def _now() -> str:
    # Two sweeps may begin within a second, and the latest is the one that people mean.
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
