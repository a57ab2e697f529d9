"""The samples of one Arrow dataset as batches for training."""

from pathlib import Path

import numpy as np

from twinlib.data import arrow
from twinlib.data.preprocess import Preprocess
from twinlib.errors import UserError


class Dataset:
    """Inputs and targets out of an Arrow dataset.

    A subclass may change `batch`, for instance to augment the training split.

    Parameters
    ----------
    path
        Folder with one Arrow file for each split.
    input, target
        The fields that go into the model and come out of it.
    scaling
        How inputs are preprocessed, see `twinlib.data.preprocess.Preprocess`.
    input_shape
        Shape of one input, (rows, columns, channels); must be that of the file.
    classes
        Number of classes; None when the target is not a class index.

    Raises
    ------
    UserError
        The files are missing or damaged, or a parameter does not fit them.
    """

    def __init__(
        self,
        path: str,
        input: str,
        target: str,
        scaling: str,
        input_shape: list[int] | tuple[int, ...],
        classes: int | None = None,
        name: str | None = None,
    ) -> None:
        self.name = name
        self.input = input
        self.target = target
        self._splits = arrow.open(Path(path))
        self.schema = self._splits.schema
        inputs, targets = self.schema[input], self.schema[target]
        if tuple(input_shape) != inputs.shape:
            raise UserError(f"data.input_shape is {list(input_shape)}; in {path} it is {list(inputs.shape)}")
        if classes != (len(targets.classes) or None):
            found = len(targets.classes) or "null (no class index)"
            raise UserError(f"data.classes is {'null' if classes is None else classes}; in {path} it is {found}")
        self.classes = classes
        self.preprocess = Preprocess(inputs, scaling)

    def size(self, split: str) -> int:
        """Number of samples in a split."""
        return len(self.columns(split)[self.target])

    def batch(
        self, split: str, rows: np.ndarray, rng: np.random.Generator | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """The preprocessed inputs and the targets of some rows.

        Parameters
        ----------
        rows
            shape (n,), indices into the split.
        rng
            For subclasses that augment; it depends on the seed, the epoch and the batch only.

        Returns
        -------
        Inputs, float32 of shape (n, *input_shape), and targets: int64 class indices of shape (n,), or float32
        of shape (n, *shape of the field). Both are copies.
        """
        columns = self.columns(split)
        targets = np.take(columns[self.target], rows, axis=0)
        if self.classes is None:
            targets = targets.astype(np.float32, copy=False)
        return self.preprocess(np.take(columns[self.input], rows, axis=0)), targets

    def columns(self, split: str) -> arrow.Arrays:
        """Every field of a split as it is stored, shape (size, *shape of the field), read-only."""
        try:
            return self._splits.arrays[split]
        except KeyError:
            raise UserError(f"no split {split}; there are {', '.join(self.schema.splits)}") from None
