"""Copy what people and `dvc metrics`, `dvc plots` read out of a record into a folder of the project."""

import csv
import os
import shutil
from pathlib import Path

from twinlib.store.faults import explained


def export(record: Path, folder: Path) -> None:
    """Write `metrics.json`, `history.csv`, the CSV tables and the pictures of a record into `folder`.

    The same record gives the same bytes: wall times stay behind.

    Raises
    ------
    UserError
        The folder cannot be written.
    """
    with explained(folder, "export"):
        _export(record, folder)


def _export(record: Path, folder: Path) -> None:
    import pyarrow.parquet as pq

    folder.mkdir(parents=True, exist_ok=True)
    kept = {"metrics.json", "history.csv"}
    shutil.copyfile(record / "metrics.json", folder / "metrics.json")
    rows = pq.read_table(record / "history.parquet").drop_columns(["seconds"]).to_pylist()
    temporary = folder / ".history.csv"
    with temporary.open("w", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    os.replace(temporary, folder / "history.csv")
    for source in sorted([*record.glob("*.csv"), *record.glob("*.png")]):
        shutil.copyfile(source, folder / source.name)
        kept.add(source.name)
    for old in [*folder.glob("*.csv"), *folder.glob("*.png")]:
        if old.name not in kept:
            old.unlink()  # of an earlier experiment of this name
