"""The settings in which runs differ, and their numbers."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from twinlib.compare.selection import Run, Selection
from twinlib.identity.config import leaves

TARGET = "_target_"
NAME, CODE, DATA, ENVIRONMENT = "name", "code", "data", "environment"


@dataclass(frozen=True)
class Column:
    """A setting that is not the same in all runs: its key, a short heading, its value by run (None: it has none).

    `text` is what a person reads. Parts of the identity beside the config (`code`, `data`, `environment`) are hashes.
    """

    key: str
    heading: str
    values: tuple[Any, ...]
    text: tuple[str, ...]


def columns(runs: Sequence[Run]) -> list[Column]:
    """The settings in which the runs differ; with one run, none.

    A key that only the runs with another `_target_` in its group have is left out where those agree on it: it comes
    with the target.
    """
    settings = [dict(leaves(run.row.config, split_lists=False)) for run in runs]
    names = [run.row.name for run in runs]
    found = [_column(NAME, names)] if len(set(names)) > 1 else []
    keys = dict.fromkeys(key for tree in settings for key in tree)
    for key in keys:
        values = [tree.get(key, _MISSING) for tree in settings]
        if _differ(key, values, settings):
            found.append(_column(key, [None if value is _MISSING else value for value in values]))
    alike = [json.dumps(run.row.config, sort_keys=True) for run in runs]
    for part in (CODE, DATA, ENVIRONMENT):
        hashes = tuple(run.identity.parts[part][:8] for run in runs)
        # Another model is other code: said only where the settings do not say it.
        if len(set(zip(alike, hashes, strict=True))) > len(set(alike)):
            found.append(Column(part, part, hashes, hashes))
    return found


def merged(found: Sequence[Column]) -> list[Column]:
    """Without the `_target_`s that change together with another one: trainer, loss and optimizer of one framework."""
    seen: set[tuple[int, ...]] = set()
    kept = []
    for column in found:
        form = tuple(column.text.index(text) for text in column.text)
        if column.key.endswith(f".{TARGET}") or column.key == "trainer.framework":
            if form in seen:
                continue
            seen.add(form)
        kept.append(column)
    return kept


def metric_names(selection: Selection) -> list[str]:
    """All metrics of the runs: the objective, those of the test split, the others."""
    names = dict.fromkeys(name for run in selection.runs for name in run.row.metrics)
    first = [name for name in names if name == selection.objective]
    test = [name for name in names if name.startswith("test_") and name not in first]
    return [*first, *test, *(name for name in names if name not in first and name not in test)]


def number(value: Any) -> str:
    """A value for people: four digits of a float."""
    if value is None:
        return "-"
    if isinstance(value, float):
        return f"{value:.4g}"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


class _Missing:
    pass


_MISSING = _Missing()


def _differ(key: str, values: Sequence[Any], settings: Sequence[Mapping[str, Any]]) -> bool:
    there = {json.dumps(value, sort_keys=True) for value in values if value is not _MISSING}
    if len(there) > 1:
        return True
    if all(value is not _MISSING for value in values):
        return False
    group = key.rpartition(".")[0]
    while group:
        targets = {tree.get(f"{group}.{TARGET}") for tree in settings}
        if len(targets) > 1:
            return False
        group = group.rpartition(".")[0]
    return True


def _column(key: str, values: Sequence[Any]) -> Column:
    heading = key.removesuffix(f".{TARGET}") or key
    if heading == key:
        return Column(key, heading, tuple(values), tuple(map(number, values)))
    # Of a target only as much of the end as tells the runs apart.
    distinct = {value for value in values if isinstance(value, str)}
    size = 1
    while len({_end(value, size) for value in distinct}) < len(distinct):
        size += 1
    text = tuple(_end(value, size) if isinstance(value, str) else "-" for value in values)
    return Column(key, heading, tuple(values), text)


def _end(target: str, size: int) -> str:
    return ".".join(target.split(".")[-size:])
