"""Maps cut into patches of 40 x 40 grid points, and what each patch is: does it hold a cyclone, is it next to one?

The kinds are those of interTwin and CMCC: https://github.com/CMCC-Foundation/ml-tropical-cyclones-detection.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from twinlib.cyclones.targets import ABSENT, SIZE
from twinlib.errors import UserError

# Each patch is of the first of these that fits; NOCYCLONE is any other without a centre.
KINDS = ("CYCLONE", "NEAREST", "ALLADJACENT", "RANDOM", "NOCYCLONE")
CATEGORIES = ("none", "TD", "TS", "1", "2", "3", "4", "5")
_KNOTS = (34, 64, 83, 96, 113, 137)  # where TS and the categories 1 to 5 begin (Saffir and Simpson, as NHC has it)

Patch = tuple[int, int]  # row and column of a patch in the map
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Grid:
    """The points of a regular map and the patches that it is cut into, without a margin that fills none.

    Parameters
    ----------
    latitude, longitude
        Degrees north, decreasing, shape (rows,); degrees east, increasing, shape (columns,). West of the date line
        or of Greenwich they may run on over 360 or start again from 0.

    Raises
    ------
    UserError
        The steps are not all the same, or the map is smaller than a patch.
    """

    latitude: npt.NDArray[np.floating]
    longitude: npt.NDArray[np.floating]

    def __post_init__(self) -> None:
        if min(len(self.latitude), len(self.longitude)) < SIZE:
            shape = f"{len(self.latitude)} x {len(self.longitude)}"
            raise UserError(f"the map has {shape} grid points; one patch takes {SIZE} x {SIZE}: choose a larger region")
        south = -np.diff(self.latitude.astype(np.float64))
        east = np.diff(self.longitude.astype(np.float64)) % 360
        if not (np.allclose(south, south[0], atol=1e-3) and np.allclose(east, south[0], atol=1e-3) and south[0] > 0):
            raise UserError(
                "the map has no regular grid: latitude has to decrease and longitude to increase by one step"
            )

    @property
    def step(self) -> float:
        """Degrees between two points."""
        return float(self.latitude[0] - self.latitude[-1]) / (len(self.latitude) - 1)

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of patches."""
        return len(self.latitude) // SIZE, len(self.longitude) // SIZE

    @property
    def closed(self) -> bool:
        """The map goes round the Earth without a margin: its last column of patches is next to the first."""
        return self.shape[1] * SIZE == len(self.longitude) == round(360 / self.step)

    def index(self, latitude: npt.NDArray[np.floating], longitude: npt.NDArray[np.floating]) -> npt.NDArray[np.float64]:
        """Fractional row and column of places in the map, shape (n, 2); also of places outside of it."""
        row = (float(self.latitude[0]) - np.asarray(latitude, np.float64)) / self.step
        middle = (len(self.longitude) - 1) * self.step / 2
        # The way round the Earth that is shorter from the middle of the map.
        east = (np.asarray(longitude, np.float64) - float(self.longitude[0]) - middle + 180) % 360 - 180 + middle
        return np.stack([row, east / self.step], axis=-1)

    def around(self, patch: Patch) -> Iterator[Patch]:
        """The patch and its neighbours, as many as are in the map."""
        for row in (-1, 0, 1):
            for column in (-1, 0, 1):
                yield from self.inside((patch[0] + row, patch[1] + column))

    def inside(self, patch: Patch) -> Iterator[Patch]:
        """The patch if it is in the map."""
        row, column = patch[0], patch[1] % self.shape[1] if self.closed else patch[1]
        if 0 <= row < self.shape[0] and 0 <= column < self.shape[1]:
            yield row, column


@dataclass(frozen=True)
class Labels:
    """Some patches of one map, ordered by row and column."""

    patch: Ints  # shape (n, 2), row and column in the map
    kind: Ints  # shape (n,), number in KINDS
    position: npt.NDArray[np.float32]  # shape (n, 2), row and column of the centre in the patch, (-1, -1) where none is
    record: Ints  # shape (n,), which of the centres it is, -1 for none


