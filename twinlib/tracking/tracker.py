"""The interface of all trackers, and several of them as one."""

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

from twinlib.config.build import build
from twinlib.store.local import folder_name
from twinlib.tracking.rank import is_first
from twinlib.tracking.secrets import without_secrets


@dataclass(frozen=True)
class RunInfo:
    """What a tracker is told about a run before its first epoch.

    Attributes
    ----------
    fingerprint
        64 hexadecimal digits.
    name
        What people call it; the experiment's name.
    label
        The readable half of the record's folder name.
    group
        The sweep that the run belongs to.
    job_type
        The stage, such as "train".
    config
        The resolved config.
    folder
        The project folder: where a tracker's own relative folder starts.
    """

    fingerprint: str
    name: str | None
    label: str
    group: str | None
    job_type: str
    config: Mapping[str, Any]
    folder: Path

    @property
    def id(self) -> str:
        """The 12 digits of the fingerprint that are in the record's folder name too."""
        return self.fingerprint[:12]

    @property
    def folder_name(self) -> str:
        """That of the record."""
        return folder_name(self.label, self.fingerprint)


class Tracker(Protocol):
    """`start`, any number of `epoch`, then `finish`, `prune` or `fail`. If one raises, the run goes on without it."""

    def start(self, run: RunInfo) -> None: ...

    def epoch(self, row: Mapping[str, float]) -> None:
        """One row of the history: `epoch`, `train_loss`, `val_loss`, `lr`, `seconds` and the metrics."""

    def finish(self, metrics: Mapping[str, float], pictures: Sequence[Path]) -> None: ...

    def prune(self) -> None:
        """The pruner of a search ended the run: there will be no metrics, and that is no failure."""

    def fail(self) -> None:
        """The run ended with an error or was interrupted."""


class Trackers:
    """Several trackers as one. The first that fails is named on stderr and left out; no training ends for it."""

    def __init__(self, trackers: Mapping[str, Tracker]) -> None:
        self._alive = dict(trackers)

    def start(self, run: RunInfo) -> None:
        public = replace(run, config=without_secrets(run.config))
        self._tell(lambda tracker: tracker.start(public))

    def epoch(self, row: Mapping[str, float]) -> None:
        self._tell(lambda tracker: tracker.epoch(row))

    def finish(self, metrics: Mapping[str, float], pictures: Sequence[Path]) -> None:
        self._tell(lambda tracker: tracker.finish(metrics, pictures))
        self._alive.clear()

    def prune(self) -> None:
        self._tell(lambda tracker: tracker.prune())
        self._alive.clear()

    def fail(self) -> None:
        self._tell(lambda tracker: tracker.fail())
        self._alive.clear()

    def _tell(self, message: Callable[[Tracker], None]) -> None:
        for name, tracker in list(self._alive.items()):
            try:
                message(tracker)
            except Exception as error:
                del self._alive[name]
                warn(f"tracking.{name}: {one_line(error)}; the run goes on without it")


def trackers(config: Mapping[str, Any]) -> Trackers:
    """The trackers that a config names; none in a process that is not the first of its run.

    Raises
    ------
    UserError
        A tracker's `_target_` cannot be found or called.
    """
    nodes = config["tracking"] if is_first() else {}
    return Trackers({name: build(node) for name, node in nodes.items()})


def one_line(error: Exception) -> str:
    """The message of an error that may have many lines."""
    return f"{type(error).__name__}: {' '.join(str(error).split())}"


def warn(message: str) -> None:
    """Say on stderr what a tracker could not do."""
    # Not through `warnings`: where warnings are errors, it would end the training after all.
    print(f"warning: {message}", file=sys.stderr, flush=True)
