"""Patches of the atmosphere as batches for training, with every setting of the cyclone use case of interTwin.

The settings have the names and the values of https://github.com/interTwin-eu/itwinai, use-cases/cyclones.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from twinlib.cyclones.patches import KINDS
from twinlib.cyclones.targets import Target, flipped, require
from twinlib.data import arrow
from twinlib.data.dataset import Dataset
from twinlib.data.preprocess import Preprocess
from twinlib.data.schema import TRAIN, Field
from twinlib.errors import UserError

# patch_type -> what is learnt from: cyclones, and the patches without one that it names.
PATCH_TYPES = {
    "CYCLONE": ("CYCLONE",),
    "NEAREST": ("CYCLONE", "NEAREST", "RANDOM"),
    "ALLADJACENT": ("CYCLONE", "NEAREST", "ALLADJACENT", "RANDOM"),
    "RANDOM": ("CYCLONE", "RANDOM"),
    "NOCYCLONE": KINDS,
}
AUGMENTED = {"ONLY_TCS": ("CYCLONE",), "ALL_PATCHES": KINDS}  # aug_type -> the patches that are mirrored
# The four orientations of a patch: as it is, up-down, left-right, and both, which is a rotation by 180 degrees.
UP_DOWN, LEFT_RIGHT = np.array([False, True, False, True]), np.array([False, False, True, True])
_MIRRORED = [
    tuple(slice(None, None, -1 if turn else 1) for turn in turns) for turns in zip(UP_DOWN, LEFT_RIGHT, strict=True)
]

Rows = npt.NDArray[np.int64]


class Patches(Dataset):
    """Inputs and targets out of the patches that the stage `prepare_cyclones` has made.

    Training and validation use the patches that `patch_type` names, every test split all that are stored of it: runs
    of different settings are compared on the same patches.

    An epoch of an augmented training has each mirrored patch four times, once in every orientation, as the original
    has it: with `NEAREST`, which is three neighbours and one random patch a cyclone, and `ONLY_TCS` that makes
    50 % cyclones, 37.5 % neighbours and 12.5 % random ones; without augmentation 20, 60 and 20 %. Neighbours are a few
    less where they are at the map's edge or hold cyclones themselves. Validation and test are never augmented (the
    original augments its validation).

    Parameters
    ----------
    path
        Folder with one Arrow file for each split.
    drivers
        The variables that the network sees, in this order.
    target, label_no_cyclone, target_scale, sigma, coordinates
        What is learnt, see `twinlib.cyclones.targets.Target`.
    patch_type
        `NEAREST`: cyclones, the three neighbours towards the quadrant of the centre and random patches; `ALLADJACENT`:
        cyclones, all eight neighbours and random patches; `RANDOM`: cyclones and random patches; `NOCYCLONE`: all;
        `CYCLONE`: only those.
    augment
        Mirror training patches: left-right, up-down, and both.
    aug_type
        `ONLY_TCS`: those with a cyclone; `ALL_PATCHES`.
    scaling
        How inputs are preprocessed: `minmax` as in the original, `standard` as in CMCC's later code.
    input_shape
        (40, 40, number of drivers).
    classes
        null: nothing is classified.

    Raises
    ------
    UserError
        The files are missing or damaged, or a parameter does not fit them.
    """

    def __init__(
        self,
        path: str,
        drivers: Sequence[str],
        target: str,
        patch_type: str,
        augment: bool,
        aug_type: str,
        label_no_cyclone: str,
        target_scale: bool,
        coordinates: str,
        sigma: float,
        scaling: str,
        input_shape: list[int] | tuple[int, ...],
        classes: int | None = None,
        name: str | None = None,
    ) -> None:
        require("patch_type", patch_type, PATCH_TYPES)
        require("aug_type", aug_type, AUGMENTED)
        require("augment", augment, (False, True))
        self.encoding = Target(target, label_no_cyclone, target_scale, sigma, coordinates)
        stored = arrow.read(Path(path) / f"{TRAIN}.arrow")[0]["fields"]
        channels = _channels(drivers, stored)
        if tuple(input_shape) != (*stored.shape[:2], len(channels)):
            wanted = [*stored.shape[:2], len(channels)]
            raise UserError(f"data.input_shape is {list(input_shape)}; with these drivers it is {wanted}")
        super().__init__(path, "fields", "position", scaling, stored.shape, classes, name)
        self.preprocess = Preprocess(_subset(stored, channels), scaling)
        # Reading all channels in their order needs no gathering.
        self._channels = None if channels == list(range(stored.channels)) else channels
        self._rows: dict[str, Rows] = {}
        self._orientations: dict[str, Rows] = {}
        self._positions: dict[str, npt.NDArray[np.float32]] = {}
        for split, columns in self._splits.arrays.items():
            kinds = PATCH_TYPES["NOCYCLONE" if split.startswith("test") else patch_type]
            rows = np.flatnonzero(_of_kinds(columns["kind"], kinds))
            if not len(rows):
                raise UserError(f"data.patch_type {patch_type}: {path} has no such patch in the split {split}")
            copies = np.ones(len(rows), np.int64)
            if augment and split == TRAIN:
                copies[_of_kinds(columns["kind"][rows], AUGMENTED[aug_type])] = len(UP_DOWN)
            self._rows[split] = rows = np.repeat(rows, copies)
            first = np.repeat(np.cumsum(copies) - copies, copies)  # of the copies of the same patch
            self._orientations[split] = orientation = np.arange(len(rows)) - first
            turned = UP_DOWN[orientation], LEFT_RIGHT[orientation]
            self._positions[split] = flipped(columns["position"][rows], *turned)

    def size(self, split: str) -> int:
        """Number of samples in an epoch of a split."""
        return len(self._of(split))

    def batch(
        self, split: str, rows: np.ndarray, rng: np.random.Generator | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """The preprocessed inputs and the encoded targets of some samples.

        Parameters
        ----------
        rows
            shape (n,), numbers of samples from 0 to `size(split)` - 1.
        rng
            Given for training batches: then each copy has its orientation. Nothing is drawn from it.

        Returns
        -------
        Inputs, float32 of shape (n, 40, 40, drivers), and targets, float32 of shape (n, *encoding.shape).
        """
        stored, columns = self._of(split)[rows], self._splits.arrays[split]
        fields = np.take(columns["fields"], stored, axis=0)
        if self._channels is not None:
            fields = fields[..., self._channels]
        inputs = self.preprocess(fields)
        if rng is None:
            return inputs, self.encoding.encode(columns["position"][stored])
        # A point's channels are moved as one: half the time of moving numbers.
        points = inputs.view(f"V{inputs.itemsize * inputs.shape[-1]}")[..., 0]
        orientation = self._orientations[split][rows]
        for number, (row, column) in enumerate(_MIRRORED[1:], 1):
            turned = np.flatnonzero(orientation == number)
            points[turned] = points[turned, row, column]
        return inputs, self.encoding.encode(self._positions[split][rows])

    def columns(self, split: str) -> arrow.Arrays:
        """Every stored field of the samples of a split, before augmentation and scaling; `fields` has the drivers.

        A column is read when it is asked for; it is a view where the split is used as it is stored.
        """
        rows = self._of(split)
        return _Columns(self._splits.arrays[split], rows, self._channels)

    def _of(self, split: str) -> Rows:
        try:
            return self._rows[split]
        except KeyError:
            raise UserError(f"no split {split}; there are {', '.join(self.schema.splits)}") from None


class _Columns(Mapping[str, np.ndarray]):
    """Columns of an Arrow file at some rows, each read on demand."""

    def __init__(self, stored: arrow.Arrays, rows: Rows, channels: list[int] | None) -> None:
        self._stored, self._rows, self._channels = stored, rows, channels
        self._whole = np.array_equal(rows, np.arange(len(stored["kind"])))

    def __getitem__(self, name: str) -> np.ndarray:
        column = self._stored[name] if self._whole else self._stored[name][self._rows]
        if name == "fields" and self._channels is not None:
            column = column[..., self._channels]
        column.flags.writeable = False
        return column

    def __iter__(self) -> Iterator[str]:
        return iter(self._stored)

    def __len__(self) -> int:
        return len(self._stored)


def _channels(drivers: Sequence[str], stored: Field) -> list[int]:
    for driver in drivers:
        if driver not in stored.names:
            raise UserError(f"data.drivers: no variable {driver}; there are {', '.join(stored.names)}")
    if not drivers or len(set(drivers)) < len(drivers):
        raise UserError(f"data.drivers is {list(drivers)}; name one variable at least, and none twice")
    return [stored.names.index(driver) for driver in drivers]


def _subset(field: Field, channels: list[int]) -> Field:
    """The field with some of its channels, in this order."""
    units = field.units.split(", ")

    def pick(values: tuple[float, ...]) -> tuple[float, ...]:
        return tuple(values[channel] for channel in channels)

    return replace(
        field,
        shape=(*field.shape[:-1], len(channels)),
        units=field.units if len(units) == 1 else ", ".join(units[channel] for channel in channels),
        minimum=pick(field.minimum),
        maximum=pick(field.maximum),
        mean=pick(field.mean),
        std=pick(field.std),
        names=tuple(field.names[channel] for channel in channels),
    )


def _of_kinds(kind: npt.NDArray[np.int64], kinds: Sequence[str]) -> npt.NDArray[np.bool_]:
    return np.isin(kind, [KINDS.index(name) for name in kinds])
