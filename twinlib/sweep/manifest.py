"""What is kept of a sweep: its command and what became of every point, those that were known before included."""

import json
import math
import os
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

FOLDER = ".sweeps"  # in the store
MANIFEST = "manifest.json"
VERSION = 1

WAITING, RUNNING, CACHED, DONE, FAILED = "waiting", "running", "cached", "done", "failed"
PRUNED = "pruned"  # ended early, as it was worse than others; it has no record


@dataclass(frozen=True)
class SweepPoint:
    """One run of a sweep.

    `record` is the name of a folder in the store; `objective` None unless the point is cached or done; `seconds` how
    long it took in this sweep; `error` one line of a failed or pruned point.
    """

    number: int
    overrides: tuple[str, ...]
    state: str
    fingerprint: str | None = None
    record: str | None = None
    objective: float | None = None
    seconds: float | None = None
    error: str | None = None


@dataclass(frozen=True)
class Sweep:
    """A sweep that ran or runs; `id` is the name of its folder, the times are ISO 8601 in UTC.

    `ended` is None while it runs, and for good if it was killed. A point that waits or runs in a sweep that ended was
    stopped.
    """

    id: str
    command: tuple[str, ...]
    created: str
    ended: str | None
    objective: str
    direction: str
    points: tuple[SweepPoint, ...]

    def best(self) -> SweepPoint | None:
        """The point with the best objective."""
        known = [point for point in self.points if point.objective is not None and math.isfinite(point.objective)]
        choose = min if self.direction == "minimize" else max
        return choose(known, key=lambda point: point.objective or 0.0, default=None)

    def count(self, state: str) -> int:
        return sum(point.state == state for point in self.points)


def write(sweep: Sweep, folder: Path) -> None:
    """Write or replace the manifest in a sweep's folder; a reader sees the old or the new one, never a part."""
    tree = {"version": VERSION} | asdict(sweep)
    for point in tree["points"]:
        if point["objective"] is not None and not math.isfinite(point["objective"]):
            point["objective"] = str(point["objective"])  # JSON has no nan and no infinity
    folder.mkdir(parents=True, exist_ok=True)
    draft = folder / f".{MANIFEST}.{os.getpid()}"
    draft.write_text(json.dumps(tree, indent=1, allow_nan=False) + "\n")
    draft.replace(folder / MANIFEST)


def read(folder: Path) -> Sweep:
    """Read the manifest of a sweep.

    Raises
    ------
    OSError, ValueError
        There is none, or it is not what `write` writes.
    """
    try:
        tree: Mapping[str, Any] = json.loads((folder / MANIFEST).read_text())
        if tree["version"] != VERSION:
            raise ValueError(f"it has version {tree['version']!r}, this program reads version {VERSION}")
        points = tuple(
            SweepPoint(
                **point
                | {
                    "overrides": tuple(point["overrides"]),
                    "objective": None if point["objective"] is None else float(point["objective"]),
                }
            )
            for point in tree["points"]
        )
        kept = {key: value for key, value in tree.items() if key != "version"}
        return Sweep(**kept | {"command": tuple(tree["command"]), "points": points})
    except (KeyError, TypeError) as error:
        raise ValueError(f"{folder / MANIFEST} is no manifest of a sweep: {error}") from error


def sweeps(store: Path) -> list[Sweep]:
    """All sweeps of a store, the latest last; a manifest that cannot be read is skipped with a line on stderr."""
    found = []
    for path in (store / FOLDER).glob(f"*/{MANIFEST}"):
        try:
            found.append(read(path.parent))
        except (OSError, ValueError) as error:
            print(f"skipped {path}: {error}", file=sys.stderr)
    return sorted(found, key=lambda sweep: (sweep.created, sweep.id))
