"""Maps of fields as a Zarr store with ERA5's names and conventions, one time a chunk."""

import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from twinlib.cyclones.fields import Fields
from twinlib.cyclones.variables import VARIABLES
from twinlib.errors import UserError

MISSING = -32767
STEPS = 65_000  # values that int16 tells apart, with some to spare


def write_zarr(
    fields: Fields, times: npt.NDArray[np.datetime64], target: Path, about: Mapping[str, str | int | float]
) -> int:
    """Write the maps of some times; the same maps give the same bytes.

    Numbers are packed into 16 bits (`scale_factor`, `add_offset`) over the range that `twinlib.cyclones.variables`
    gives. `t_500` and `t_300` become `t` with an axis `level`; `vo_850` keeps its name. One map is in memory at a time.
    Everything is written next to `target` first and takes its place at the end.

    Parameters
    ----------
    times
        datetime64[h], shape (n,), increasing.
    about
        Attributes of the store beside `kind` and `source`.

    Returns
    -------
    The size of the store in bytes.

    Raises
    ------
    UserError
        `target` is something else than a Zarr store, or `fields` cannot give a map.
    """
    import zarr
    from tqdm import tqdm

    if target.exists() and not (target / ".zgroup").is_file():
        raise UserError(f"{target} holds something else than a Zarr store; move it away or choose another folder")
    target.parent.mkdir(parents=True, exist_ok=True)
    draft = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
    try:
        store: Any = zarr.create_group(draft / "new", zarr_format=2)
        store.attrs.update({"Conventions": "CF-1.6", "kind": fields.kind, "source": fields.source, **about})
        channels = _channels(fields.variables)
        _write_axes(store, fields, times, [VARIABLES[name].level for name in channels.get("t", ())])
        for stored, names in channels.items():
            _create(store, stored, names, (len(times), len(fields.latitude), len(fields.longitude)))
        for row, time in enumerate(tqdm(times, desc=target.name, unit="map", disable=None)):
            maps = fields.at(time)
            for stored, names in channels.items():
                values = [maps[..., fields.variables.index(name)] for name in names]
                store[stored][row] = _pack(np.stack(values) if stored == "t" else values[0], names)
        zarr.consolidate_metadata(store.store, zarr_format=2)
        if target.exists():
            target.rename(draft / "old")
        (draft / "new").rename(target)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return sum(file.stat().st_size for file in target.rglob("*") if file.is_file())


def _channels(variables: tuple[str, ...]) -> dict[str, list[str]]:
    """The arrays of the store, and which variables are in each: one, or temperature's levels in increasing order."""
    channels = {name: [name] for name in variables if not name.startswith("t_")}
    levels = sorted(name for name in variables if name.startswith("t_"))
    return channels | ({"t": levels} if levels else {})


def _write_axes(store: Any, fields: Fields, times: npt.NDArray[np.datetime64], levels: list[int | None]) -> None:
    hours = times.astype("datetime64[h]").astype(np.int64)
    for name, values, units in (
        ("time", hours, "hours since 1970-01-01"),
        ("level", np.array(levels, np.int32), "millibars"),
        ("latitude", fields.latitude, "degrees_north"),
        ("longitude", fields.longitude, "degrees_east"),
    ):
        if len(values):
            # One chunk: whoever opens the store reads the whole axis.
            axis = store.create_array(name, data=values, chunks=values.shape, compressors=None)
            axis.attrs.update({"_ARRAY_DIMENSIONS": [name], "units": units, "long_name": name})


def _create(store: Any, stored: str, names: list[str], shape: tuple[int, int, int]) -> None:
    from numcodecs import Blosc

    levels = {"level": len(names)} if stored == "t" else {}
    time, latitude, longitude = shape
    sizes = {"time": time, **levels, "latitude": latitude, "longitude": longitude}
    array = store.create_array(
        stored,
        shape=tuple(sizes.values()),
        chunks=(1, *list(sizes.values())[1:]),
        dtype="i2",
        fill_value=MISSING,
        compressors=Blosc("zstd", clevel=5, shuffle=Blosc.BITSHUFFLE),
    )
    scale, offset = _packing(names)
    variable = VARIABLES[names[0]]
    array.attrs.update(
        {
            "_ARRAY_DIMENSIONS": list(sizes),
            "units": variable.units,
            "long_name": variable.long,
            "scale_factor": scale,
            "add_offset": offset,
        }
    )


def _packing(names: list[str]) -> tuple[float, float]:
    low, high = min(VARIABLES[name].lowest for name in names), max(VARIABLES[name].highest for name in names)
    return (high - low) / STEPS, (high + low) / 2


def _pack(values: npt.NDArray[np.float32], names: list[str]) -> npt.NDArray[np.int16]:
    scale, offset = _packing(names)
    return np.clip(np.rint((values - offset) / scale), MISSING + 1, -MISSING).astype(np.int16)
