"""Tropical cyclones: synthetic fields around real tracks as Zarr, and patches of fields as an Arrow dataset."""

import os
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt

from twinlib.cyclones.archive import write_zarr
from twinlib.cyclones.extraction import Extraction, extracted, layout
from twinlib.cyclones.fields import SYNTHETIC, open_fields
from twinlib.cyclones.patches import KINDS, Grid
from twinlib.cyclones.splits import sample, side_of_storms, sides_of_years, storm_times
from twinlib.cyclones.tracks import STEP, read_tracks
from twinlib.data import arrow
from twinlib.data.schema import Schema
from twinlib.errors import UserError


def fields(
    *,
    tracks: Path,
    target: Path,
    windows: Sequence[str],
    variables: Sequence[str],
    region: Mapping[str, float],
    seed: int,
) -> str:
    """Write synthetic fields of some days, with ERA5's names and conventions, to the Zarr store `target`.

    Parameters
    ----------
    tracks
        File of best tracks, see `twinlib.cyclones.tracks.read_tracks`.
    windows
        First and last day, both included, such as `2018-09-10 2018-09-16`; a map every six hours.
    variables, region, seed
        See `twinlib.cyclones.fields.open_fields`.

    Raises
    ------
    UserError
        A window that is none, or what `read_tracks`, `open_fields` and `write_zarr` raise.
    """
    if not windows:
        raise UserError("cyclones.fields.windows is empty; name a first and a last day")
    times = np.unique(np.concatenate([_hours(window) for window in windows]))
    source = open_fields(SYNTHETIC, variables=variables, region=region, tracks=read_tracks(tracks), seed=seed)
    size = write_zarr(source, times, target, {"title": "Synthetic fields around real best tracks", "seed": seed})
    return f"{target}: {len(times)} maps, {size / 1e6:.0f} MB ({source.kind})"


def prepare(
    raw: Path,
    target: Path,
    *,
    tracks: str,
    fields: str,
    variables: Sequence[str],
    region: Mapping[str, float],
    years: Mapping[str, Sequence[int]],
    shuffle: bool,
    times: Mapping[str, int | None],
    most: Mapping[str, int],
    seed: int,
    processes: int | None,
    license: str,
) -> Schema:
    """Write the Arrow dataset `target`: patches of maps at times when a storm is in the region.

    A storm that lives on into the years of another split stays with the split of its first record: in those years the
    3 x 3 patches around it are left out.

    Parameters
    ----------
    raw, tracks
        Folder and name of the file of tracks.
    fields, variables, region
        Where the maps come from, see `twinlib.cyclones.fields.open_fields`.
    years
        First and last year of each split.
    shuffle
        Deal the same years out to the splits at random, as many to each. (The original shuffles its files before it
        cuts the list of them in two; with whole years no storm comes on two sides.)
    times
        How many storm times of each split, see `twinlib.cyclones.splits.sample`; null: all.
    most
        At most so many patches of a kind from one map, see `twinlib.cyclones.patches.label`.
    seed
        Of the weather, where it is synthetic, and of all that is drawn.
    processes
        null: one for each core. The result does not depend on it.

    Raises
    ------
    UserError
        A file is missing or damaged, or a parameter does not fit the others.
    """
    if unknown := [kind for kind in most if kind not in KINDS]:
        raise UserError(f"most: no kind {unknown[0]}; there are {', '.join(KINDS)}")
    if set(times) != set(years):
        raise UserError(
            f"times has {', '.join(times)} and years has {', '.join(years)}; they have to be the same splits"
        )
    storms = read_tracks(raw / tracks)
    numbers = np.unique(storms.storm, return_inverse=True)[1].astype(np.int64)
    sides = sides_of_years(years, seed if shuffle else None)
    side = side_of_storms(storms, sides)
    source = partial(open_fields, fields, variables=tuple(variables), region=dict(region), seed=seed)
    opened = source()
    found = storm_times(storms, Grid(opened.latitude, opened.longitude), sides, opened.times)
    chosen = {split: sample(each, times[split], (seed, *split.encode())) for split, each in found.items()}
    # A process needs the storms of these times only.
    rows = np.isin(storms.time, np.concatenate(list(chosen.values())))
    source = partial(source, tracks=storms[rows])
    work = Extraction(source, storms[rows], numbers[rows], side[rows], dict(most), seed)
    about = Schema(layout(opened), kind=opened.kind, source=opened.source, license=license)
    cores = len(os.sched_getaffinity(0))
    with extracted(work, chosen, cores if processes is None else processes, str(target)) as splits:
        return arrow.write(target, splits, about)


def _hours(window: str) -> npt.NDArray[np.datetime64]:
    try:
        first, last = (np.datetime64(day, "D") for day in window.split())
    except ValueError:
        raise UserError(
            f"cyclones.fields.windows: {window!r} is no first and last day, such as 2018-09-10 2018-09-16"
        ) from None
    if last < first:
        raise UserError(f"cyclones.fields.windows: {window!r} ends before it begins")
    steps: npt.NDArray[np.int64] = np.arange(4 * ((last - first).astype(np.int64) + 1))
    return first.astype("datetime64[h]") + STEP * steps
