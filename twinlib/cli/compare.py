"""`twin compare`: runs side by side, on the terminal and as a page."""

import json
from collections.abc import Sequence
from pathlib import Path

from twinlib import lookup
from twinlib.compare.selection import Selection, choose
from twinlib.compare.table import Column, columns, merged, metric_names, number
from twinlib.errors import UserError


def compare(words: Sequence[str], as_json: bool, output: str | None) -> None:
    """Print the table of a comparison, and write its page where `output` says."""
    target = None if output is None else Path(output)
    if target is not None and target.suffix not in (".html", ".htm"):
        raise UserError(f"{target}: the page is HTML; name it {target.name}.html")
    root = lookup.project()
    selection = choose(words, root)
    found = merged(columns(selection.runs))
    if target is not None:
        _write(selection, root, [word for word in words if lookup.names_store(word)], target)
    if as_json:
        print(json.dumps(_rows(selection, found), indent=1))
        return
    _print(selection, found)
    if target is not None:
        print(f"\npage: {target}")


def _write(selection: Selection, root: Path, settings: Sequence[str], target: Path) -> None:
    from twinlib.compare.page import page
    from twinlib.compare.pipeline import pipeline

    text = page(selection, pipeline(root, settings))
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UserError(f"{target}: {str(error.strerror).lower()}; name another file with -o") from error


def _rows(selection: Selection, found: Sequence[Column]) -> list[dict[str, object]]:
    return [
        {
            "folder": str(run.row.folder),
            "name": run.row.name,
            "fingerprint": run.row.fingerprint,
            "state": run.state,
            "seconds": run.row.seconds,
            "objective": run.row.objective,
            "metrics": run.row.metrics,
            "differs": {column.key: column.values[place] for column in found},
        }
        for place, run in enumerate(selection.runs)
    ]


def _print(selection: Selection, found: Sequence[Column]) -> None:
    from rich.console import Console
    from rich.table import Table

    names = metric_names(selection)
    shown = [name for name in names if name == selection.objective or name.startswith("test_")]
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False)
    for column in found:
        table.add_column(column.heading.replace(".", ".\n", 1), no_wrap=True)
    for name in shown:
        table.add_column(name.replace("_", "\n", 1), justify="right", no_wrap=True)
    table.add_column("seconds", justify="right", no_wrap=True)
    if selection.sweeps:
        table.add_column("state", no_wrap=True)
    table.add_column("hash", no_wrap=True)
    for place, run in enumerate(selection.runs):
        state = [run.state or "-"] if selection.sweeps else []
        numbers = [number(run.row.metrics.get(name)) for name in shown]
        cells = [*(column.text[place] for column in found), *numbers, f"{run.row.seconds:.1f}", *state, run.hash]
        table.add_row(*map(_literal, cells))
    # Wider than the terminal is better than numbers that are cut off.
    console = Console()
    wanted = console.measure(table, options=console.options.update(max_width=2000)).maximum
    console.width = max(console.width, wanted)
    console.print(table)
    for point in selection.without:
        why = f": {point.error}" if point.error else ""
        print(f"{point.state}: point {point.number}, {' '.join(point.overrides)}{why}")


def _literal(text: str) -> str:
    from rich.markup import escape

    return escape(text)