def label(
    grid: Grid,
    latitude: npt.NDArray[np.floating],
    longitude: npt.NDArray[np.floating],
    wind: npt.NDArray[np.floating],
    own: npt.NDArray[np.bool_],
    most: Mapping[str, int],
    rng: np.random.Generator,
) -> Labels:
    """Choose patches of a map and say of which kind they are.

    CYCLONE
        Holds a centre: the nearest grid point decides. Of several centres it keeps the one with the strongest wind.
    NEAREST
        The up to three neighbours of such a patch towards the quadrant of the centre, if they hold no centre.
    ALLADJACENT
        Its other neighbours.
    RANDOM
        As many patches as there are cyclones, drawn from those outside the 3 x 3 patches around all centres, also of
        centres that are outside of the map.
    NOCYCLONE
        All others.

    Parameters
    ----------
    latitude, longitude, wind
        Of the centres at this time, shape (m,).
    own
        Which centres belong to this side of the split, shape (m,). The 3 x 3 patches around any other are left out.
    most
        At most so many patches of a kind, drawn at random; of a kind that is not named all are taken.
    """
    index = grid.index(latitude, longitude)
    point = np.floor(index + 0.5).astype(np.int64)
    homes = [(int(row), int(column)) for row, column in point // SIZE]
    near = {patch for home in homes for patch in grid.around(home)}
    foreign = {patch for home, mine in zip(homes, own, strict=True) if not mine for patch in grid.around(home)}
    occupied = {patch for home in homes for patch in grid.inside(home)}

    centres: dict[Patch, int] = {}
    for record in np.argsort(-np.asarray(wind), kind="stable"):
        for patch in grid.inside(homes[record]):
            if patch not in foreign:
                centres.setdefault(patch, int(record))

    nearest: set[Patch] = set()
    adjacent: set[Patch] = set()
    for patch, record in centres.items():
        up, left = point[record] % SIZE < SIZE // 2
        row, column = -1 if up else 1, -1 if left else 1
        for step in ((row, 0), (0, column), (row, column)):
            nearest.update(grid.inside((patch[0] + step[0], patch[1] + step[1])))
        adjacent.update(grid.around(patch))
    nearest -= occupied | foreign
    adjacent -= occupied | foreign | nearest

    everywhere = {(row, column) for row in range(grid.shape[0]) for column in range(grid.shape[1])}
    random = _draw(everywhere - near, len(centres), rng)
    chosen = {
        "CYCLONE": set(centres),
        "NEAREST": nearest,
        "ALLADJACENT": adjacent,
        "RANDOM": random,
        "NOCYCLONE": everywhere - occupied - foreign - nearest - adjacent - random,
    }
    kinds = {
        patch: KINDS.index(kind)
        for kind, patches in chosen.items()
        for patch in (_draw(patches, most[kind], rng) if kind in most else patches)
    }
    patches = sorted(kinds)
    records = np.array([centres.get(patch, -1) for patch in patches], np.int64)
    there = records >= 0
    position = np.full((len(patches), 2), ABSENT, np.float32)
    found = records[there]
    position[there] = index[found] - point[found] // SIZE * SIZE
    return Labels(
        np.array(patches, np.int64).reshape(-1, 2),
        np.array([kinds[patch] for patch in patches], np.int64),
        position,
        records,
    )


def cut(fields: npt.NDArray[np.float32], patch: Ints) -> npt.NDArray[np.float32]:
    """Patches of a map of shape (rows, columns, channels), as copies: shape (n, 40, 40, channels).

    Parameters
    ----------
    patch
        shape (n, 2), row and column of each patch.
    """
    rows, columns, channels = fields.shape[0] // SIZE, fields.shape[1] // SIZE, fields.shape[2]
    blocks = fields[: rows * SIZE, : columns * SIZE].reshape(rows, SIZE, columns, SIZE, channels)
    return blocks[patch[:, 0], :, patch[:, 1]]


def category(wind: npt.NDArray[np.floating]) -> Ints:
    """Number in CATEGORIES of one-minute winds in m/s, by the Saffir-Simpson scale; they are rounded to knots."""
    knots = np.floor(np.asarray(wind, np.float64) * 3600 / 1852 + 0.5)
    return 1 + np.searchsorted(_KNOTS, knots, side="right").astype(np.int64)


def _draw(patches: set[Patch], count: int, rng: np.random.Generator) -> set[Patch]:
    """At most so many of the patches; sorted first, as a set has no order to be relied on."""
    ordered = sorted(patches)
    return {ordered[i] for i in rng.permutation(len(ordered))[:count]}
