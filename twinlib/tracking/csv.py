"""The history and the final metrics of a run as two CSV files."""

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from twinlib.tracking.tracker import RunInfo


class Csv:
    """`<folder>/<record's folder name>/history.csv` grows by a row an epoch; `metrics.csv` is written at the end.

    Parameters
    ----------
    folder
        Where the folders of the runs go; relative to the project.
    """

    def __init__(self, folder: str) -> None:
        self._folder = Path(folder)
        self._rows: list[dict[str, float]] = []

    def start(self, run: RunInfo) -> None:
        self._run = run
        self._folder = run.folder / self._folder / run.folder_name
        self._folder.mkdir(parents=True, exist_ok=True)
        for left in ("history.csv", "metrics.csv"):  # of an earlier attempt at the same run
            (self._folder / left).unlink(missing_ok=True)

    def epoch(self, row: Mapping[str, float]) -> None:
        # Written anew each time: a column that a later row brings is then in the header too.
        self._rows.append(dict(row))
        _write(self._folder / "history.csv", self._rows)

    def finish(self, metrics: Mapping[str, float], pictures: Sequence[Path]) -> None:
        _write(self._folder / "metrics.csv", [{**self._named(), **metrics}])

    def prune(self) -> None:
        _write(self._folder / "metrics.csv", [{**self._named(), "state": "pruned"}])

    def fail(self) -> None:
        """The rows so far are there."""

    def _named(self) -> dict[str, str]:
        return {"fingerprint": self._run.fingerprint, "name": self._run.name or ""}


def _write(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    columns = dict.fromkeys(key for row in rows for key in row)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns)
        writer.writeheader()
        writer.writerows(rows)
