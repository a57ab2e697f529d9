"""From raw samples to what a model reads: one affine map for each channel."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self

import numpy as np

from twinlib.data.schema import Field
from twinlib.errors import UserError

SCALINGS = ("none", "unit", "minmax", "standard")


@dataclass(frozen=True)
class Preprocess:
    """Raw samples of one field as float32: `(raw - shift) * scale`.

    `scaling` is `none`; `unit`, the range of the type to 0 … 1 (uint8 only); `minmax`, the range of the training
    split to 0 … 1; or `standard`, the training split to mean 0 and standard deviation 1. A channel that is
    constant in the training split is shifted and not scaled.
    """

    field: Field
    scaling: str

    def __post_init__(self) -> None:
        if self.scaling not in SCALINGS:
            raise UserError(f"data.scaling is {self.scaling}; use one of {', '.join(SCALINGS)}")
        if self.scaling == "unit" and self.field.dtype != "uint8":
            raise UserError(
                f"data.scaling: unit needs a uint8 field, {self.field.name} is {self.field.dtype}; "
                "use minmax or standard"
            )

    def __call__(self, raw: np.ndarray) -> np.ndarray:
        """Preprocess raw samples, shape (n, *field.shape), into float32 of the same shape.

        Raises
        ------
        UserError
            Another shape, or values that the field's type cannot hold.
        """
        if raw.ndim == 0 or raw.shape[1:] != self.field.shape:
            raise UserError(
                f"{self.field.name}: shape is {raw.shape}, not (n, {', '.join(map(str, self.field.shape))})"
            )
        raw = self._as_stored(raw)
        shift, scale = self._shift_and_scale
        rows = raw.reshape(-1, shift.size)
        if not shift.any():
            out = np.multiply(rows, scale, dtype=np.float32, casting="same_kind")
        else:
            # A shift close to the values is exact only in their own precision.
            precision = np.float64 if raw.dtype in (np.float64, np.int64) else np.float32
            out = np.subtract(rows, shift, dtype=precision).astype(np.float32, copy=False)
            np.multiply(out, scale, out=out)
        return out.reshape(raw.shape)

    def to_json(self) -> dict[str, Any]:
        return {"field": self.field.to_json(), "scaling": self.scaling}

    @classmethod
    def from_json(cls, tree: Mapping[str, Any]) -> Self:
        return cls(Field.from_json(tree["field"]), tree["scaling"])

    def _as_stored(self, raw: np.ndarray) -> np.ndarray:
        stored = np.dtype(self.field.dtype)
        if raw.dtype == stored:
            return raw
        with np.errstate(invalid="ignore"):
            converted = raw.astype(stored)
        if stored.kind in "iu" and not np.array_equal(converted, raw):
            limits = np.iinfo(stored)
            raise UserError(
                f"{self.field.name}: values must be whole numbers from {limits.min} to {limits.max}, "
                f"as the twin was trained on; these are {raw.dtype} from {raw.min():g} to {raw.max():g}"
            )
        return converted

    @cached_property
    def _shift_and_scale(self) -> tuple[np.ndarray, np.ndarray]:
        """One value for each element of the last two axes, or one in all for a single channel."""
        field = self.field
        if self.scaling == "none":
            shift, width = np.zeros(field.channels), np.ones(field.channels)
        elif self.scaling == "unit":
            shift, width = np.zeros(field.channels), np.full(field.channels, 255.0)
        elif self.scaling == "minmax":
            shift, width = np.array(field.minimum), np.array(field.maximum) - np.array(field.minimum)
        else:
            shift, width = np.array(field.mean), np.array(field.std)
        # Two axes, because an inner loop over a few channels is many times slower in numpy.
        repeat = 1 if field.channels == 1 else int(np.prod(field.shape[-2:])) // field.channels
        scale = 1 / np.where(width == 0, 1.0, width)
        return np.tile(shift, repeat), np.tile(scale, repeat).astype(np.float32)
