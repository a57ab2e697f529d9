"""Tropical cyclones: synthetic fields around real tracks as Zarr, and patches of fields as an Arrow dataset."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from twinlib.cyclones.archive import write_zarr
from twinlib.cyclones.fields import SYNTHETIC, open_fields
from twinlib.cyclones.tracks import STEP, read_tracks
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
    source = open_fields(SYNTHETIC, variables=variables, region=region, tracks=read_tracks(tracks), seed=seed)
    times = np.unique(np.concatenate([_hours(window) for window in windows])) if windows else np.array([])
    if not len(times):
        raise UserError("cyclones.fields.windows is empty; name a first and a last day")
    size = write_zarr(source, times, target, {"title": "Synthetic fields around real best tracks", "seed": seed})
    return f"{target}: {len(times)} maps, {size / 1e6:.0f} MB ({source.kind})"


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
