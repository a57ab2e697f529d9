"""What the store keeps of one run: a folder of files, and `record.json` that lists them with their hashes."""

import errno
import hashlib
import json
import math
import re
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from twinlib.identity.stat_cache import StatCache

RECORD = "record.json"
VERSION = 1
LARGEST = 16 * 2**20  # bytes of a record.json; what is larger is no record of ours

_HASH = re.compile(r"[0-9a-f]{64}")
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")


class Damaged(Exception):
    """A folder that is no complete, unaltered record; the message says why."""


@dataclass(frozen=True)
class FileEntry:
    """One file of a record: its size in bytes and the SHA-256 of its content."""

    size: int
    sha256: str


@dataclass(frozen=True)
class Record:
    """One run that was computed.

    `created` is ISO 8601 in UTC, `seconds` how long the run took, `objective` a key of `metrics`. `files` has the path
    of every file relative to `folder`, with `/` between its parts, without `record.json`.
    """

    folder: Path
    fingerprint: str
    name: str | None
    created: str
    seconds: float
    host: str
    objective: str
    metrics: dict[str, float]
    files: dict[str, FileEntry]

    @classmethod
    def read(cls, folder: Path) -> "Record":
        """Read a record and look that every file of it is there with its size; `verify` looks at their content.

        Raises
        ------
        Damaged
            `record.json` is missing, cut off or altered, or a file is missing, a link, or of another size.
        PermissionError
            The reader has no right to look, so nothing is known about the record.
        """
        if regular_size(folder, RECORD) > LARGEST:
            raise Damaged(f"{RECORD} is too large")
        with _damage(RECORD):
            text = (folder / RECORD).read_bytes()
        record = cls.parse(text, folder)
        for name, entry in record.files.items():
            if regular_size(folder, name) != entry.size:
                raise Damaged(f"{name} has another size than recorded")
        return record

    @classmethod
    def parse(cls, text: bytes, folder: Path) -> "Record":
        """Make a record of the bytes of a `record.json`, which may come from anywhere: nothing in it is trusted.

        Raises
        ------
        Damaged
            The text is not what `to_json` writes.
        """
        try:
            tree = json.loads(text, object_pairs_hook=_without_duplicates)
            checksum = tree.pop("sha256")
            if tree["version"] != VERSION:
                raise ValueError(f"it has version {tree['version']!r}, this program reads version {VERSION}")
            if checksum != _checksum(tree):
                raise ValueError("it was altered")
            return cls(
                folder=folder,
                fingerprint=_matching(_HASH, tree["fingerprint"]),
                name=None if tree["name"] is None else _printable(tree["name"]),
                created=_matching(_TIME, tree["created"]),
                seconds=_number(tree["seconds"]),
                host=_printable(tree["host"]),
                objective=tree["objective"],
                metrics=_metrics(tree["metrics"], tree["objective"]),
                files=_files(tree["files"]),
            )
        except KeyError as error:
            raise Damaged(f"{RECORD}: {error} is missing") from error
        except (ValueError, TypeError, AttributeError, OverflowError, RecursionError) as error:
            raise Damaged(f"{RECORD}: {error}") from error

    def to_json(self) -> str:
        """The text of `record.json`; it holds its own hash, so that a change of any value shows."""
        tree: dict[str, Any] = {"version": VERSION} | asdict(self)
        del tree["folder"]
        tree["seconds"] = _strict(self.seconds)
        tree["metrics"] = {key: _strict(value) for key, value in self.metrics.items()}
        return json.dumps(tree | {"sha256": _checksum(tree)}, indent=1, allow_nan=False) + "\n"

    def verify(self, cache: "StatCache | None" = None) -> None:
        """Look that every file has the content that was recorded.

        Raises
        ------
        Damaged
            Names the first file that has not.
        PermissionError
            A file cannot be read.
        """
        for name, entry in self.files.items():
            if entry_of(self.folder, name, cache) != entry:
                raise Damaged(f"{name} has another content than recorded")
        if cache is not None:
            cache.save()


def entry_of(folder: Path, name: str, cache: "StatCache | None" = None) -> FileEntry:
    """Size and hash of a file of a record; Damaged where it is missing or no regular file."""
    size = regular_size(folder, name)
    with _damage(name):
        if cache is not None:
            return FileEntry(size, cache.file_hash(folder / name, "sha256"))
        with (folder / name).open("rb") as file:
            return FileEntry(size, hashlib.file_digest(file, "sha256").hexdigest())


def regular_size(folder: Path, name: str) -> int:
    """Size of a regular file that is reached through no link; else Damaged.

    A link could point at any file of the reader's, and would show another content tomorrow.
    """
    path = folder
    with _damage(name):
        for part in name.split("/"):
            path /= part
            found = path.lstat()
            if stat.S_ISLNK(found.st_mode):
                raise Damaged(f"{path.relative_to(folder)} is a link")
        if not stat.S_ISREG(found.st_mode):
            raise Damaged(f"{name} is no regular file")
    return found.st_size


@contextmanager
def _damage(name: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.ENOTDIR, errno.EISDIR):
            raise Damaged(f"{name} is missing") from error
        if error.errno == errno.EIO:
            raise Damaged(f"{name} cannot be read") from error
        raise


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    tree = dict(pairs)
    if len(tree) != len(pairs):
        raise ValueError("a key stands in it twice")
    return tree


def _checksum(tree: dict[str, Any]) -> str:
    text = json.dumps(tree, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def _strict(value: float) -> float | str:
    # JSON has no nan and no infinity.
    return float(value) if math.isfinite(value) else str(float(value))


def _number(value: Any) -> float:
    if isinstance(value, bool) or not (isinstance(value, int | float) or value in ("nan", "inf", "-inf")):
        raise ValueError(f"{value!r} is no number")
    return float(value)


def _metrics(tree: Any, objective: str) -> dict[str, float]:
    metrics = {_printable(key): _number(value) for key, value in tree.items()}
    if objective not in metrics:
        raise ValueError(f"the objective {objective!r} is none of its metrics")
    return metrics


def _files(tree: Any) -> dict[str, FileEntry]:
    files = {}
    for name, entry in tree.items():
        _check_name(name)
        if any(str(parent) in tree for parent in PurePosixPath(name).parents):
            raise ValueError(f"{name!r} lies in a file")
        if type(entry["size"]) is not int or entry["size"] < 0:
            raise ValueError(f"{name!r} has no size")
        files[name] = FileEntry(entry["size"], _matching(_HASH, entry["sha256"]))
    return files


def _check_name(name: str) -> None:
    """Refuse what could reach out of the record's folder, or no file system takes."""
    parts = _printable(name).split("/")
    if name == RECORD or "\\" in name or any(part in ("", ".", "..") for part in parts):
        raise ValueError(f"{name!r} is no name for a file of a record")
    if len(name) > 1000 or any(len(part.encode()) > 255 for part in parts):
        raise ValueError(f"the file name {name[:40]!r}… is too long")


def _printable(value: Any) -> str:
    # Control characters could rewrite what a terminal shows.
    if not isinstance(value, str) or not value.isprintable():
        raise ValueError(f"{value!r} is no readable text")
    return value


def _matching(pattern: re.Pattern[str], value: Any) -> str:
    if not isinstance(value, str) or not pattern.fullmatch(value):
        raise ValueError(f"{value!r} is not of the form {pattern.pattern}")
    return value
