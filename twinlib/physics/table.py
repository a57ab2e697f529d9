"""Points and values out of files: CSV with a header, or NumPy arrays."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from twinlib.errors import UserError


def read_table(
    path: Path, inputs: Sequence[str], values: Sequence[str], where: str
) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """The inputs, shape (n, inputs), and each of the values, shape (n,).

    Parameters
    ----------
    path
        A `.csv` file whose header has these names, in whatever order, or a `.npy` array of shape (n, inputs + values).

    Raises
    ------
    UserError
        The file is missing, has other columns, or anything in it is no finite number.
    """
    wanted = [*inputs, *values]
    try:
        if path.suffix == ".npy":
            rows, names = np.load(path, allow_pickle=False), wanted
        else:
            with path.open() as file:
                names = [name.strip() for name in file.readline().split(",")]
                rows = np.loadtxt(file, delimiter=",", ndmin=2)
    except (OSError, ValueError, UnicodeDecodeError) as error:
        raise UserError(f"{where}: {path} cannot be read: {' '.join(str(error).split())}") from None
    if rows.ndim == 1 and len(wanted) == 1:
        rows = rows[:, None]
    if missing := [name for name in wanted if name not in names]:
        raise UserError(f"{where}: {path} has no column {missing[0]}; it needs {', '.join(wanted)}")
    if rows.ndim != 2 or rows.shape[1] != len(names) or len(rows) == 0 or rows.dtype.kind not in "fiu":
        raise UserError(f"{where}: {path} has the shape {rows.shape}; it needs (n, {len(names)}): {', '.join(names)}")
    if not np.isfinite(rows).all():
        raise UserError(f"{where}: {path} has values that are not finite")
    columns = {name: rows[:, names.index(name)].astype(float) for name in wanted}
    return np.column_stack([columns[name] for name in inputs]), {name: columns[name] for name in values}
