"""`twin explain`: hit or miss, and what is different from the nearest record."""

import json
import os
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from twinlib import lookup
from twinlib.cli.words import split

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
        told |= _nearest(run)
    if as_json:
        print(json.dumps(told, indent=1))
    else:
        _print(told)


def _nearest(run: lookup.Described) -> dict[str, Any]:
    from twinlib.identity.explain import differences, nearest, sentence

    # Of equally near ones the latest is what people remember.
    latest_first = sorted(run.store.records(), key=lambda record: record.created, reverse=True)
    folders = [(known, record.folder) for record in latest_first if (known := _identity(record.folder)) is not None]
    closest = nearest(run.identity, [known for known, _ in folders])
    if closest is None:
        return {"nearest": None, "differences": []}
    found = differences(run.identity, closest)
    return {
        "nearest": next(str(folder) for known, folder in folders if known is closest),
        "differences": [{**asdict(difference), "sentence": sentence(difference)} for difference in found],
    }


def _identity(folder: Path) -> "Identity | None":
    from twinlib.identity.fingerprint import Identity

    # Only sizes have been looked at so far: an altered file is not the identity of anything.
    try:
        return Identity.from_json(json.loads((folder / "identity.json").read_text()))
    except (OSError, ValueError, KeyError, TypeError):
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
