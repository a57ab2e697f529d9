"""What was computed from a file, kept until the file's stat changes: an unchanged file costs a stat, not a read.

Size, mtime, ctime and inode stand for the content. An mtime can be set back, a ctime cannot. On a network file system
they are as fresh as its attribute cache; on one that invents its ctime (sshfs, images mounted in turn at one path) the
folder of this cache is to be deleted when files were exchanged.
"""

import contextlib
import errno
import hashlib
import json
import os
import stat
import time
from pathlib import Path
from typing import Any

from twinlib.errors import UserError

# A file written twice within one tick of its file system's clock, and read in between, has the old stat and a new
# content ("racy git"). So what is younger than the coarsest clock in use when it is read is not remembered.
SETTLED_NS = 2_000_000_000


def stamp(found: os.stat_result) -> list[int]:
    """What has to be equal for a file to count as unchanged."""
    return [found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino]


class StatCache:
    """Values by shelf and key, each valid for one stamp; several processes may use one folder at once.

    A shelf is one JSON file that is replaced as a whole. Where two processes save the same shelf, one of them loses
    what it added, and computes it again some day. A shelf that is damaged counts as empty.

    Parameters
    ----------
    folder
        Where the shelves lie, `.twin` of a project. A folder that cannot be written makes the cache forget, no more.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._shelves: dict[str, dict[str, Any]] = {}
        self._changed: set[str] = set()

    def get(self, shelf: str, key: str, valid: Any) -> Any | None:
        """The value remembered under `key`, if its stamp is `valid`."""
        entry = self._shelf(shelf).get(key)
        return entry[1] if entry is not None and entry[0] == valid else None

    def put(self, shelf: str, key: str, valid: Any, value: Any, *, changed: int, read: int) -> None:
        """Remember a value, unless its source is so young that its stamp cannot be trusted.

        Parameters
        ----------
        valid
            The stamp of the source, of what JSON can hold, taken before it was read.
        value
            Anything that JSON can hold.
        changed
            The newest ctime in the source, in ns.
        read
            `time.time_ns()` before the source was read.
        """
        if changed + SETTLED_NS < read:
            self._shelf(shelf)[key] = [valid, value]
            self._changed.add(shelf)

    def keep_only(self, shelf: str, keys: set[str]) -> None:
        """Forget all other keys of a shelf."""
        entries = self._shelf(shelf)
        for key in entries.keys() - keys:
            del entries[key]
            self._changed.add(shelf)

    def file_hash(self, path: Path, algorithm: str) -> str:
        """Hash of a regular file's content, in hex, by one of hashlib's algorithms; `save` keeps it for later.

        Raises
        ------
        OSError
            The file cannot be read or is no regular file.
        UserError
            It is written while it is read.
        """
        path = path.absolute()
        shelf, key = f"files {path.parent}", f"{algorithm} {path.name}"
        valid = stamp(path.stat())
        known: str | None = self.get(shelf, key, valid)
        if known is None:
            read = time.time_ns()
            known, valid = hash_file(path, algorithm)
            self.put(shelf, key, valid, known, changed=valid[2], read=read)
        return known

    def save(self) -> None:
        """Write what is new to disk."""
        for shelf in self._changed:
            self._write(shelf)
        self._changed.clear()

    def _shelf(self, shelf: str) -> dict[str, Any]:
        if shelf not in self._shelves:
            self._shelves[shelf] = self._read(shelf)
        return self._shelves[shelf]

    def _path(self, shelf: str) -> Path:
        return self._folder / f"{hashlib.sha256(shelf.encode(errors='surrogatepass')).hexdigest()[:24]}.json"

    def _read(self, shelf: str) -> dict[str, Any]:
        try:
            checksum, _, text = self._path(shelf).read_bytes().partition(b"\n")
        except OSError:
            return {}
        if hashlib.sha256(text).hexdigest().encode() != checksum:
            return {}
        entries: dict[str, Any] = json.loads(text)
        return entries

    def _write(self, shelf: str) -> None:
        text = json.dumps(self._shelves[shelf], separators=(",", ":")).encode()
        path = self._path(shelf)
        draft = path.with_name(f".{path.name}.{os.getpid()}.{time.monotonic_ns()}")
        try:
            if not self._folder.is_dir():
                self._folder.mkdir(parents=True, exist_ok=True)
                (self._folder / ".gitignore").write_text("*\n")
            draft.write_bytes(hashlib.sha256(text).hexdigest().encode() + b"\n" + text)
            draft.replace(path)
        except OSError:
            # Without the cache all stays right and becomes slower: a full disk is for the run itself to report.
            with contextlib.suppress(OSError):
                draft.unlink()


def hash_file(path: Path, algorithm: str) -> tuple[str, list[int]]:
    """Hash of a regular file's content, and the stamp that belongs to exactly this content.

    Raises
    ------
    OSError
        The file cannot be read or is no regular file.
    UserError
        It is written while it is read.
    """
    # Asked before it is opened: opening a fifo would wait until somebody writes into it.
    if not stat.S_ISREG(path.stat().st_mode):
        raise OSError(errno.EINVAL, "it is no regular file", str(path))
    with path.open("rb", buffering=0) as file:
        before = os.fstat(file.fileno())
        digest = hashlib.file_digest(file, lambda: hashlib.new(algorithm, usedforsecurity=False)).hexdigest()
        after = os.fstat(file.fileno())
    if stamp(before) != stamp(after):
        raise UserError(f"{path} is written while it is read; try again when its writer is done")
    return digest, stamp(before)
