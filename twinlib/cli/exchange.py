"""`twin push` and `twin pull`: records to and from the remote store."""

import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TypeVar

from tqdm import tqdm

from twinlib import lookup
from twinlib.cli.words import split
from twinlib.errors import UserError
from twinlib.store.local import Store

_T = TypeVar("_T")


def push(words: Sequence[str]) -> None:
    """Send the named records, or all."""
    named, settings, store = _opened(words)
    root = lookup.project()
    wanted = _wanted(named, settings)
    records = [lookup.find(run, root, settings) for run in wanted] if wanted else list(store.records())
    for record in _shown(records):
        store.push(record)
    print(f"{_count(len(records))} in the remote store")


def pull(words: Sequence[str]) -> None:
    """Fetch the named records, or all."""
    named, settings, store = _opened(words)
    root = lookup.project()
    here = {record.folder.name[-12:] for record in store.records()}
    wanted = _wanted(named, settings)
    hashes = (
        [_hash(run, root, settings, store) for run in wanted] if wanted else [n[-12:] for n in store.remote_names()]
    )
    missing = [hash12 for hash12 in hashes if hash12 not in here]
    fetched = [record for hash12 in _shown(missing) if (record := store.pull(hash12)) is not None]
    if wanted and len(fetched) < len(missing):
        raise UserError(f"{' '.join(words)}: the remote store has no good record of it; see twin push --help")
    print(f"{_count(len(fetched))} fetched, {len(hashes) - len(missing)} were here already; list them with: twin runs")


def _opened(words: Sequence[str]) -> tuple[list[str], list[str], Store]:
    named, settings = split(words)
    store = lookup.open_store(lookup.project(), [setting for setting in settings if lookup.names_store(setting)])
    if store.remote is None:
        raise UserError("store.remote is not set; name a second store, such as store.remote=s3://bucket/runs")
    return named, settings, store


def _wanted(named: list[str], settings: list[str]) -> list[str | None]:
    """What `lookup.find` takes: runs by name, or the one that the settings describe; nothing: all runs."""
    if named:
        return list(named)
    return [] if all(map(lookup.names_store, settings)) else [None]


def _hash(run: str | None, root: Path, settings: Sequence[str], store: Store) -> str:
    if run is None or run in lookup.experiments(root):
        named = [] if run is None else [f"experiment={run}"]
        return lookup.described([*named, *settings], root).identity.fingerprint[:12]
    names = store.remote_names()
    found = [name for name in names if name == run] or [
        name for name in names if name.startswith(run) or name[-12:].startswith(run[:12])
    ]
    if len(found) == 1:
        return found[0][-12:]
    if found:
        raise UserError(f"{run}: {len(found)} records begin so: {', '.join(found[:5])}; give more of the name")
    raise UserError(f"{run}: the remote store has no such record; twin pull without a name fetches all")


def _shown(items: Sequence[_T]) -> Iterable[_T]:
    return tqdm(items, unit="record", leave=False, disable=not sys.stderr.isatty())


def _count(number: int) -> str:
    return f"{number} record" if number == 1 else f"{number} records"
