"""How all pictures look, and how they are written."""

from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine

# Okabe and Ito (2008), "Color Universal Design": told apart with any colour vision, and in grey by their lightness.
BLUE, VERMILLION, GREY = "#0072B2", "#D55E00", "#595959"


def figure(width: float, height: float) -> Figure:
    """An empty figure, in inches; drawn without a display and without pyplot's global state."""
    layout = ConstrainedLayoutEngine(w_pad=0.09, h_pad=0.07)
    return Figure(figsize=(width, height), dpi=120, layout=layout, facecolor="white")


def plain(axes: Axes) -> None:
    """Leave the data, two spines and a faint grid."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(color="#dddddd", linewidth=0.6)
    axes.set_axisbelow(True)


def save(drawn: Figure, path: Path) -> Path:
    """Write a PNG file whose bytes depend on the picture only."""
    # matplotlib would write its version into the file.
    drawn.savefig(path, format="png", metadata={"Software": None})
    return path
