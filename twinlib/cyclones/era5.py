"""ERA5 that the user has, as Zarr or NetCDF at any fsspec URL: found by its names, on the wanted grid."""

import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from twinlib.cyclones.stored import Stored
from twinlib.cyclones.variables import VARIABLES, to_si
from twinlib.errors import UserError

TIME, LEVEL = ("time", "valid_time"), ("level", "pressure_level", "isobaricInhPa", "plev")
LATITUDE, LONGITUDE = ("latitude", "lat"), ("longitude", "lon")
TOLERANCE = 0.01  # degrees between a wanted point and one of the file
NETCDF = (".nc", ".nc4", ".netcdf", ".h5", ".hdf5")


@dataclass(frozen=True, eq=False)
class Era5:
    """Maps out of files, as `twinlib.cyclones.fields.Fields` says; one time is in memory at once."""

    latitude: npt.NDArray[np.float64]
    longitude: npt.NDArray[np.float64]
    variables: tuple[str, ...]
    kind: str
    source: str
    times: npt.NDArray[np.datetime64]
    stored: tuple[Stored, ...]

    @property
    def units(self) -> tuple[str, ...]:
        return tuple(VARIABLES[name].units for name in self.variables)

    def at(self, time: np.datetime64) -> npt.NDArray[np.float32]:
        hour = time.astype("datetime64[h]")
        if hour not in self.times:
            raise UserError(f"{self.source}: no map of {hour}; there are {len(self.times)}, {_span(self.times)}")
        out = np.empty((len(self.latitude), len(self.longitude), len(self.variables)), np.float32)
        left = set(self.variables)
        for stored in self.stored:
            if left & set(stored.names) and hour in stored.times:
                for name, field in zip(stored.names, stored.read(hour), strict=True):
                    out[..., self.variables.index(name)] = field
                left -= set(stored.names)
        return out


def open_era5(
    source: str,
    *,
    variables: tuple[str, ...],
    latitude: npt.NDArray[np.float64],
    longitude: npt.NDArray[np.float64],
) -> Era5:
    """Open files with ERA5's names, short (`msl`; `t` at levels) or long (`mean_sea_level_pressure`), as in ARCO-ERA5.

    Latitudes may rise or fall, longitudes run from -180 or from 0, values be packed. Units that the file names are
    converted, and a line says so. Of the times 00, 06, 12 and 18 UTC are taken, which the tracks have, too. Sea surface
    temperature is missing on land: it gets the mean of its latitude. A store that says `kind: synthetic` stays so.

    Parameters
    ----------
    source
        A Zarr store, a NetCDF file, or several of them, such as `s3://bucket/era5_*.nc`.
    latitude, longitude
        The wanted points, shapes (rows,) and (columns,).

    Raises
    ------
    UserError
        A file cannot be read, lacks a variable, a level or a point, or is in units that are not known.
    """
    stored: list[Stored] = []
    kind = "real"
    for file in files_of(source):
        dataset = open_file(file)
        if dataset.attrs.get("kind") == "synthetic":
            kind = "synthetic"
        stored += _find(_shown(file), dataset, variables, latitude, longitude)
    common = None
    for name in variables:
        held = [one.times for one in stored if name in one.names]
        if not held:
            variable = VARIABLES[name]
            called = " or ".join(dict.fromkeys((name, *variable.short, variable.long)))
            level = f" with the level {variable.level} hPa" if variable.level else ""
            raise UserError(f"{_shown(source)} has no {called}{level}; add it to the file or leave {name} out")
        times = np.unique(np.concatenate(held))
        common = times if common is None else np.intersect1d(common, times)
    assert common is not None
    common = common[common.astype(np.int64) % 6 == 0]
    label = "synthetic fields" if kind == "synthetic" else "ERA5"
    return Era5(latitude, longitude, variables, kind, f"{label} in {_shown(source)}", common, tuple(stored))


def files_of(source: str) -> list[str]:
    """The files that a source names, in order. Raises UserError when there are none."""
    if "*" not in source:
        return [source]
    import fsspec

    try:
        fs, path = fsspec.url_to_fs(source)
        found = sorted(fs.glob(path))
    except Exception as error:
        raise UserError(f"{_shown(source)} cannot be listed: {_reason(error)}") from None
    if not found:
        raise UserError(f"{_shown(source)}: there is no such file")
    return [fs.unstrip_protocol(file) if "://" in source else file for file in found]


def open_file(file: str) -> Any:
    """The xarray.Dataset of a file, of which only the axes have been read. Raises UserError when it cannot be."""
    import fsspec
    import xarray as xr

    netcdf = file.lower().endswith(NETCDF)
    try:
        if not netcdf:
            return xr.open_zarr(file, chunks=None)
        with fsspec.open(file, "rb") as stream:
            classic = stream.read(3) == b"CDF"
        content = fsspec.open(file, "rb").open() if "://" in file else file
        return xr.open_dataset(content, engine="scipy" if classic else "h5netcdf")
    except Exception as error:  # every format and protocol has its own kinds
        kind = "NetCDF file" if netcdf else "Zarr store"
        absent = isinstance(error, FileNotFoundError) if "://" in file else not Path(file).exists()
        if absent:
            raise UserError(f"{_shown(file)}: there is no such {kind}") from None
        raise UserError(f"{_shown(file)} cannot be opened as a {kind}: {_reason(error)}") from None


