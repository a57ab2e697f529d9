import numpy as np

from twinlib.plots import style
from twinlib.plots.coast import coast, draw_coast


def test_coasts_are_where_they_are():
    """Within half a degree of points that any atlas has on a coast, and far from open sea."""
    line = coast()

    def apart(longitude, latitude):
        return np.nanmin(np.hypot(line[:, 0] - longitude, line[:, 1] - latitude))

    for place in ((-9.5, 38.8), (18.5, -34.4), (-80.2, 25.8), (121.0, 25.0), (-122.5, 37.7)):  # Lisbon, the Cape, …
        assert apart(*place) < 0.8
    assert apart(-140, 20) > 10 and apart(-30, 30) > 5


def test_coasts_are_drawn_from_0_to_360_and_keep_the_limits():
    axes = style.figure(4, 3).subplots()
    axes.set(xlim=(100, 320), ylim=(0, 70))
    draw_coast(axes)
    assert (axes.get_xlim(), axes.get_ylim()) == ((100, 320), (0, 70))
    line = axes.get_lines()[0].get_xydata()
    assert np.nanmin(line) >= -90 and 350 < np.nanmax(line) <= 360
    steps = np.abs(np.diff(line[:, 0]))
    assert np.nanmax(steps) < 30  # no line across the map
