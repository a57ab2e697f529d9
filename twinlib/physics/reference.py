"""What is known of a solution beforehand: formulas, numbers, a table."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from twinlib.config.mistakes import nearest
from twinlib.errors import UserError
from twinlib.physics.finite import require_finite
from twinlib.physics.geometry import Array, Formula, Values
from twinlib.physics.table import KINDS_OF_DATA, file_of, read_table, table_names
from twinlib.physics.vocabulary import Vocabulary, require_names


class Reference:
    """The node `data.reference`: `{u: sin(x)}`, or `{file: data/cavity.csv, kind: synthetic}`, or both.

    Attributes
    ----------
    formulas
        By field or unknown number.
    kind
        Of the file, real or synthetic; `no` without one.
    points
        Of the file, shape (n, inputs); None without one.
    values
        Of the file, by field, shape (n,).

    Raises
    ------
    UserError
        A name that is neither field nor unknown number, or a file that does not fit.
    """

    def __init__(self, words: Vocabulary, node: Mapping[str, Any]) -> None:
        require_names(node, "data.reference", "{u: x*(x - 1)/2}")
        self.formulas: dict[str, Formula] = {}
        for key, value in node.items():
            if key in ("file", "kind"):
                continue
            if key not in words.fields and key not in words.unknowns:
                known = [*words.fields, *words.unknowns, "file", "kind"]
                raise UserError(f"data.reference.{key}: no field and no unknown number{nearest(str(key), known)}")
            self.formulas[key] = words.formula(value, f"data.reference.{key}")
        self.kind = "no"
        self.points: Array | None = None
        self.values: dict[str, Array] = {}
        if "file" in node:
            self._read(words, file_of(node, "data.reference"), node.get("kind"))
        elif "kind" in node:
            raise UserError("data.reference.kind: is of a file; add the file, or leave it out")

    def some(self, count: int | None) -> tuple[Array, dict[str, Array]]:
        """Points of the file and the fields there; at most `count`, always the same."""
        assert self.points is not None
        rows = np.arange(len(self.points))
        if count is not None and count < len(rows):
            rows = np.sort(np.random.default_rng(0).choice(rows, count, replace=False))
        return self.points[rows], {name: values[rows] for name, values in self.values.items()}

    def at(self, name: str, points: Values, inside: Array) -> Array:
        """The formula of a field, shape (n,) or ().

        Raises
        ------
        UserError
            It is no number at a point inside.
        """
        with np.errstate(all="ignore"):
            found = self.formulas[name](points)
        require_finite(found, points, f"data.reference.{name}: {self.formulas[name].expression}", inside)
        return found

    def _read(self, words: Vocabulary, path: Path, kind: Any) -> None:
        if kind not in KINDS_OF_DATA:
            raise UserError(f"data.reference.kind: say whether the file is {' or '.join(KINDS_OF_DATA)}")
        there = table_names(path, "data.reference.file")
        fields = [name for name in words.fields if name in there and name not in self.formulas]
        if not fields:
            raise UserError(
                f"data.reference.file: {path} has no column of a field: {', '.join(words.fields)}; it has "
                f"{', '.join(there)}"
            )
        self.kind = str(kind)
        self.points, self.values = read_table(path, words.inputs, fields, "data.reference.file")
        for name in fields:
            if not words.homes[name].contains(self.points).any():
                raise UserError(f"data.reference.file: no point of {path} lies in {words.homes[name].name}")
