"""Points and values out of files: CSV with a header, NumPy arrays, or a grid of named ones."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from twinlib.errors import UserError

KINDS_OF_DATA = ("real", "synthetic")


def file_of(node: Mapping[str, Any], where: str, key: str = "file") -> Path:
    """The path under a key.

    Raises
    ------
    UserError
        It is no text.
    """
    if not isinstance(node[key], str) or not node[key]:
        raise UserError(f"{where}.{key}: is {node[key]}; give the path of a file, or leave it out")
    return Path(node[key])


def read_table(
    path: Path, inputs: Sequence[str], values: Sequence[str], where: str
) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """The inputs, shape (n, inputs), and each of the values, shape (n,).

    Parameters
    ----------
    path
        A `.csv` file whose header has these names, in whatever order; a `.npy` array of shape (n, inputs + values); or
        a `.npz` file of arrays with these names: all of one shape, or axes of different lengths for the inputs, in
        their order, and values on the grid of these.

    Raises
    ------
    UserError
        The file is missing, has other columns, or anything in it is no finite number.
    """
    wanted = [*inputs, *values]
    try:
        if path.suffix == ".npy":
            rows, names = np.load(path, allow_pickle=False), wanted
        elif path.suffix == ".npz":
            rows, names = _from_arrays(path, inputs, wanted)
        else:
            with path.open() as file:
                names = _names(file.readline())
                lines = [line for line in file if line.strip()]
                rows = np.loadtxt(lines, delimiter=",", ndmin=2) if lines else np.empty((0, len(names)))
    except (OSError, ValueError, UnicodeDecodeError) as error:
        raise UserError(f"{where}: {path} cannot be read: {_reason(error)}") from None
    if rows.ndim == 1 and len(wanted) == 1:
        rows = rows[:, None]
    if missing := [name for name in wanted if name not in names]:
        there = ", ".join(names)
        raise UserError(f"{where}: {path} has no column {missing[0]}; it needs {', '.join(wanted)} and has {there}")
    if twice := [name for name in wanted if names.count(name) > 1]:
        raise UserError(f"{where}: {path} has two columns {twice[0]}; leave one out")
    if rows.ndim != 2 or rows.shape[1] != len(names) or len(rows) == 0 or rows.dtype.kind not in "fiu":
        raise UserError(f"{where}: {path} has the shape {rows.shape}; it needs (n, {len(names)}): {', '.join(names)}")
    columns = {name: rows[:, names.index(name)].astype(float) for name in wanted}
    for name, column in columns.items():
        if not np.isfinite(column).all():
            row = int(np.argmin(np.isfinite(column))) + 1
            raise UserError(f"{where}: {path}: {name} is not finite in row {row} below the names; leave such rows out")
    return np.column_stack([columns[name] for name in inputs]), {name: columns[name] for name in values}


def table_names(path: Path, where: str) -> list[str]:
    """The names of the columns of a `.csv` or `.npz` file.

    Raises
    ------
    UserError
        It is missing, or of another kind.
    """
    try:
        if path.suffix == ".npz":
            with np.load(path, allow_pickle=False) as arrays:
                return list(arrays.files)
        if path.suffix == ".csv":
            with path.open() as file:
                return _names(file.readline())
    except (OSError, ValueError) as error:
        raise UserError(f"{where}: {path} cannot be read: {_reason(error)}") from None
    raise UserError(f"{where}: {path} has no named columns; give a .csv or .npz file")


def _reason(error: Exception) -> str:
    """Without the path, which is named already."""
    return (error.strerror or "") if isinstance(error, OSError) else " ".join(str(error).split())


def _names(header: str) -> list[str]:
    return [name.strip() for name in header.split(",")]


def _from_arrays(path: Path, inputs: Sequence[str], wanted: Sequence[str]) -> tuple[np.ndarray, list[str]]:
    with np.load(path, allow_pickle=False) as arrays:
        found = {name: arrays[name] for name in wanted if name in arrays.files}
    axes = [found[name] for name in inputs if name in found]
    grid = tuple(len(axis) if axis.ndim else 0 for axis in axes)
    on_axes = len(axes) == len(inputs) > 1 and all(axis.ndim == 1 for axis in axes)
    if on_axes and all(found[name].shape == grid for name in found if name not in inputs):
        found |= dict(zip(inputs, np.meshgrid(*axes, indexing="ij"), strict=True))
    shapes = {values.shape for values in found.values()}
    if len(shapes) > 1:
        raise ValueError(f"arrays of the shapes {', '.join(map(str, sorted(shapes)))}")
    return np.column_stack([values.reshape(-1) for values in found.values()]), list(found)
