"""Which runs are compared, and all that their records say."""

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from twinlib import lookup
from twinlib.errors import UserError
from twinlib.identity.fingerprint import Identity
from twinlib.store.filter import Condition
from twinlib.store.index import Index, Row, row_of
from twinlib.store.local import Store
from twinlib.sweep import manifest
from twinlib.sweep.manifest import Sweep, SweepPoint

LAST = "last"


@dataclass(frozen=True)
class Run:
    """One run of a comparison; `state` says what the sweep did with it (`cached`, `done`), if it was of a sweep."""

    row: Row
    state: str | None = None

    @property
    def hash(self) -> str:
        return self.row.fingerprint[:12]

    @cached_property
    def identity(self) -> Identity:
        """Its identity as recorded; only its config where a record has none."""
        try:
            return Identity.from_json(json.loads((self.row.folder / "identity.json").read_bytes()))
        except (OSError, ValueError, KeyError, TypeError):
            return Identity(self.row.config, {}, {}, {})

    @cached_property
    def history(self) -> list[dict[str, Any]]:
        """One dict an epoch; empty where a record has no history that can be read."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        try:
            rows: list[dict[str, Any]] = pq.read_table(self.row.folder / "history.parquet").to_pylist()
        except (OSError, pa.ArrowException):
            return []
        return rows

    @property
    def pictures(self) -> list[Path]:
        return sorted(path for path in self.row.folder.glob("*.png") if path.is_file() and not path.is_symlink())


@dataclass(frozen=True)
class Selection:
    """What is compared: the runs, the sweep if it is one, and its points that have no record (failed, stopped)."""

    runs: tuple[Run, ...]
    title: str
    sweeps: tuple[Sweep, ...] = ()
    without: tuple[SweepPoint, ...] = field(default=())

    @property
    def objective(self) -> str | None:
        """What most of the runs were judged by."""
        names = [run.row.objective for run in self.runs]
        return max(sorted(set(names)), key=names.count, default=None)

    @property
    def minimize(self) -> bool:
        return all(run.row.config.get("direction") != "maximize" for run in self.runs)


def choose(words: Sequence[str], root: Path) -> Selection:
    """The runs that words mean.

    Parameters
    ----------
    words
        Sweeps (the beginning of an id, or `last`), runs as `lookup.find` takes them, experiments (`mnist/*` for
        several), filters, `store.KEY=VALUE`. Filters choose among what is named, or among all runs.

    Raises
    ------
    UserError
        Something is named that there is not, or nothing is left.
    """
    settings = [word for word in words if lookup.names_store(word)]
    conditions = [Condition.parse(word) for word in words if word not in settings and Condition.is_one(word)]
    named = [word for word in words if word not in settings and not Condition.is_one(word)]
    store = lookup.open_store(root, settings)
    rows = {row.folder: row for row in Index(store.path, root / ".twin").select(conditions)}
    title = " ".join(word for word in words if word not in settings) or "all runs"
    if not named:
        return _some(Selection(tuple(map(Run, rows.values())), title), store)
    runs: dict[Path, Run] = {}
    sweeps: list[Sweep] = []
    known = manifest.sweeps(store.path)
    for word in named:
        sweep = _sweep(word, known)
        if sweep is not None:
            sweeps.append(sweep)
            for point in sweep.points:
                folder = store.path.absolute() / (point.record or "")
                if point.record is not None and folder in rows:
                    # A point that is in the sweep twice was computed once.
                    runs.setdefault(folder, Run(rows[folder], point.state))
            continue
        several = _experiments(word, root)
        for name in several or [word]:
            try:
                record = lookup.find(name, root, settings)
            except UserError as error:
                if not several:
                    raise
                print(f"left out, {error}", file=sys.stderr)
                continue
            folder = record.folder.absolute()
            row = rows.get(folder) or (None if conditions else row_of(record))
            if row is not None:
                runs.setdefault(folder, Run(row))
    without = tuple(point for sweep in sweeps for point in sweep.points if point.record is None)
    return _some(Selection(tuple(runs.values()), title, tuple(sweeps), without), store)


def _some(selection: Selection, store: Store) -> Selection:
    if not selection.runs:
        raise UserError(f"{selection.title}: no run to compare in {store.path}; all that there are: twin runs")
    return selection


def _sweep(word: str, known: Sequence[Sweep]) -> Sweep | None:
    if word == LAST:
        if not known:
            raise UserError("last: no sweep yet; make one with: python train.py -m lr=1e-3,1e-4")
        return known[-1]
    found = [sweep for sweep in known if sweep.id == word] or [sweep for sweep in known if sweep.id.startswith(word)]
    if len(found) > 1 and word.startswith("sweep"):
        raise UserError(f"{word}: {len(found)} sweeps begin so: {', '.join(s.id for s in found[-5:])}; give more of it")
    return found[0] if len(found) == 1 else None


def _experiments(word: str, root: Path) -> list[str]:
    """The experiments that a pattern such as `mnist/*` means."""
    from fnmatch import fnmatchcase

    if "*" not in word:
        return []
    found = [name for name in lookup.experiments(root) if fnmatchcase(name, word)]
    if not found:
        raise UserError(f"{word}: no experiment has such a name; there are {', '.join(lookup.experiments(root))}")
    return found
