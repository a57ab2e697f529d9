"""An array in a file of reanalysis: one time of it in SI units, checked."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from twinlib.cyclones.variables import VARIABLES
from twinlib.errors import UserError


@dataclass(frozen=True, eq=False)
class Stored:
    """Which variables are in an array of a file, and where in it the wanted grid is.

    Parameters
    ----------
    file
        Its name, as errors show it.
    array
        xarray.DataArray (time, latitude, longitude), or with levels after the time; nothing of it is read yet.
    names
        The variables in it: one, or some of its levels.
    times
        datetime64[h], shape (n,): what its rows are of.
    levels
        The index of the level of each of `names`; empty without such an axis.
    rows, columns
        Indices of the wanted points, in order; the columns as pieces of neighbours.
    scale, offset
        To SI units.
    """

    file: str
    array: Any
    names: tuple[str, ...]
    times: npt.NDArray[np.datetime64]
    levels: tuple[int, ...]
    rows: npt.NDArray[np.intp]
    columns: tuple[npt.NDArray[np.intp], ...]
    scale: float
    offset: float

    def read(self, time: np.datetime64) -> npt.NDArray[np.float32]:
        """The maps of one time, shape (names, rows, columns); no more than the chunks that they are in is read.

        Raises
        ------
        UserError
            They cannot be read, have missing values, or values that are not in SI units.
        """
        where: dict[str, Any] = {self.array.dims[0]: int(np.flatnonzero(self.times == time)[0])}
        if self.levels:
            where[self.array.dims[1]] = list(self.levels)
        latitude, longitude = self.array.dims[-2:]
        first = int(self.rows.min())
        where[latitude] = slice(first, int(self.rows.max()) + 1)
        try:
            pieces = [
                self.array.isel({**where, longitude: slice(int(piece[0]), int(piece[-1]) + 1)}).values
                for piece in self.columns
            ]
        except Exception as error:  # every format and protocol has its own kinds
            name = self.array.name
            raise UserError(f"{self.file}: {name} of {time} cannot be read: {' '.join(str(error).split())}") from None
        values = np.concatenate(pieces, axis=-1)[..., self.rows - first, :]
        if (self.scale, self.offset) != (1.0, 0.0):
            values = values * self.scale + self.offset
        maps = values.reshape(len(self.names), *values.shape[-2:]).astype(np.float32)
        for name, field in zip(self.names, maps, strict=True):
            self._check(name, field, time)
        return maps

    def _check(self, name: str, field: npt.NDArray[np.float32], time: np.datetime64) -> None:
        missing = np.isnan(field)
        if name == "sst" and not missing.all():
            _fill_land(field, missing)
        elif missing.any():
            raise UserError(f"{self.file}: {name} has {missing.sum()} missing values at {time}; get this file again")
        variable = VARIABLES[name]
        low, high = field.min(), field.max()
        if not variable.lowest <= low <= high <= variable.highest:
            raise UserError(
                f"{self.file}: {name} is {low:g} … {high:g} at {time}, which is not in {variable.units}; "
                "say in the file's attribute units what it is in"
            )


def _fill_land(field: npt.NDArray[np.float32], missing: npt.NDArray[np.bool_]) -> None:
    """Give what is missing the mean of its latitude, or of the next latitudes that have sea."""
    sea = ~missing
    count = sea.sum(axis=1)
    rows = np.arange(len(field))
    means = np.where(sea, field, 0).sum(axis=1) / np.maximum(count, 1)
    means = np.interp(rows, rows[count > 0], means[count > 0])
    field[missing] = np.broadcast_to(means[:, np.newaxis], field.shape)[missing]
