"""What a network learns of a cyclone in a patch, and back: a position, a detection, or a density map.

A position counts rows and columns of the patch's grid points, 0 to 39 and fractions of them; (-1, -1) is absent.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from twinlib.errors import UserError

SIZE = 40  # grid points along each side of a patch
ABSENT = -1.0  # row and column of a patch without a cyclone
TARGETS = ("position", "detection", "density")
# What row and column of an absent cyclone are taught as. The original leaves them alone with NONE: at -1.
LABELS = {"NONE": -1.0, "ZERO_3": -0.3, "ONE": -1.0}
COORDINATES = ("patch_cyclone", "rounded_cyclone")

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Target:
    """Positions as targets of a network, and predictions as probabilities and positions.

    | kind | target | prediction |
    |---|---|---|
    | position | row, column; the label where absent: (n, 2) | the same |
    | detection | presence 0 or 1, row, column: (n, 3) | logit of the presence, row, column |
    | density | exp(-d²/2 sigma²), d from the centre; 0 where absent: (n, 40, 40, 1) | the same, 0 to 1 |

    Parameters
    ----------
    kind
        `position`, `detection` or `density`.
    label_no_cyclone
        The number that stands for row and column of an absent cyclone: `NONE` and `ONE` -1, `ZERO_3` -0.3. In a
        detection nothing is to be learnt from it.
    target_scale
        Teach (y - label) / (39 - label) in place of each coordinate y: absent is 0, the last grid point 1.
    sigma
        Width of the density, in grid points; only `density` reads it.
    coordinates
        `patch_cyclone`, the centre itself; or `rounded_cyclone`, the grid point nearest to it, as the original has it.

    Raises
    ------
    UserError
        A value that there is not.
    """

    kind: str = "position"
    label_no_cyclone: str = "NONE"
    target_scale: bool = False
    sigma: float = 5.0
    coordinates: str = "patch_cyclone"

    def __post_init__(self) -> None:
        require("target", self.kind, TARGETS)
        require("label_no_cyclone", self.label_no_cyclone, LABELS)
        require("target_scale", self.target_scale, (False, True))
        require("coordinates", self.coordinates, COORDINATES)
        if not self.sigma > 0:
            raise UserError(f"data.sigma is {self.sigma}; it is a width in grid points, above 0")

    @classmethod
    def of_config(cls, data: Mapping[str, Any]) -> Self:
        """The target that the `data` node of a run's config describes."""
        names = ("label_no_cyclone", "target_scale", "sigma", "coordinates")
        return cls(data["target"], **{name: data[name] for name in names if name in data})

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of one target."""
        return {"position": (2,), "detection": (3,), "density": (SIZE, SIZE, 1)}[self.kind]

    @property
    def label(self) -> float:
        """Row and column of an absent cyclone, before any scaling."""
        return LABELS[self.label_no_cyclone]

    def encode(self, position: npt.NDArray[np.floating]) -> Floats:
        """Targets for positions.

        Parameters
        ----------
        position
            shape (n, 2): row and column, both -1 where there is no cyclone.

        Returns
        -------
        float32, shape (n, *shape). Kind `position` moves a centre of up to half a grid point outside of the
        outermost points onto them: below 0 begins what means absent.
        """
        there = present(position)
        if self.coordinates == "rounded_cyclone":
            position = np.where(there[:, None], np.floor(position + 0.5), position)
        if self.kind == "density":
            return self._density(position, there)
        if self.kind == "position":
            position = np.clip(position, 0, SIZE - 1)
        taught = np.where(there[:, None], position, self.label)
        if self.target_scale:
            taught = (taught - self.label) / (SIZE - 1 - self.label)
        if self.kind == "detection":
            taught = np.concatenate([there[:, None], taught], axis=1)
        return taught.astype(np.float32)

    def decode(self, predictions: npt.NDArray[np.floating]) -> tuple[Floats, Floats]:
        """Probabilities of a cyclone, and where it is if there is one.

        Of a `position` the probability is how far the smaller coordinate is on the way from the label to 0, between
        0 and 1: no frequency, but it rises with the network's own answer. The original's rule, both coordinates at
        least -0.1, is a probability of 0.9 with the labels of -1. Of a `density` it is the highest value, and the
        position its peak, between grid points by a parabola through the logarithms, which is exact for a Gaussian.

        Parameters
        ----------
        predictions
            shape (n, *shape); of a `detection` the logit in the first column, of a `density` values from 0 to 1.

        Returns
        -------
        Probability, float32 of shape (n,), and position, float32 of shape (n, 2), inside the patch.

        Raises
        ------
        UserError
            The predictions have another shape.
        """
        if predictions.shape[1:] != self.shape:
            wanted = ", ".join(["n", *map(str, self.shape)])
            raise UserError(f"data.target {self.kind} is predicted as ({wanted}); the model gives {predictions.shape}")
        exact: npt.NDArray[np.float64] = predictions.astype(np.float64)
        if self.kind == "density":
            probability, position = _peak(exact[..., 0])
        else:
            position = exact[:, -2:]
            if self.target_scale:
                position = position * (SIZE - 1 - self.label) + self.label
            if self.kind == "position":
                probability = np.clip(1 - position.min(axis=1) / self.label, 0, 1)
                position = np.clip(position, 0, SIZE - 1)
            else:
                probability = 0.5 * (1 + np.tanh(0.5 * exact[:, 0]))  # a sigmoid that cannot overflow
                position = np.clip(position, -0.5, SIZE - 0.5)
        return probability.astype(np.float32), position.astype(np.float32)

    def _density(self, position: npt.NDArray[np.floating], there: npt.NDArray[np.bool_]) -> Floats:
        points = np.arange(SIZE, dtype=np.float32)
        row, column = (
            np.exp(-0.5 * ((points - position[:, axis, None].astype(np.float32)) / np.float32(self.sigma)) ** 2)
            for axis in (0, 1)
        )
        row *= there[:, None]
        density: Floats = (row[:, :, None] * column[:, None, :])[..., None]
        return density


def present(position: npt.NDArray[np.floating]) -> npt.NDArray[np.bool_]:
    """Which positions are those of a cyclone, shape (n,); a centre may be half a grid point outside of row 0."""
    there: npt.NDArray[np.bool_] = position[:, 0] > 0.75 * ABSENT
    return there


def flipped(
    position: npt.NDArray[np.float32], up_down: npt.NDArray[np.bool_], left_right: npt.NDArray[np.bool_]
) -> Floats:
    """Positions in mirrored patches: row r becomes 39 - r, column c 39 - c; absent stays absent.

    Parameters
    ----------
    position
        shape (n, 2).
    up_down, left_right
        shape (n,): which patches are mirrored; both is a rotation by 180 degrees.
    """
    mirrored = np.stack([up_down, left_right], axis=1) & present(position)[:, None]
    return np.where(mirrored, np.float32(SIZE - 1) - position, position)


def require(key: str, value: Any, known: Any) -> None:
    """The value of a key of the config is one of the known. Raises UserError."""
    if value not in tuple(known):
        shown = ", ".join(str(name).lower() if isinstance(name, bool) else str(name) for name in known)
        raise UserError(f"data.{key} is {'null' if value is None else value}; use one of {shown}")


def _peak(density: npt.NDArray[np.float64]) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Highest value and its row and column of each map, shape (n, rows, columns)."""
    count, rows, columns = density.shape
    each = np.arange(count)
    at = density.reshape(count, -1).argmax(axis=1)
    row, column = np.divmod(at, columns)
    log = np.log(np.maximum(density, 1e-12))

    def vertex(axis: int, at: npt.NDArray[np.int64], inner: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
        """Where the parabola through the points around `inner` is highest."""
        low, middle, high = (
            log[each, inner + step, column] if axis == 0 else log[each, row, inner + step] for step in (-1, 0, 1)
        )
        bend = low - 2 * middle + high
        with np.errstate(divide="ignore", invalid="ignore"):
            shift = np.where(bend < 0, 0.5 * (low - high) / bend, at - inner)
        return inner + np.clip(shift, -1.5, 1.5)

    # At an edge of the map the point is not between two others: the parabola is that of its neighbour.
    return density[each, row, column], np.stack(
        [vertex(0, row, np.clip(row, 1, rows - 2)), vertex(1, column, np.clip(column, 1, columns - 2))], axis=1
    )
