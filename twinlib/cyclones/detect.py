"""Cyclones on whole maps: a twin that knows patches, slid over every time of a file."""

import re
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from twinlib.cyclones.evaluation import WITHIN, threshold_of
from twinlib.cyclones.merging import Look, found, matched
from twinlib.cyclones.targets import SIZE, Target
from twinlib.errors import UserError

if TYPE_CHECKING:
    from twinlib.cyclones.fields import Fields
    from twinlib.cyclones.tracks import Tracks
    from twinlib.predict import Twin

WRITTEN = (".csv", ".json", ".parquet")


@dataclass(frozen=True)
class Detection:
    """A cyclone on a map: degrees north, degrees east from 0 up to 360, and how sure the twin is of it."""

    time: np.datetime64
    latitude: float
    longitude: float
    probability: float


def detect(
    twin: "Twin",
    source: Path | str,
    target: Path,
    *,
    threshold: float = 0.5,
    stride: int = SIZE // 2,
    merge: float = WITHIN,
    times: Any = None,
    tracks: str | None = None,
) -> str:
    """Find the cyclones on the maps of a file, write them as a table and draw them.

    Patches begin every `stride` grid points; with 20 of 40 most points lie in four of them, and what these say is
    merged as `twinlib.cyclones.merging.found` has it. A map may have any size from one patch on, and may go round the
    Earth. Memory is needed for one map and for the table, whatever the number of times.

    Parameters
    ----------
    twin
        Trained on patches of `twinlib.cyclones.dataset.Patches`.
    source
        Path or URL of Zarr or NetCDF with the variables that the twin was trained on.
    target
        The table: `.csv`, `.json` or `.parquet` with time, latitude, longitude, probability; beside it the picture.
    threshold
        Least probability. Where a network gives a position only, a patch says yes or no by the rule of
        `twinlib.cyclones.evaluation.threshold_of`, and the probability is the share of yes.
    stride
        Grid points from one patch to the next, at most 40.
    merge
        Detections of one time are at least so many km apart.
    times
        `first:last`, both included, such as `2013-11-07T00:2013-11-08T18`; or one hour, day, month or year; or all.
    tracks
        File of best tracks, see `twinlib.cyclones.tracks.read_tracks`: the truth to draw, and to count against.

    Returns
    -------
    What was found, in one line.

    Raises
    ------
    UserError
        A setting, the fields or the tracks cannot be used, or the twin was not trained on patches.
    """
    from tqdm import tqdm

    from twinlib.cyclones.tracks import read_tracks
    from twinlib.plots.detections import draw

    look = _looking(twin)
    _check(target, threshold, stride, merge)
    best = read_tracks(str(tracks)) if tracks is not None else None
    fields = _open(str(source), twin.preprocess.field.names, best)
    chosen = _times(fields, times)
    detections: list[Detection] = []
    shown, surest = None, -1.0
    for time in tqdm(chosen, unit="map", disable=None):
        values = fields.at(time)
        here = [
            Detection(time, *where)
            for where in found(
                look,
                values,
                fields.latitude,
                fields.longitude,
                threshold=threshold,
                stride=stride,
                merge=merge,
            )
        ]
        detections += here
        if (probability := max((one.probability for one in here), default=0.0)) > surest:
            shown, surest = (time, values), probability
    assert shown is not None
    write(target, detections)
    truth = None if best is None else _on_map(best, fields, chosen)
    picture = draw(fields, *shown, chosen, detections, truth, target.with_suffix(".png"))
    said = f"{len(detections):,} detections at {len(chosen):,} times in {target}, drawn in {picture.name}"
    return said if truth is None else f"{said}; {_count(detections, truth)}"


def write(target: Path, detections: list[Detection]) -> None:
    """Write detections as a table, one row each, ordered by time; without any there are the columns only."""
    import pandas as pd

    rows = [astuple(one) for one in detections]
    table = pd.DataFrame(rows, columns=["time", "latitude", "longitude", "probability"])
    table = table.astype({"time": "datetime64[s]", "latitude": float, "longitude": float, "probability": float})
    if target.suffix == ".parquet":
        table.to_parquet(target, index=False)
        return
    table["time"] = table["time"].dt.strftime("%Y-%m-%dT%H:%M")
    table = table.round({"latitude": 3, "longitude": 3, "probability": 4})
    if target.suffix == ".csv":
        table.to_csv(target, index=False, lineterminator="\n")
    else:
        table.to_json(target, orient="records", indent=1)


