"""One file that knows what all records of a store say, so that a question about 100,000 runs reads one file.

The records are the truth. Each look compares the stats of their folders with those in the index, reads what is new and
drops what is gone; an index that is lost, damaged or of another version is built again.
"""

import hashlib
import json
import os
import sqlite3
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from twinlib.errors import UserError
from twinlib.identity.fingerprint import Identity
from twinlib.store import pieces
from twinlib.store.faults import explained
from twinlib.store.filter import FIELDS, METRIC, Condition, as_number, place
from twinlib.store.local import FOLDER
from twinlib.store.record import RECORD, Damaged, Record

VERSION = 3
SETTLED_NS = 2_000_000_000  # what is younger may change again within one tick of the file system's clock
CHUNK = 2000  # records read between two commits: an interrupted build goes on from there
_TEXTS = "record, metrics, config"  # JSON, apart from each other: a filter reads only what it asks for
_COLUMNS = f"{_TEXTS}, {pieces.COLUMN}"
_ROW = f"SELECT folder, {_TEXTS} FROM runs"
WAIT = 10.0  # seconds for another process that updates the same index


@dataclass(frozen=True)
class Row:
    """What the index has of one record; `config` is the part that is in the run's identity, canonical."""

    folder: Path
    name: str | None
    fingerprint: str
    created: str
    seconds: float
    host: str
    objective: str
    metrics: dict[str, float]
    config: dict[str, Any]


