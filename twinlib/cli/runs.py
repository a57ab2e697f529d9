"""`twin runs`: a table of all records, or of those that are asked for."""

import json
from collections.abc import Sequence
from typing import Any

from twinlib import lookup
from twinlib.store.filter import Condition
from twinlib.store.index import Index, Row
from twinlib.store.record import Record

SETTINGS = ("lr", "seed", "epochs")


def runs(words: Sequence[str], as_json: bool, sort: str | None = None, reverse: bool = False) -> None:
    """Print the runs for which all filters hold, by the time they were made or by the key `sort`."""
    found = selected(words, sort, reverse)
    rows = [_row(row) for row in found]
    if as_json:
        print(json.dumps(rows, indent=1))
    elif rows:
        _print(rows)
    elif all(map(lookup.names_store, words)):
        print("no runs yet; make one with: python train.py")
    else:
        print("no such run; all of them: twin runs")


def selected(words: Sequence[str], sort: str | None = None, reverse: bool = False) -> list[Row]:
    """The runs for which the filters among `words` hold; the other words name the store."""
    root = lookup.project()
    conditions = [Condition.parse(word) for word in words if not lookup.names_store(word)]
    store = lookup.open_store(root, [word for word in words if lookup.names_store(word)])
    return Index(store.path, root / ".twin").select(conditions, sort, reverse)


def settings_of(record: Record) -> dict[str, Any]:
    """The resolved config that a record keeps."""
    import yaml

    # The C parser where there is one: ten times as fast.
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    config: dict[str, Any] = yaml.load((record.folder / "config.yaml").read_text(), Loader=loader)
    return config


def _row(row: Row) -> dict[str, Any]:
    return {
        "folder": str(row.folder),
        "name": row.name,
        "fingerprint": row.fingerprint,
        "created": row.created,
        "seconds": row.seconds,
        "host": row.host,
        "objective": row.objective,
        "metrics": row.metrics,
        "settings": {key: row.config[key] for key in SETTINGS if key in row.config},
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
