"""Which storms and which times belong to which split: by year, and no storm on two sides."""

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from twinlib.cyclones.patches import Grid
from twinlib.cyclones.targets import SIZE
from twinlib.cyclones.tracks import Tracks
from twinlib.errors import UserError

Years = Mapping[str, Sequence[int]]  # split -> its first and its last year
Sides = Mapping[int, str]  # year -> its split
Times = npt.NDArray[np.datetime64]


def sides_of_years(years: Years, shuffle: int | None = None) -> dict[int, str]:
    """The split of each year.

    Parameters
    ----------
    shuffle
        Seed by which all these years are dealt out to the splits, as many to each; None leaves them as they are.

    Raises
    ------
    UserError
        The years of a split are not two in order, or are also those of another split.
    """
    sides: dict[int, str] = {}
    for split, span in years.items():
        if len(span) != 2 or span[0] > span[1]:
            raise UserError(f"years: {split} is {list(span)}; give its first and its last year")
        for year in range(span[0], span[1] + 1):
            if sides.setdefault(year, split) != split:
                raise UserError(f"years: {year} is in {sides[year]} and in {split}")
    if shuffle is not None:
        order = np.random.default_rng(shuffle).permutation(len(sides))
        splits = list(sides.values())
        sides = {year: splits[place] for year, place in zip(sides, order, strict=True)}
    return sides


def side_of_storms(tracks: Tracks, sides: Sides) -> npt.NDArray[np.str_]:
    """The split of the storm of each record, shape (n,): that of the year of the storm's first record, or ''."""
    first, storm = np.unique(tracks.storm, return_index=True, return_inverse=True)[1:]  # records are ordered by time
    return side_of_times(tracks.time[first], sides)[storm]


def side_of_times(times: Times, sides: Sides) -> npt.NDArray[np.str_]:
    """The split that each time belongs to, shape (n,), or ''."""
    years, which = np.unique(times.astype("datetime64[Y]").astype(np.int64) + 1970, return_inverse=True)
    return np.array([sides.get(int(year), "") for year in years], dtype=str)[which]


def storm_times(tracks: Tracks, grid: Grid, sides: Sides, available: Times | None = None) -> dict[str, Times]:
    """For each split the times, in order, at which the map holds the centre of a storm of this split.

    Parameters
    ----------
    available
        The times that there are maps of; None: all.

    Raises
    ------
    UserError
        A split has no such time. That one of its years has none is no mistake.
    """
    patch = np.floor(grid.index(tracks.latitude, tracks.longitude) + 0.5) // SIZE
    inside = ((patch >= 0) & (patch < grid.shape)).all(axis=1)
    side = side_of_storms(tracks, sides)
    own = inside & (side == side_of_times(tracks.time, sides))
    found = {}
    for split in dict.fromkeys(sides.values()):
        found[split] = np.unique(tracks.time[own & (side == split)])
        if available is not None:
            found[split] = np.intersect1d(found[split], available)
        if not len(found[split]):
            of = "" if available is None else f" of the {len(available)} times that the fields have"
            years = [year for year in sides if sides[year] == split]
            span = f"{min(years)} … {max(years)}"
            raise UserError(f"years: no storm of {split} ({span}) is in the region at any time{of}")
    return found


def sample(times: Times, count: int | None, seed: Sequence[int]) -> Times:
    """Draw `count` of the times, in order; all when None or when there are no more.

    Every k-th of the times, ordered by month and at random within a month, from a random start: each month of each
    year has its share, and each time, so each record of a storm, is as likely as any other.
    """
    if count is None or count >= len(times):
        return times
    rng = np.random.default_rng(np.random.SeedSequence(list(seed)))
    order = np.lexsort((rng.random(len(times)), times.astype("datetime64[M]")))
    step = len(times) / count
    return np.sort(times[order[((np.arange(count) + rng.random()) * step).astype(np.int64)]])
