"""From what overlapping patches say to the cyclones on a map, and from those to hits of best tracks."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
from numpy.lib.stride_tricks import sliding_window_view

from twinlib.cyclones.sphere import distance_km, mean_place
from twinlib.cyclones.targets import SIZE
from twinlib.errors import UserError

Floats = npt.NDArray[np.floating]
# From patches, shape (n, 40, 40, channels), to probabilities (n,) and positions (n, 2) in them.
Look = Callable[[npt.NDArray[np.float32]], tuple[Floats, Floats]]


def starts(points: int, stride: int) -> npt.NDArray[np.int64]:
    """Where patches begin along an axis of so many points: every `stride`, and one that ends with the last point."""
    last = points - SIZE
    return np.unique(np.append(np.arange(0, last, stride), last))


def found(
    look: Look,
    values: npt.NDArray[np.float32],
    latitude: Floats,
    longitude: Floats,
    *,
    threshold: float,
    stride: int,
    merge: float,
) -> list[tuple[float, float, float]]:
    """The cyclones on one map.

    Each patch names one place and a probability. It knows the surroundings of a place in its middle better than of one
    at its edge, so it counts with the weight w = sin²(pi (row + 1/2) / 40) sin²(pi (column + 1/2) / 40) of the place.
    From the highest w times probability on, all places within `merge` km become their mean, weighted by the same, and
    its probability is the mean over all patches that hold it,

        sum w p over the patches that named it / sum w over all patches that hold it,

    so that a patch that sees nothing there is a vote against.

    Parameters
    ----------
    look
        What a twin says of patches.
    values
        The map, shape (rows, columns, channels).
    latitude, longitude
        Of its rows and columns, evenly spaced; where the longitudes close a circle, patches go on over the seam.

    Returns
    -------
    Latitude, longitude from 0 up to 360, and probability of each, from the surest down.

    Raises
    ------
    UserError
        The map is smaller than a patch.
    """
    rows, columns = values.shape[:2]
    if min(rows, columns) < SIZE:
        raise UserError(f"the map has {rows} x {columns} points; a patch has {SIZE} x {SIZE}")
    step = (longitude[-1] - longitude[0]) / (columns - 1)
    circle = columns if np.isclose(step * columns, 360) else 0
    if circle:
        values = np.concatenate([values, values[:, : SIZE - 1]], axis=1)
    top, left = (grid.ravel() for grid in np.meshgrid(starts(rows, stride), starts(values.shape[1], stride)))
    windows = sliding_window_view(values, (SIZE, SIZE), axis=(0, 1))[top, left]
    probability, position = look(np.ascontiguousarray(np.moveaxis(windows, 1, -1)))
    row, column = top + position[:, 0].astype(np.float64), left + position[:, 1].astype(np.float64)
    north = latitude[0] + row * (latitude[-1] - latitude[0]) / (rows - 1)
    east = longitude[0] + column * step

    score = probability * _weight(position[:, 0]) * _weight(position[:, 1])
    free = probability > 0
    cyclones = []
    while probability[free].max(initial=0) >= threshold:  # no mean is above its highest part
        seed = np.flatnonzero(free)[score[free].argmax()]
        near = free & (distance_km(north[seed], east[seed], north, east) <= merge)
        place = mean_place(north[near], east[near], score[near])
        free &= ~near
        at_row = (place[0] - latitude[0]) * (rows - 1) / (latitude[-1] - latitude[0])
        at_column = ((place[1] - longitude[0] + step) % 360) / step - 1  # half a point west of the first is on the map
        within = at_column - left
        if circle:
            within %= circle
        weight = _weight(at_row - top) * _weight(within)
        sure = float((weight * probability)[near].sum() / max(weight.sum(), 1e-12))
        if sure >= threshold:
            cyclones.append((*place, sure))
    return sorted(cyclones, key=lambda one: -one[2])


def matched(
    latitude: Floats, longitude: Floats, true_latitude: Floats, true_longitude: Floats, within: float
) -> list[tuple[int, int]]:
    """Pairs of found and true places, one to one, within a distance in km: as many as can be, then the nearest."""
    from scipy.optimize import linear_sum_assignment

    apart = distance_km(latitude[:, None], longitude[:, None], true_latitude[None], true_longitude[None])
    pairs = zip(*linear_sum_assignment(np.where(apart <= within, apart, 1e9)), strict=True)
    return [(int(one), int(other)) for one, other in pairs if apart[one, other] <= within]


def _weight(position: Floats) -> npt.NDArray[np.float64]:
    """Of a row or a column in a patch: 1 in its middle, next to nothing at its edges, 0 outside."""
    inside = (position >= -0.5) & (position <= SIZE - 0.5)
    return np.where(inside, np.maximum(np.sin(np.pi * (position + 0.5) / SIZE) ** 2, 1e-3), 0.0)