class Index:
    """The index of the store in the folder `store`, kept in the folder `home`, the `.twin` of a project.

    Not in the store itself: that may be shared by a network file system, on which SQLite cannot lock, or read-only.
    Where `home` cannot be written either, the index is built in memory, each time.
    """

    def __init__(self, store: Path, home: Path) -> None:
        self._store = store.absolute()
        name = hashlib.sha256(os.fsencode(self._store)).hexdigest()[:12]
        self.file = home / f"runs-{name}.sqlite"

    def select(self, conditions: Sequence[Condition] = (), sort: str | None = None, reverse: bool = False) -> list[Row]:
        """The runs for which all conditions hold, by the time they were made or by the value of the key `sort`.

        Runs without a value of that key are last. Damaged records are skipped with a line on stderr.

        Raises
        ------
        UserError
            No run has such a key, or the store cannot be read.
        """
        with self._opened() as base:
            base.execute("BEGIN")  # all answers are of one state, whatever other processes write meanwhile
            found = _matching(base, conditions)
            if sort is not None:
                found = _sorted(base, found, sort, reverse)
            rows = [
                _row(self._store / folder, *texts)
                for (identifier,) in found
                for folder, *texts in base.execute(f"{_ROW} WHERE id = ?", (identifier,))
            ]
        if sort is None:
            rows.sort(key=lambda row: (row.created, row.folder.name), reverse=reverse)
        return rows

    def nearest(self, identity: Identity) -> Iterator[Path]:
        """Folders of the records with the fewest differences first, of equally near ones the latest.

        They may have been damaged since they were indexed.
        """
        with self._opened() as base:
            folders = pieces.nearest(base, identity)
        return (self._store / folder for folder in folders)

    @contextmanager
    def _opened(self) -> Iterator[sqlite3.Connection]:
        """A connection to an index that is up to date."""
        try:
            base = self._connect(str(self.file))
            self._refresh(base)
        except (sqlite3.Error, OSError) as error:
            if isinstance(error, sqlite3.DatabaseError) and not isinstance(error, sqlite3.OperationalError):
                with suppress(OSError):
                    self.file.unlink()  # damaged: the next look writes a new one
            base = self._connect(":memory:")
            self._refresh(base)
        with closing(base):
            yield base

    def _connect(self, place: str) -> sqlite3.Connection:
        if place != ":memory:":
            self.file.parent.mkdir(parents=True, exist_ok=True)
        base = sqlite3.connect(place, timeout=WAIT, isolation_level=None)
        # It can be built again: a loss of power may cost it.
        base.execute("PRAGMA synchronous = OFF")
        if _version(base) != VERSION:
            base.execute("BEGIN IMMEDIATE")  # of several processes one makes the table
            if _version(base) != VERSION:
                base.execute("DROP TABLE IF EXISTS runs")
                base.execute(f"CREATE TABLE runs (id INTEGER PRIMARY KEY, folder TEXT UNIQUE, stamp TEXT, {_COLUMNS})")
                base.execute("DROP TABLE IF EXISTS pieces")
                base.execute(pieces.TABLE)
                base.execute(f"PRAGMA user_version = {VERSION}")
            base.execute("COMMIT")
        return base

    def _refresh(self, base: sqlite3.Connection) -> None:
        known = dict(base.execute("SELECT folder, stamp FROM runs"))
        with explained(self._store):
            there = dict(_stamps(self._store))
        new = sorted(folder for folder, stamp in there.items() if known.get(folder) != stamp)
        if gone := [(folder,) for folder in known.keys() - there.keys()]:
            base.execute("BEGIN IMMEDIATE")
            base.executemany("DELETE FROM runs WHERE folder = ?", gone)
            base.execute("COMMIT")
        told = len(new) > 2 * CHUNK and sys.stderr.isatty()
        for start in range(0, len(new), CHUNK):
            if told:
                print(f"\rindex of {self._store}: {start:,} of {len(new):,} records", end="", file=sys.stderr)
            found: dict[int, bytes] = {}
            rows = list(self._read(new[start : start + CHUNK], there, found))
            damaged = set(new[start : start + CHUNK]) - {row[0] for row in rows}
            base.execute("BEGIN IMMEDIATE")
            base.executemany(f"INSERT OR REPLACE INTO runs (folder, stamp, {_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?)", rows)
            base.executemany("INSERT OR IGNORE INTO pieces VALUES (?, ?)", found.items())
            base.executemany("DELETE FROM runs WHERE folder = ?", [(folder,) for folder in damaged])
            base.execute("COMMIT")
        if told:
            print(file=sys.stderr)

    def _read(
        self, folders: Iterable[str], stamps: dict[str, str], found: dict[int, bytes]
    ) -> Iterator[tuple[str | bytes | None, ...]]:
        """The rows of records; the pieces of their identities get into `found`."""
        for folder in folders:
            read = time.time_ns()
            try:
                record = Record.read(self._store / folder)
                tree = pieces.identity_of(record.folder)
                texts = _texts(record, _config(record.folder, tree))
            except (Damaged, PermissionError) as error:
                print(f"skipped {self._store / folder}: {error}", file=sys.stderr)
                continue
            changed = max(map(int, stamps[folder].split()))
            own = pieces.split(tree)
            found |= own
            yield folder, stamps[folder] if changed + SETTLED_NS < read else "", *texts, pieces.packed(own)


def _version(base: sqlite3.Connection) -> int:
    (version,) = base.execute("PRAGMA user_version").fetchone()
    return int(version)


def row_of(record: Record) -> Row:
    """What the index would have of a record that lies anywhere."""
    return _row(record.folder, *_texts(record, config_of(record.folder)))


def config_of(folder: Path) -> dict[str, Any]:
    """The config in a record's identity, or its `config.yaml` where there is none."""
    return _config(folder, pieces.identity_of(folder))


def _config(folder: Path, identity: dict[str, Any]) -> dict[str, Any]:
    config = identity.get("config")
    if isinstance(config, dict):
        return config
    import yaml

    # The C parser where there is one: ten times as fast.
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    with suppress(OSError, yaml.YAMLError):
        config = yaml.load((folder / "config.yaml").read_bytes(), Loader=loader)
        if isinstance(config, dict):
            return config
    return {}