def _looking(twin: "Twin") -> Look:
    """From patches to probabilities and positions."""
    field = twin.preprocess.field
    if field.shape[:2] != (SIZE, SIZE) or not field.names:
        raise UserError(f"{twin.record.folder.name}: is no twin of {SIZE} x {SIZE} patches with named variables")
    encoding = Target.of_config(twin.config["data"])

    def look(patches: npt.NDArray[np.float32]) -> tuple[npt.NDArray[np.floating], npt.NDArray[np.floating]]:
        probability, position = encoding.decode(twin.predict(patches))
        if encoding.kind == "position":
            probability = (probability >= threshold_of(encoding)).astype(np.float32)
        return probability, position

    return look


def _open(source: str, variables: tuple[str, ...], tracks: "Tracks | None") -> "Fields":
    """All of the map that a source has: not the region that the twin was trained in."""
    from twinlib.cyclones.era5 import open_era5
    from twinlib.cyclones.extent import points_of
    from twinlib.cyclones.fields import SYNTHETIC, open_fields

    if source == SYNTHETIC:
        return open_fields(source, variables=variables, tracks=tracks)
    latitude, longitude = points_of(source)
    if min(len(latitude), len(longitude)) < SIZE:
        shape = f"{len(latitude)} x {len(longitude)}"
        raise UserError(f"{source}: the map has {shape} grid points; one patch takes {SIZE} x {SIZE}")
    return open_era5(source, variables=variables, latitude=latitude, longitude=longitude)


def _check(target: Path, threshold: float, stride: int, merge: float) -> None:
    if target.suffix not in WRITTEN:
        raise UserError(f"{target}: unknown type of file; use one of {', '.join(WRITTEN)}")
    if not target.parent.is_dir():
        raise UserError(f"{target.parent}: no such folder; make it first")
    if not (_is_number(threshold) and 0 < threshold <= 1):
        raise UserError(f"predict.threshold is {threshold}; give a probability above 0, up to 1")
    if not (isinstance(stride, int) and _is_number(stride) and 1 <= stride <= SIZE):
        raise UserError(f"predict.stride is {stride}; give whole grid points from 1 to {SIZE}")
    if not (_is_number(merge) and merge >= 0):
        raise UserError(f"predict.merge is {merge}; give a distance in km, from 0 on")


def _is_number(value: Any) -> bool:
    """Settings come from a command line: anything may be in them."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def _times(fields: "Fields", asked: Any) -> npt.NDArray[np.datetime64]:
    """The times to look at, those asked for that the source has."""
    known = fields.times
    if asked is None and known is None:
        raise UserError(f"predict.times: {fields.source} has maps of any time; say which, as first:last")
    if known is not None and not len(known):
        raise UserError(f"{fields.source} has no time with all of {', '.join(fields.variables)}")
    if asked is None and known is not None:
        return known
    try:
        first, *last = re.split(r":(?=\d{4}(?:-|$))", str(asked), maxsplit=1)
        start = np.datetime64(first).astype("datetime64[h]")
        # A day ends with its last hour, as a month and a year do.
        end = max((np.datetime64(last[0] if last else first) + 1).astype("datetime64[h]") - 1, start)
        if np.isnat(start) or np.isnat(end):
            raise ValueError
    except ValueError:
        raise UserError(f"predict.times is {asked}; give first:last, such as 2013-11-07T00:2013-11-08T18") from None
    if known is None:
        known = np.arange(start, end + 1)
        known = known[known.astype(np.int64) % 6 == 0]  # fields are made for these hours
    chosen = known[(known >= start) & (known <= end)]
    if not len(chosen):
        has = f"; it has {known[0]} to {known[-1]}" if len(known) else ""
        raise UserError(f"predict.times is {asked}: {fields.source} has no map of this time{has}")
    return chosen


def _on_map(tracks: "Tracks", fields: "Fields", times: npt.NDArray[np.datetime64]) -> "Tracks":
    """The records that lie on the map at one of the times."""
    north, south = fields.latitude[[0, -1]]
    width = fields.longitude[-1] - fields.longitude[0]
    inside = (tracks.latitude <= north) & (tracks.latitude >= south)
    inside &= (tracks.longitude - fields.longitude[0]) % 360 <= width
    return tracks[inside & np.isin(tracks.time, times)]


def _count(detections: list[Detection], truth: "Tracks") -> str:
    """Hits, misses and false alarms against best tracks."""
    places: dict[np.datetime64, list[tuple[float, float]]] = {}
    for one in detections:
        places.setdefault(one.time, []).append((one.latitude, one.longitude))
    hits = 0
    for time, here in places.items():
        there, (latitude, longitude) = truth.at(time), np.array(here).T
        hits += len(matched(latitude, longitude, there.latitude, there.longitude, WITHIN))
    return (
        f"{hits:,} of {len(truth):,} cyclones of the tracks found within {WITHIN:g} km, "
        f"{len(detections) - hits:,} false alarms"
    )
