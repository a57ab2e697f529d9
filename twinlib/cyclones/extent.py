"""How far the map of a file goes."""

from typing import Any

import numpy as np
import numpy.typing as npt

from twinlib.cyclones.background import SPACING
from twinlib.cyclones.era5 import LATITUDE, LONGITUDE, files_of, open_file
from twinlib.errors import UserError

Degrees = npt.NDArray[np.float64]


def points_of(source: str) -> tuple[Degrees, Degrees]:
    """All latitudes, decreasing, and longitudes, increasing, of a source of `twinlib.cyclones.era5.open_era5`.

    They are those of its first file, in steps of the 0.25-degree grid that twins are trained on. Longitudes begin
    behind the widest gap: a map from -30 to 40 degrees has 330 to 400, one that goes round the Earth 0 to 359.75.

    Raises
    ------
    UserError
        The file cannot be read or has no latitude and longitude.
    """
    file = files_of(source)[0]
    dataset = open_file(file)
    north = _steps(file, "latitude", dataset, LATITUDE)
    east = _steps(file, "longitude", dataset, LONGITUDE)
    circle = round(360 / SPACING)
    east = np.unique(east % circle)
    gaps = np.diff(east, prepend=east[-1] - circle)
    first = int(gaps.argmax()) if gaps.max() > 1 else 0
    count = circle - int(gaps[first]) + 1 if gaps.max() > 1 else circle
    latitude = np.arange(north.max(), north.min() - 1, -1) * SPACING
    return latitude, (east[first] + np.arange(count)) * SPACING


def _steps(file: str, name: str, dataset: Any, called: tuple[str, ...]) -> npt.NDArray[np.int64]:
    axis = next((one for one in called if one in dataset.coords), None)
    if axis is None:
        raise UserError(f"{file} has no {name}; its axes are {', '.join(dataset.coords)}")
    return np.rint(np.asarray(dataset[axis].values, np.float64) / SPACING).astype(np.int64)