def _find(
    file: str,
    dataset: Any,
    variables: tuple[str, ...],
    latitude: npt.NDArray[np.float64],
    longitude: npt.NDArray[np.float64],
) -> list[Stored]:
    """What a file has of the variables: one entry for each of its arrays."""
    found: dict[str, list[tuple[str, int | None]]] = {}
    for name in variables:
        variable = VARIABLES[name]
        for called in (name, *variable.short, variable.long):
            if called in dataset.data_vars:
                row = None if called == name else _level(dataset[called], variable.level)
                if row is not None or variable.level is None or called == name:
                    found.setdefault(called, []).append((name, row))
                    break
    stored = []
    for called, held in found.items():
        array = _ordered(file, dataset[called])
        names = tuple(name for name, _ in held)
        scale, offset = _units(file, dataset[called], names[0])
        rows = _nearest(file, "latitude", array[array.dims[-2]].values, latitude)
        columns = _nearest(file, "longitude", array[array.dims[-1]].values, longitude)
        pieces = np.split(columns, np.flatnonzero(np.diff(columns) != 1) + 1)
        levels = tuple(row for _, row in held if row is not None and array.ndim == 4)
        times = _times(file, array)
        stored.append(Stored(file, array, names, times, levels, rows, tuple(pieces), scale, offset))
    return stored


def _level(array: Any, wanted: int | None) -> int | None:
    """The index of a level (hPa) of an array that has levels, 0 if it has this one only, None if it is not there."""
    axis = next((name for name in LEVEL if name in array.coords), None)
    if wanted is None or axis is None:
        return None
    levels = np.atleast_1d(array[axis].values).astype(float)
    hectopascal = levels / 100 if array[axis].attrs.get("units") == "Pa" else levels
    rows = np.flatnonzero(np.isclose(hectopascal, wanted))
    return int(rows[0]) if len(rows) else None


def _ordered(file: str, array: Any) -> Any:
    """The array with the axes time, level if it has several, latitude, longitude."""
    axes = [next((name for name in names if name in array.coords), None) for names in (TIME, LATITUDE, LONGITUDE)]
    if None in axes:
        raise UserError(f"{file}: {array.name} has the axes {', '.join(array.dims)}; needs time, latitude, longitude")
    time, latitude, longitude = axes
    if time not in array.dims:
        array = array.expand_dims(time)
    level = [name for name in LEVEL if name in array.dims]
    other = [name for name in array.dims if name not in (time, latitude, longitude, *level)]
    if long := [name for name in other if array.sizes[name] > 1]:
        raise UserError(f"{file}: {array.name} has an axis {long[0]} of {array.sizes[long[0]]}; choose one of them")
    return array.isel(dict.fromkeys(other, 0)).transpose(time, *level, latitude, longitude)


def _times(file: str, array: Any) -> npt.NDArray[np.datetime64]:
    times = array[array.dims[0]].values
    if times.dtype.kind != "M":
        raise UserError(f"{file}: {array.dims[0]} is no time of the standard calendar; it needs units and calendar")
    return times.astype("datetime64[h]")


def _nearest(
    file: str, name: str, held: npt.NDArray[np.floating[Any]], wanted: npt.NDArray[np.float64]
) -> npt.NDArray[np.intp]:
    """The index of each wanted degree."""
    apart = np.abs((held[:, np.newaxis] - wanted + 180) % 360 - 180)
    index = apart.argmin(axis=0)
    far = apart[index, np.arange(len(wanted))] > TOLERANCE
    if far.any():
        has = f"{held.min():g} … {held.max():g} in {len(held)} steps"
        raise UserError(
            f"{file} has no {name} {wanted[far][0]:g}, but {has}; choose a region within, 0.25 degrees apart"
        )
    return index


def _units(file: str, array: Any, name: str) -> tuple[float, float]:
    said = str(array.attrs.get("units", "")).strip()
    units = VARIABLES[name].units
    if not said:
        return 1.0, 0.0  # each map's values are checked when it is read
    conversion = to_si(said, units)
    if conversion is None:
        raise UserError(f"{file}: {array.name} is in {said!r}, which is not known here; convert it to {units}")
    if conversion != (1.0, 0.0):
        print(f"{file}: {array.name} is in {said}, taken as {units} by {conversion}", file=sys.stderr)
    return conversion


def _span(times: npt.NDArray[np.datetime64]) -> str:
    return f"{times[0]} … {times[-1]}" if len(times) else "none with all variables"


def _shown(url: str) -> str:
    """A URL without user, password and query, where tokens may stand."""
    return re.sub(r"\?\S+", "?…", re.sub(r"//[^/\s]*@", "//", url))


def _reason(error: Exception) -> str:
    return _shown(" ".join(str(error).split())) or type(error).__name__
