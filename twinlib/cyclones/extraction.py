"""Samples out of maps: one map after another is opened, labelled and cut, by several processes; none is kept."""

import multiprocessing
from collections import deque
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from twinlib.cyclones.fields import Fields
from twinlib.cyclones.patches import CATEGORIES, KINDS, Grid, category, cut, label
from twinlib.cyclones.targets import SIZE
from twinlib.cyclones.tracks import Tracks
from twinlib.data.arrow import Arrays
from twinlib.data.schema import Field
from twinlib.errors import UserError

BASINS = ("none", "WP", "EP", "NA", "NI", "SI", "SP", "SA")


class Source(Protocol):
    """Opens maps; called once in each process."""

    def __call__(self) -> Fields: ...


@dataclass(frozen=True)
class Extraction:
    """All that a process needs to make the samples of any time.

    Parameters
    ----------
    tracks
        Every storm of the times in question, shape (n,).
    storm
        Number of the storm of each record, shape (n,).
    side
        The split that the storm of each record belongs to, shape (n,).
    most, seed
        See `twinlib.cyclones.patches.label`; what is drawn at a time depends on the seed and the time only.
    """

    source: Source
    tracks: Tracks
    storm: npt.NDArray[np.int64]
    side: npt.NDArray[np.str_]
    most: Mapping[str, int]
    seed: int

    def samples(self, split: str, time: np.datetime64) -> Arrays:
        """The samples of one map: the columns that `layout` describes, shape (patches, …).

        Raises
        ------
        UserError
            The map cannot be read or has no usable numbers.
        """
        grid = self._grid
        records = np.flatnonzero(self.tracks.time == time)
        storms = self.tracks[records]
        hour = int(time.astype("datetime64[h]").astype(np.int64))
        rng = np.random.default_rng(np.random.SeedSequence(self.seed, spawn_key=(hour,)))
        own = self.side[records] == split
        labels = label(grid, storms.latitude, storms.longitude, storms.wind, own, self.most, rng)
        corner = labels.patch * SIZE
        there = labels.record >= 0
        centre = labels.record[there]

        def of_centre(values: npt.ArrayLike, none: int) -> npt.NDArray[np.int64]:
            column = np.full(len(there), none, np.int64)
            column[there] = np.asarray(values)[centre]
            return column

        return {
            "fields": cut(self.fields.at(time), labels.patch),
            "position": labels.position,
            "kind": labels.kind,
            "origin": np.stack([grid.latitude[corner[:, 0]], grid.longitude[corner[:, 1]]], axis=1, dtype=np.float32),
            "time": np.full(len(there), hour, np.int64),
            "storm": of_centre(self.storm[records], -1),
            "basin": of_centre([BASINS.index(basin) for basin in storms.basin], 0),
            "category": of_centre(category(storms.wind), 0),
        }

    @cached_property
    def fields(self) -> Fields:
        """The maps, opened when the first is asked for."""
        return self.source()

    @cached_property
    def _grid(self) -> Grid:
        return Grid(self.fields.latitude, self.fields.longitude)


def layout(fields: Fields) -> tuple[Field, ...]:
    """The fields of the dataset that these maps give."""
    channels, dims = len(fields.variables), ("row", "column", "channel")
    place = ("coordinate",)
    return (
        Field("fields", (SIZE, SIZE, channels), dims, "float32", ", ".join(fields.units), names=fields.variables),
        Field("position", (2,), place, "float32", "grid points"),
        Field("kind", (), (), "int64", "class", classes=KINDS),
        Field("origin", (2,), place, "float32", "degrees north and east"),
        Field("time", (), (), "int64", "hours since 1970-01-01"),
        Field("storm", (), (), "int64", "number in the order of the storms' identifiers"),
        Field("basin", (), (), "int64", "class", classes=BASINS),
        Field("category", (), (), "int64", "class", classes=CATEGORIES),
    )


@contextmanager
def extracted(
    work: Extraction, times: Mapping[str, npt.NDArray[np.datetime64]], processes: int, title: str
) -> Iterator[dict[str, Iterator[Arrays]]]:
    """For each split its samples, map by map in the order of `times`, whatever the number of processes.

    A few maps a process are in work at a time, so the memory does not depend on how many there are. With one process
    no other is started. A process keeps one core busy: synthetic weather is made by one thread, and of a file one chunk
    is read after the other.
    """
    from tqdm import tqdm

    if processes < 1:
        raise UserError(f"processes is {processes}; at least 1 is needed")
    with tqdm(total=sum(map(len, times.values())), desc=title, unit="map", disable=None) as bar:
        if processes == 1:
            yield {split: _shown(_here(work, split, each), bar) for split, each in times.items()}
            return
        # Not forked: a reader of files may have threads of its own, and their locks would be copied.
        context = multiprocessing.get_context("spawn")
        pool = ProcessPoolExecutor(processes, context, initializer=_begin, initargs=(work,))
        try:
            yield {split: _shown(_ahead(pool, split, each, 2 * processes), bar) for split, each in times.items()}
        finally:
            pool.shutdown(cancel_futures=True)


def _here(work: Extraction, split: str, times: npt.NDArray[np.datetime64]) -> Iterator[Arrays]:
    for time in times:
        yield work.samples(split, time)


def _ahead(pool: ProcessPoolExecutor, split: str, times: npt.NDArray[np.datetime64], window: int) -> Iterator[Arrays]:
    waiting: deque[Future[Arrays]] = deque()
    for time in times:
        waiting.append(pool.submit(_samples, split, time))
        if len(waiting) > window:
            yield waiting.popleft().result()
    while waiting:
        yield waiting.popleft().result()


def _shown(chunks: Iterator[Arrays], bar: Any) -> Iterator[Arrays]:
    for chunk in chunks:
        yield chunk
        bar.update()


_work: Extraction | None = None  # of this process


def _begin(work: Extraction) -> None:
    global _work
    _work = work


def _samples(split: str, time: np.datetime64) -> Arrays:
    assert _work is not None
    return _work.samples(split, time)
