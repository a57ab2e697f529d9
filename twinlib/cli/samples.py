"""Read the samples that a twin shall predict for; write its predictions."""

import csv
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
import numpy.typing as npt

from twinlib.data.schema import Field
from twinlib.errors import UserError

READ = (".npy", ".npz", ".png", ".csv", ".arrow")
WRITTEN = (".npy", ".csv", ".json", ".parquet")


def read(path: Path, field: Field) -> npt.NDArray[Any]:
    """The raw samples in a file.

    `.npy`; `.npz` with one array, or one called like the field; `.png`, one sample; `.csv`, one sample a row, the last
    axis fastest, with or without a line of names; `.arrow`, a split of a dataset.

    Raises
    ------
    UserError
        The file is missing, of another type, or its content does not fit the field.
    """
    if path.suffix not in READ:
        raise UserError(f"{path}: unknown type of file; use one of {', '.join(READ)}")
    if not path.is_file():
        raise UserError(f"{path}: no such file")
    try:
        if path.suffix in (".npy", ".npz"):
            return _numpy(path, field)
        if path.suffix == ".png":
            return _png(path, field)
        if path.suffix == ".csv":
            return _csv(path, field)
        return _arrow(path, field)
    except (OSError, ValueError, EOFError, BadZipFile) as error:
        raise UserError(f"{path}: cannot be read as {path.suffix} ({' '.join(str(error).split())})") from error


def write(path: Path, predictions: npt.NDArray[Any], columns: Mapping[str, npt.NDArray[Any]]) -> None:
    """Write predictions: the array itself as `.npy`, else a table with one row a sample.

    Parameters
    ----------
    predictions
        Shape (n, …).
    columns
        The table, see `table`.
    """
    if path.suffix == ".npy":
        np.save(path, predictions)
    elif path.suffix == ".parquet":
        import pyarrow as pa
        import pyarrow.parquet as pq

        pq.write_table(pa.table(dict(columns)), path)
    else:
        rows = [
            dict(zip(columns, row, strict=True)) for row in zip(*(c.tolist() for c in columns.values()), strict=True)
        ]
        with path.open("w", newline="", encoding="utf-8") as file:
            if path.suffix == ".json":
                json.dump(rows, file, indent=1)
                file.write("\n")
            else:
                writer = csv.DictWriter(file, list(columns), lineterminator="\n")
                writer.writeheader()
                writer.writerows(rows)


def check_target(path: Path) -> None:
    """Refuse a file that could not be written, before anything is computed. Raises UserError."""
    if path.suffix not in WRITTEN:
        raise UserError(f"{path}: unknown type of file; use one of {', '.join(WRITTEN)}")
    if not path.parent.is_dir():
        raise UserError(f"{path.parent}: no such folder; make it first")


def table(predictions: npt.NDArray[Any], classes: bool) -> dict[str, npt.NDArray[Any]]:
    """Predictions as columns: of a classifier `class`, `probability` and one for each class, else the values.

    Parameters
    ----------
    predictions
        Shape (n, …).
    """
    if classes:
        from twinlib.plots.classes import decide, probabilities

        chosen, probability = decide(predictions)
        each = probabilities(predictions)
        return {
            "class": chosen,
            "probability": probability,
            **{f"class_{number}": each[:, number] for number in range(each.shape[1])},
        }
    values = predictions.reshape(len(predictions), -1)
    if values.shape[1] == 1:
        return {"value": values[:, 0]}
    return {f"value_{number}": values[:, number] for number in range(values.shape[1])}


def _numpy(path: Path, field: Field) -> npt.NDArray[Any]:
    found = np.load(path, allow_pickle=False)
    if isinstance(found, np.ndarray):
        return found
    with found:
        names = list(found)
        if field.name in names:
            return np.asarray(found[field.name])
        if len(names) != 1:
            raise UserError(f"{path}: holds {', '.join(names) or 'nothing'}; call the array of samples {field.name}")
        return np.asarray(found[names[0]])


def _png(path: Path, field: Field) -> npt.NDArray[Any]:
    from PIL import Image

    if len(field.shape) != 3 or field.shape[-1] not in (1, 3):
        raise UserError(f"{path}: the twin takes {field.name} of shape {field.shape}, which is no picture")
    with Image.open(path) as picture:
        rows, columns, channels = field.shape
        if picture.size != (columns, rows):
            wide, high = picture.size
            raise UserError(f"{path}: is {wide} x {high} pixels; the twin takes {columns} x {rows}")
        if picture.mode.startswith("I"):
            raise UserError(f"{path}: has 16 bits a pixel; give such values as .npy")
        colour = np.asarray(picture.convert("RGBA"))
    if (colour[..., 3] != 255).any():
        raise UserError(f"{path}: is transparent in places; save it without transparency")
    if channels == 3:
        return colour[..., :3]
    if (colour[..., :1] != colour[..., :3]).any():
        raise UserError(f"{path}: is in colour; the twin takes grey pictures")
    return colour[..., :1]


def _csv(path: Path, field: Field) -> npt.NDArray[Any]:
    with path.open(newline="", encoding="utf-8-sig") as file:
        rows = [row for row in csv.reader(file) if row]
    if rows and not _is_number(rows[0][0]):
        del rows[0]
    wanted = int(np.prod(field.shape))
    for number, row in enumerate(rows, start=1):
        if len(row) != wanted:
            raise UserError(f"{path}: sample {number} has {len(row)} values; {field.name} has {wanted}")
    return np.array(rows, dtype=np.float64).reshape(len(rows), *field.shape)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _arrow(path: Path, field: Field) -> npt.NDArray[Any]:
    from twinlib.data import arrow

    _, columns = arrow.read(path)
    if field.name not in columns:
        raise UserError(f"{path}: has no field {field.name}; there are {', '.join(columns)}")
    return columns[field.name]