def _stamps(store: Path) -> Iterator[tuple[str, str]]:
    """Names of what look like records, and what changes when one of them does: stats of the folder, of its record."""
    try:
        descriptor = os.open(store, os.O_RDONLY | os.O_DIRECTORY)
    except FileNotFoundError:
        return
    try:
        with os.scandir(descriptor) as entries:
            for entry in entries:
                if not FOLDER.fullmatch(entry.name):
                    continue
                stamp = ""
                # A folder without a record, or one that may not be read, is for `Record.read` to judge.
                with suppress(OSError):
                    outer = os.stat(entry.name, dir_fd=descriptor)
                    inner = os.stat(f"{entry.name}/{RECORD}", dir_fd=descriptor)
                    stamp = (
                        f"{outer.st_mtime_ns} {outer.st_ctime_ns} {outer.st_ino}"
                        f" {inner.st_mtime_ns} {inner.st_ctime_ns} {inner.st_ino} {inner.st_size}"
                    )
                yield entry.name, stamp or "0"
    finally:
        os.close(descriptor)


def _texts(record: Record, config: dict[str, Any]) -> tuple[str, str, str]:
    fields = {
        "name": record.name,
        "hash": record.fingerprint,
        "created": record.created,
        "seconds": record.seconds,
        "host": record.host,
        "objective": record.objective,
    }
    metrics = {key: value if abs(value) < float("inf") else str(value) for key, value in record.metrics.items()}
    return _json(fields), _json(metrics), _json(config)


def _json(tree: dict[str, Any]) -> str:
    # SQLite finds a key by its characters, not by JSON's escapes for them.
    text = json.dumps(tree, default=str, ensure_ascii=False, separators=(",", ":"))
    return text.encode(errors="replace").decode()


def _row(folder: Path, record: str, metrics: str, config: str) -> Row:
    fields = json.loads(record)
    numbers = {key: float(value) for key, value in json.loads(metrics).items()}
    return Row(folder=folder, fingerprint=fields.pop("hash"), metrics=numbers, config=json.loads(config), **fields)


def _matching(base: sqlite3.Connection, conditions: Sequence[Condition]) -> list[tuple[int]]:
    places = [_place(base, condition.key) for condition in conditions]
    tests = [condition.matcher() for condition in conditions]
    columns = "".join(f", {column} -> ?" for column, _ in places)
    return [
        (identifier,)
        for identifier, *values in base.execute(f"SELECT id{columns} FROM runs", [path for _, path in places])
        if all(test(value) for test, value in zip(tests, values, strict=True))
    ]


def _sorted(base: sqlite3.Connection, found: list[tuple[int]], key: str, reverse: bool) -> list[tuple[int]]:
    column, path = _place(base, key)
    values = dict(base.execute(f"SELECT id, {column} -> ? FROM runs", (path,)))
    known: list[tuple[tuple[int, float, str], tuple[int]]] = []
    without = []
    for row in found:
        text = values[row[0]]
        value = None if text is None else json.loads(text)
        number = as_number(value)
        if value is None or number != number:
            without.append(row)
        elif number is None:
            known.append(((1, 0.0, str(value)), row))
        else:
            known.append(((0, number, ""), row))
    return [row for _, row in sorted(known, reverse=reverse)] + without


def _place(base: sqlite3.Connection, key: str) -> tuple[str, str]:
    """The place of a key that some run has; a metric is found without `metric.` too."""
    for name in (key, METRIC + key):
        column, path = place(name)
        if base.execute(f"SELECT 1 FROM runs WHERE {column} -> ? IS NOT NULL LIMIT 1", (path,)).fetchone():
            return column, path
    newest = base.execute(f"{_ROW} ORDER BY id DESC LIMIT 1").fetchone()
    if newest is None:
        return place(key)
    from twinlib.config.mistakes import nearest
    from twinlib.identity.config import leaves

    row = _row(Path(newest[0]), *newest[1:])
    names = [name for name, _ in leaves(row.config, split_lists=False)]
    groups = [name for name, value in row.config.items() if isinstance(value, dict)]
    known = [*FIELDS, *names, *groups, *(METRIC + name for name in row.metrics)]
    raise UserError(f"{key}: no run has such a key{nearest(key, known) or '; see the keys of a run: twin show RUN'}")
