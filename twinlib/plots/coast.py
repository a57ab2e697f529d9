"""Coast lines for maps: Natural Earth's land at 1:110 million, which is in the public domain."""

from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes


@cache
def coast() -> npt.NDArray[np.float32]:
    """Longitude and latitude (degrees, from -180) along all coasts, shape (n, 2); a row of nan between two of them."""
    outline: npt.NDArray[np.float32] = np.load(Path(__file__).with_name("coast.npz"))["outline"]
    return outline


def draw_coast(axes: Axes, *, color: str = "#7a5c2e", linewidth: float = 0.9) -> None:
    """Draw the coasts into axes with longitudes from 0 to 360, which keep their limits."""
    east, north = coast().T
    line = np.where(east < 0, east + 360, east)
    jump = np.abs(np.diff(line, prepend=line[0])) > 180  # at the meridian of Greenwich
    line, north = np.insert(line, np.flatnonzero(jump), np.nan), np.insert(north, np.flatnonzero(jump), np.nan)
    left, right, bottom, top = *axes.get_xlim(), *axes.get_ylim()
    axes.plot(line, north, color=color, linewidth=linewidth, solid_joinstyle="round")
    axes.set(xlim=(left, right), ylim=(bottom, top))
