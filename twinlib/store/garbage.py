"""What of a store nobody needs any more. Finding and removing are apart: people see it first."""

import os
import shutil
import stat
import time
from collections.abc import Collection, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from twinlib.store import lock
from twinlib.store.faults import explained
from twinlib.store.local import FOLDER
from twinlib.store.record import RECORD, Damaged, Record

STUDIES = ".studies"  # the journals of searches, and their locks
CHECKPOINTS = ".partial"  # of runs that are not finished
YOUNG = 60.0  # seconds in which a sweep has written into its manifest what it has just computed
IDLE = 3600.0  # seconds without a change after which what nobody holds a lock for is abandoned: a copy from elsewhere
PARTIAL = 7 * 86400.0  # the same for checkpoints of a run that broke off: it could go on from them
UNCACHED = 86400.0  # the same for results that are no records; a training may say nothing for long


@dataclass(frozen=True)
class Rubbish:
    """A file or folder that can go, why, and its size in bytes."""

    path: Path
    why: str
    size: int


def rubbish(store: Path, kept: Collection[str]) -> list[Rubbish]:
    """All that can go from a store: records that are not `kept`, and what dead processes left.

    Parameters
    ----------
    kept
        Fingerprints. A damaged record of one of these can go too: it is of no use to anybody.

    Raises
    ------
    UserError
        The store cannot be read.
    """
    with explained(store):
        living, dead = lock.owned(store)
        found = [
            *_records(store, kept, living),
            *_drafts(store, living, {path.name.rpartition(".")[0] for path in dead}),
        ]
        found += [Rubbish(path, "moved aside, it was damaged", size(path)) for path in _in(store / ".damaged")]
        for path in _in(store / ".uncached"):
            if _age(path) > UNCACHED:
                found.append(Rubbish(path, "a result that is no record, a day old", size(path)))
        found += _partial(store, living)
        dead += lock.owned(store / STUDIES)[1]
        return [*found, *(Rubbish(path, "the lock of a dead process", size(path)) for path in dead)]


def remove(found: Rubbish) -> None:
    """Remove it for good; what is gone already is no mistake."""
    with explained(found.path), suppress(FileNotFoundError):
        if found.path.is_symlink() or not found.path.is_dir():
            found.path.unlink()
            return
        # Without it the rest is no record any more, wherever this is interrupted.
        with suppress(FileNotFoundError):
            (found.path / RECORD).unlink()
        shutil.rmtree(found.path)


def size(path: Path) -> int:
    """Bytes of a file or of all files in a folder."""
    return sum(found.st_size for found in _stats(path) if not stat.S_ISDIR(found.st_mode))


def _records(store: Path, kept: Collection[str], living: Collection[str]) -> Iterator[Rubbish]:
    hashes = {fingerprint[:12] for fingerprint in living}
    for path in _in(store):
        if not FOLDER.fullmatch(path.name) or path.name[-12:] in hashes or _age(path) < YOUNG:
            continue
        try:
            record = Record.read(path)
        except PermissionError:
            continue
        except Damaged as error:
            yield Rubbish(path, f"a damaged record: {error}", size(path))
        else:
            if record.fingerprint not in kept:
                yield Rubbish(path, "no sweep, no experiment and no tag refers to it", size(path))


def _drafts(store: Path, living: Collection[str], dead: Collection[str]) -> Iterator[Rubbish]:
    """Drafts are named `<label>-<hash12>.<random>`, locks by the whole hash."""
    held, left = ({key[:12] for key in keys} for keys in (living, dead))
    for path in _in(store / ".draft"):
        hash12 = path.name.rpartition(".")[0][-12:]
        if hash12 in held:
            continue
        if hash12 in left:
            yield Rubbish(path, "the draft of a dead process", size(path))
        elif _age(path) > IDLE:
            yield Rubbish(path, "a draft that nobody works at", size(path))


def _partial(store: Path, living: Collection[str]) -> Iterator[Rubbish]:
    """Checkpoints are in a folder that has the whole hash for its name."""
    finished = {path.name[-12:] for path in _in(store) if FOLDER.fullmatch(path.name) and (path / RECORD).is_file()}
    for path in _in(store / CHECKPOINTS):
        if path.name in living:
            continue
        if path.name[:12] in finished:
            yield Rubbish(path, "checkpoints of a run that is finished", size(path))
        elif _age(path) > PARTIAL:
            yield Rubbish(path, "checkpoints of a run that broke off, a week old", size(path))


def _in(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except FileNotFoundError:
        return []


def _age(path: Path) -> float:
    """Seconds since anything in it changed."""
    return time.time() - max((max(found.st_mtime, found.st_ctime) for found in _stats(path)), default=0.0)


def _stats(path: Path) -> Iterator[os.stat_result]:
    with suppress(FileNotFoundError):
        yield path.lstat()
        if path.is_dir() and not path.is_symlink():
            for inner in path.iterdir():
                yield from _stats(inner)
