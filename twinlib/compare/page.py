"""One page that shows a comparison in any browser: no network, no other file, no framework."""

import base64
import json
import math
import re
from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import Any

from twinlib.compare import pipeline
from twinlib.compare.importance import importance
from twinlib.compare.pipeline import Node
from twinlib.compare.selection import Run, Selection
from twinlib.compare.table import CODE, DATA, ENVIRONMENT, NAME, Column, columns, merged, metric_names
from twinlib.identity.config import leaves

MOST_RUNS = 1000  # a page with more is slow in a browser; the best are shown
MOST_PICTURES = 24  # runs whose pictures are in the page, the best
LARGEST_PICTURE = 2 * 2**20  # bytes
EPOCHS = 500  # points of a curve, of a longer one every nth epoch is drawn

_HERE = Path(__file__).parent


def page(selection: Selection, nodes: Sequence[Node]) -> str:
    """The whole page as HTML; whatever stands in a record is shown as text and never becomes part of the page."""
    left_out = []
    best = _best_first(selection)
    if len(best) > MOST_RUNS:
        left_out.append(f"The best {MOST_RUNS:,} of {len(best):,} runs are on this page.")
        kept = {run.row.folder for run in best[:MOST_RUNS]}
        selection = Selection(
            tuple(run for run in selection.runs if run.row.folder in kept),
            selection.title,
            selection.sweeps,
            selection.without,
        )
    if len(best) > MOST_PICTURES:
        left_out.append(f"Pictures are of the best {MOST_PICTURES} runs.")
    texts = {
        "title": escape(f"Comparison: {selection.title}"),
        "css": (_HERE / "page.css").read_text(),
        "js": (_HERE / "page.js").read_text(),
        "graph": pipeline.svg(nodes) if nodes else '<p class="none">This project has no pipeline.</p>',
        "data": _script_safe(_data(selection, {run.row.folder for run in best[:MOST_PICTURES]}, " ".join(left_out))),
    }
    # In one pass: a text that was put in may look like a place for another one.
    return re.sub(r"\{\{(\w+)\}\}", lambda found: texts[found[1]], (_HERE / "page.html").read_text())


def _data(selection: Selection, pictured: set[Path], left_out: str) -> dict[str, Any]:
    found = merged(columns(selection.runs))
    objective = selection.objective
    values = [run.row.metrics.get(objective or "") for run in selection.runs]
    shares = importance(found, values)
    headings = {column.key: column.heading for column in found}
    parts: dict[str, list[dict[str, str]]] = {"config": [], CODE: [], DATA: [], ENVIRONMENT: []}
    runs = [_run(run, number, found, parts, run.row.folder in pictured) for number, run in enumerate(selection.runs)]
    return {
        "summary": _summary(selection),
        "objective": objective,
        "minimize": selection.minimize,
        "columns": [{"key": column.key, "heading": column.heading} for column in found],
        "metrics": metric_names(selection),
        "runs": runs,
        "parts": parts,
        "importance": {"shares": {headings[key]: share for key, share in shares.shares.items()}, "why": shares.why},
        "without": [
            [str(point.number), " ".join(point.overrides), point.state, point.error or ""]
            for point in selection.without
        ],
        "leftOut": left_out,
    }


def _run(
    run: Run, number: int, found: Sequence[Column], parts: dict[str, list[dict[str, str]]], pictured: bool
) -> dict[str, Any]:
    identity = run.identity
    config = {key: json.dumps(value, ensure_ascii=False) for key, value in leaves(identity.config, split_lists=False)}
    told = {"config": config, CODE: identity.code, DATA: identity.data, ENVIRONMENT: identity.environment}
    settings = [f"{column.heading}={column.text[number]}" for column in found if column.key not in (NAME, CODE)]
    return {
        "hash": run.hash,
        "folder": run.row.folder.name,
        "label": " ".join([run.row.name or "run", *settings[:5]]),
        "created": run.row.created,
        "seconds": run.row.seconds,
        "state": run.state,
        "values": [_plain(column.values[number]) for column in found],
        "text": [column.text[number] for column in found],
        "metrics": {name: _plain(value) for name, value in run.row.metrics.items()},
        "history": _history(run.history),
        "pictures": {path.stem: _embedded(path) for path in run.pictures if _small(path)} if pictured else {},
        **{part: _place(parts[part], tree) for part, tree in told.items()},
    }


def _place(known: list[dict[str, str]], tree: dict[str, str]) -> int:
    """Where a tree is in the list of different ones: runs of a sweep share all but their settings."""
    if tree not in known:
        known.append(tree)
    return known.index(tree)


def _best_first(selection: Selection) -> list[Run]:
    objective, sign = selection.objective or "", 1 if selection.minimize else -1

    def rank(run: Run) -> float:
        value = run.row.metrics.get(objective, math.nan)
        return math.inf if math.isnan(value) else sign * value

    return sorted(selection.runs, key=rank)


def _summary(selection: Selection) -> str:
    count = len(selection.runs)
    words = [f"{count:,} run{'s' if count > 1 else ''}", f"objective {selection.objective}"]
    words[-1] += " (least is best)" if selection.minimize else " (most is best)"
    words += [f"{sweep.created} {' '.join(sweep.command)}" for sweep in selection.sweeps]
    return " · ".join(words)


def _history(rows: Sequence[dict[str, Any]]) -> dict[str, list[Any]]:
    rows = rows[:: max(1, math.ceil(len(rows) / EPOCHS))]
    names = dict.fromkeys(name for row in rows for name in row)
    return {name: [_plain(row.get(name)) for row in rows] for name in names}


def _plain(value: Any) -> Any:
    """A value that JSON has: nan and infinity as words."""
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value if value is None or isinstance(value, int | float | str) else json.dumps(value, default=str)


def _small(path: Path) -> bool:
    return path.stat().st_size <= LARGEST_PICTURE


def _embedded(path: Path) -> str:
    return "data:image/png;base64," + base64.b64encode(path.read_bytes()).decode()


def _script_safe(tree: Any) -> str:
    """JSON for a script element, which `</script>` or `<!--` within a text would end."""
    text = json.dumps(tree, allow_nan=False)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
