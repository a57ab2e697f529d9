"""`twin show`: all that a record says about its run."""

import json
from collections.abc import Sequence
from typing import Any

from twinlib import lookup
from twinlib.cli.runs import settings_of
from twinlib.cli.words import split
from twinlib.errors import UserError
from twinlib.store.record import Record


def show(words: Sequence[str], as_json: bool) -> None:
    """Print one record: identity, settings, metrics, files, folder."""
    named, settings = split(words)
    if len(named) > 1 or not (named or settings):
        raise UserError("twin show takes one run; list them with: twin runs")
    record = lookup.find(named[0] if named else None, lookup.project(), settings)
    told = _told(record)
    if as_json:
        print(json.dumps(told, indent=1))
    else:
        _print(told)


def _told(record: Record) -> dict[str, Any]:
    from twinlib.identity.fingerprint import Identity

    identity = Identity.from_json(json.loads((record.folder / "identity.json").read_text()))
    return {
        "folder": str(record.folder),
        "name": record.name,
        "created": record.created,
        "seconds": record.seconds,
        "host": record.host,
        "fingerprint": record.fingerprint,
        "identity": identity.parts,
        "objective": record.objective,
        "metrics": record.metrics,
        "config": settings_of(record),
        "files": {name: {"size": entry.size, "sha256": entry.sha256} for name, entry in record.files.items()},
    }


def _print(told: dict[str, Any]) -> None:
    import yaml

    print(f"{told['name'] or 'run'}, {told['created']}, {told['seconds']:.1f} s on {told['host']}")
    print(f"\nfolder         {told['folder']}\nfingerprint    {told['fingerprint']}")
    for part, value in told["identity"].items():
        print(f"  {part:11}  {value}")
    width = max(map(len, [*told["metrics"], *told["files"]]))
    print("\nmetrics")
    for key, number in told["metrics"].items():
        print(f"  {key:{width}}  {number:.6g}{'  (objective)' if key == told['objective'] else ''}")
    print("\nfiles")
    for name, entry in told["files"].items():
        print(f"  {name:{width}}  {entry['size']:>12,} bytes")
    print("\nconfig")
    text = yaml.safe_dump(told["config"], sort_keys=False)
    print("\n".join(f"  {line}" for line in text.splitlines()))
