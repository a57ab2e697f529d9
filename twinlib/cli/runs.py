"""`twin runs`: a table of all records."""

import json
from collections.abc import Sequence
from typing import Any

from twinlib import lookup
from twinlib.cli.words import split
from twinlib.errors import UserError
from twinlib.store.record import Record

SETTINGS = ("lr", "seed", "epochs")


def runs(words: Sequence[str], as_json: bool) -> None:
    """Print all records of the store, by the time they were made."""
    named, settings = split(words)
    if wrong := named or [setting for setting in settings if not lookup.names_store(setting)]:
        raise UserError(f"{wrong[0]}: twin runs lists all runs; to look at one: twin show {wrong[0]}")
    store = lookup.open_store(lookup.project(), settings)
    rows = [_row(record) for record in sorted(store.records(), key=lambda record: (record.created, record.folder.name))]
    if as_json:
        print(json.dumps(rows, indent=1))
    elif rows:
        _print(rows)
    else:
        print(f"no runs in {store.path} yet; make one with: python train.py")


def settings_of(record: Record) -> dict[str, Any]:
    """The resolved config that a record keeps."""
    import yaml

    # The C parser where there is one: ten times as fast.
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    config: dict[str, Any] = yaml.load((record.folder / "config.yaml").read_text(), Loader=loader)
    return config


def _row(record: Record) -> dict[str, Any]:
    config = settings_of(record)
    return {
        "folder": str(record.folder),
        "name": record.name,
        "fingerprint": record.fingerprint,
        "created": record.created,
        "seconds": record.seconds,
        "host": record.host,
        "objective": record.objective,
        "metrics": record.metrics,
        "settings": {key: config[key] for key in SETTINGS if key in config},
    }


def _print(rows: Sequence[dict[str, Any]]) -> None:
    from rich.console import Console
    from rich.table import Table

    # The test metrics and what the sweep compared; `twin show` has all.
    metrics = dict.fromkeys(
        key for row in rows for key in row["metrics"] if key.startswith("test_") or key == row["objective"]
    )
    # Two lines of headings and folded names, so that a table of the usual metrics fits a terminal of 80 columns.
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False)
    table.add_column("name", overflow="fold")
    for column in (*SETTINGS, *metrics, "seconds"):
        table.add_column(column.replace("_", "\n", 1), justify="right", no_wrap=True)
    table.add_column("hash", no_wrap=True)
    for row in rows:
        table.add_row(
            row["name"] or "-",
            *(_number(row["settings"].get(key)) for key in SETTINGS),
            *(_number(row["metrics"].get(key)) for key in metrics),
            f"{row['seconds']:.1f}",
            row["fingerprint"][:12],
        )
    console = Console()
    # In a pipe there is no width to keep to.
    console = console if console.is_terminal else Console(width=250)
    console.print(table)


def _number(value: Any) -> str:
    return "-" if value is None else f"{value:.4g}" if isinstance(value, float) else str(value)
