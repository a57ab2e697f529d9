"""What a sweep shows of itself: while it runs on stderr, live in a terminal; at its end a table of all points."""

import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from twinlib.sweep.manifest import CACHED, DONE, FAILED, PRUNED, RUNNING, WAITING, Sweep, SweepPoint

if TYPE_CHECKING:
    from rich.live import Live
    from rich.text import Text

PERIOD = 0.25  # seconds between two pictures


class Display:
    """The `Watcher` that a user has: a picture in a terminal, elsewhere a line for each point that was computed.

    There is no picture as long as points are only looked up, and few of them.

    Parameters
    ----------
    total
        How many points there will be, if that is known.
    """

    def __init__(self, total: int | None = None, out: TextIO | None = None) -> None:
        self._total, self._out = total, out or sys.stderr
        self._began = time.monotonic()
        self._shown = 0.0
        self._live: Live | None = None

    def see(self, sweep: Sweep, over: SweepPoint | None) -> None:
        if not self._out.isatty():
            if over is not None and over.seconds:  # it was computed
                print(_line(over, sweep, self._total), file=self._out, flush=True)
            return
        now = time.monotonic()
        if now - self._shown > PERIOD and (now - self._began > 1 or sweep.count(RUNNING)):
            self._shown = now
            self._live = self._live or self._start()
            self._live.update(self._picture(sweep), refresh=True)

    def close(self) -> None:
        if self._live is not None:
            self._live.stop()
            self._live = None

    def _start(self) -> "Live":
        # Rich is imported only when there is something to show.
        from rich.console import Console
        from rich.live import Live

        live = Live(console=Console(file=self._out), auto_refresh=False, transient=True)
        live.start()
        return live

    def _picture(self, sweep: Sweep) -> "Text":
        from rich.text import Text

        picture = Text()
        picture.append(f"{len(sweep.points)} of {self._total} points" if self._total else f"{len(sweep.points)} points")
        for state, style in (
            (CACHED, "cyan"),
            (DONE, "green"),
            (RUNNING, "yellow"),
            (WAITING, ""),
            (PRUNED, "magenta"),
            (FAILED, "bold red"),
        ):
            if count := sweep.count(state):
                picture.append(f"   {count} {state}", style)
        best = sweep.best()
        if best is not None:
            picture.append(f"\nbest {sweep.objective} {best.objective:.4g}   {' '.join(_own(sweep)(best))}")
        if (left := seconds_left(sweep)) is not None:
            picture.append(f"\n{_duration(left)} left")
        return picture


def seconds_left(sweep: Sweep) -> float | None:
    """Time until the submitted points are over, by the mean of those that were computed; None if none was."""
    took = [point.seconds for point in sweep.points if point.state == DONE and point.seconds]
    running = sweep.count(RUNNING)
    if not took or not running:
        return None
    # Of those that run, a half is over on average.
    return sum(took) / len(took) * (sweep.count(WAITING) + running / 2) / running


def table(sweep: Sweep, folder: Path) -> Iterator[str]:
    """The lines of a table of all points and a summary; `folder` has the logs of those that failed."""
    own = _own(sweep)
    rows = [("", "point", "state", sweep.objective, "seconds", "")]
    for point in sweep.points:
        rows.append(
            (
                str(point.number),
                " ".join(own(point)) or "-",
                point.state if point.state not in (RUNNING, WAITING) else "stopped",
                "" if point.objective is None else f"{point.objective:.6g}",
                f"{point.seconds:.1f}" if point.seconds else "",
                f"{folder / f'{point.number}.log'}: {point.error}" if point.error else "",
            )
        )
    widths = [max(len(row[column]) for row in rows) for column in range(5)]
    for number, overrides, state, objective, seconds, error in rows:
        cells = (
            number.rjust(widths[0]),
            overrides.ljust(widths[1]),
            state.ljust(widths[2]),
            objective.rjust(widths[3]),
            seconds.rjust(widths[4]),
            error,
        )
        yield "  ".join(cells).rstrip()
    yield summary(sweep)


def summary(sweep: Sweep) -> str:
    """One line: the sweep's name, its points by state, the best one."""
    stopped = sweep.count(WAITING) + sweep.count(RUNNING)
    counts = [
        (CACHED, sweep.count(CACHED)),
        (DONE, sweep.count(DONE)),
        (PRUNED, sweep.count(PRUNED)),
        (FAILED, sweep.count(FAILED)),
        ("stopped", stopped),
    ]
    words = ", ".join(f"{count} {state}" for state, count in counts if count)
    best = sweep.best()
    if best is not None:
        words += f"; best {sweep.objective} {best.objective:.6g} ({' '.join(_own(sweep)(best)) or best.number})"
    return f"{sweep.id}: {len(sweep.points)} {'point' if len(sweep.points) == 1 else 'points'}: {words}"


def _own(sweep: Sweep) -> Callable[[SweepPoint], list[str]]:
    """The overrides of a point that tell it from the others."""
    several = len(sweep.points) > 1
    common = set.intersection(*(set(point.overrides) for point in sweep.points)) if several else set()
    return lambda point: [word for word in point.overrides if word not in common]


def _line(over: SweepPoint, sweep: Sweep, total: int | None) -> str:
    ended = sum(point.state in (CACHED, DONE, FAILED, PRUNED) for point in sweep.points)
    words = [f"[{ended}/{total or len(sweep.points)}]", over.state, *over.overrides]
    if over.objective is not None:
        words.append(f" {sweep.objective} {over.objective:.6g}")
    if over.seconds:
        words.append(f" {_duration(over.seconds)}")
    if over.error:
        words.append(f" {over.error}")
    return " ".join(words)


def _duration(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02} min"
