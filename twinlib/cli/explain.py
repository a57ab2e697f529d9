"""`twin explain`: hit or miss, and what is different from the nearest record."""

import json
import os
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from twinlib import lookup
from twinlib.cli.words import split
from twinlib.store.record import Damaged, Record

if TYPE_CHECKING:
    from twinlib.identity.fingerprint import Identity


def explain(words: Sequence[str], as_json: bool) -> None:
    """Say what `python train.py` with these settings would do."""
    named, settings = split(words)
    root = lookup.project()
    run = lookup.described([*(f"experiment={name}" for name in named), *settings], root)
    told: dict[str, Any] = {"fingerprint": run.identity.fingerprint, "doubts": list(run.identity.doubts)}
    record = None if run.identity.doubts else run.store.find(run.identity.fingerprint, run.label)
    told |= {"hit": record is not None, "folder": str(record.folder) if record is not None else None}
    if record is None:
        told |= _nearest(run, root)
    if as_json:
        print(json.dumps(told, indent=1))
    else:
        _print(told)


def _nearest(run: lookup.Described, root: Path) -> dict[str, Any]:
    from twinlib.identity.explain import differences, sentence
    from twinlib.store.index import Index

    for folder in Index(run.store.path, root / ".twin").nearest(run.identity):
        closest = _identity(folder)
        if closest is not None:
            found = differences(run.identity, closest)
            return {
                "nearest": str(folder),
                "differences": [{**asdict(difference), "sentence": sentence(difference)} for difference in found],
            }
    return {"nearest": None, "differences": []}


def _identity(folder: Path) -> "Identity | None":
    from twinlib.identity.fingerprint import Identity

    # The index looks at sizes only, and only when the record is new.
    try:
        Record.read(folder)
        return Identity.from_json(json.loads((folder / "identity.json").read_text()))
    except (Damaged, OSError, ValueError, KeyError, TypeError):
        return None


def _print(told: dict[str, Any]) -> None:
    if told["hit"]:
        print(f"hit {os.path.relpath(told['folder'])}")
        return
    for doubt in told["doubts"]:
        print(f"never a hit: {doubt}")
    if told["nearest"] is None:
        print("miss; there is no record to compare with")
        return
    print(f"miss; nearest is {os.path.relpath(told['nearest'])}")
    for difference in told["differences"]:
        print(f"  {difference['sentence']}")
    if not told["differences"] and not told["doubts"]:
        print("  the same run, but its record is damaged")
