"""Pictures of how well cyclones are found in patches, for a run's record."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.ticker import PercentFormatter

from twinlib.cyclones.evaluation import WITHIN, Findings, findings
from twinlib.cyclones.sphere import basin_of
from twinlib.plots import style

if TYPE_CHECKING:
    from twinlib.cyclones.dataset import Patches
    from twinlib.training.outcome import Outcome

# Variables that show a cyclone to the eye: the first that the twin sees is drawn, in these units.
SHOWN = {"msl": ("hPa", 0.01), "fg10": ("m/s", 1.0), "i10fg": ("m/s", 1.0), "vo_850": ("1e-5/s", 1e5)}
COLUMNS = 6


def draw(
    outcome: "Outcome", dataset: "Patches", folder: Path, *, within: float = WITHIN, threshold: float | None = None
) -> list[Path]:
    """Draw patches of the test split with what is true and what is said, and how good that is over all of them.

    Parameters
    ----------
    within, threshold
        As in `twinlib.cyclones.evaluation.Localisation`.

    Returns
    -------
    `patches.png`: the best, typical and worst located cyclones, the strongest missed ones, the surest false alarms.
    `localisation.png`: distances, and hits and false alarms by strength and by basin.
    """
    found = findings(dataset, "test", outcome.predictions, within, threshold)
    title = f"{dataset.name} ({dataset.schema.kind} fields), test split"
    return [
        _patches(found, dataset, folder / "patches.png", title),
        _localisation(found, dataset, folder / "localisation.png", title, within),
    ]


def _patches(found: Findings, dataset: "Patches", path: Path, title: str) -> Path:
    pages = {name: rows for name, rows in _chosen(found, dataset).items() if len(rows)}
    names = dataset.preprocess.field.names
    shown = next((name for name in SHOWN if name in names), names[0])
    units, scale = SHOWN.get(shown, ("", 1.0))
    drawn = style.figure(1.9 * COLUMNS, 0.6 + 2.35 * len(pages))
    drawn.suptitle(f"{title}: {shown} ({units}), ring: best track, cross: twin", fontsize=10)
    if not pages:
        return style.save(drawn, path)
    panels = drawn.subplots(len(pages), COLUMNS, squeeze=False)
    for axes in panels.ravel():
        axes.set_axis_off()
    for line, (name, rows) in zip(panels, pages.items(), strict=True):
        images = _raw(dataset, rows)[..., names.index(shown)] * scale
        for axes, row, image in zip(line, rows, images, strict=False):
            axes.set_axis_on()
            axes.set(xticks=[], yticks=[])
            axes.imshow(image, cmap="viridis", interpolation="nearest")
            _mark(axes, found, row)
            axes.set_title(f"{_about(found, dataset, row)}\n{image.min():.0f} … {image.max():.0f}", fontsize=7)
        line[0].set_ylabel(name, fontsize=9)
    return style.save(drawn, path)


def _chosen(found: Findings, dataset: "Patches") -> dict[str, npt.NDArray[np.int64]]:
    """Rows of the split for each line of the page."""
    located = np.flatnonzero(found.present & found.said)
    located = located[np.argsort(found.distance[located], kind="stable")]
    missed = np.flatnonzero(found.present & ~found.said)
    missed = missed[np.argsort(-dataset.columns("test")["category"][missed], kind="stable")]
    alarms = np.flatnonzero(~found.present & found.said)
    alarms = alarms[np.argsort(-found.probability[alarms], kind="stable")]
    middle = max(len(located) // 2 - COLUMNS // 2, 0)
    return {
        "best": located[:COLUMNS],
        "typical": located[middle : middle + COLUMNS],
        "worst": located[::-1][:COLUMNS],
        "missed": missed[:COLUMNS],
        "false alarm": alarms[:COLUMNS],
    }


def _raw(dataset: "Patches", rows: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    """Patches in their units, shape (rows, 40, 40, drivers): only these are read."""
    inputs = dataset.batch("test", rows)[0].astype(np.float64)
    field, scaling = dataset.preprocess.field, dataset.preprocess.scaling
    if scaling == "standard":
        return inputs * np.array(field.std) + np.array(field.mean)
    if scaling == "minmax":
        return inputs * (np.array(field.maximum) - np.array(field.minimum)) + np.array(field.minimum)
    return inputs


def _mark(axes: Axes, found: Findings, row: int) -> None:
    if found.present[row]:
        axes.plot(*found.truth[row, ::-1], "o", color="white", markersize=13, fillstyle="none", markeredgewidth=1.6)
    if found.said[row]:
        axes.plot(*found.position[row, ::-1], "x", color=style.VERMILLION, markersize=8, markeredgewidth=2)
    axes.set(xlim=(-0.5, 39.5), ylim=(39.5, -0.5))


def _about(found: Findings, dataset: "Patches", row: int) -> str:
    columns = dataset.columns("test")
    north, east = columns["origin"][row]
    time = np.datetime64(int(columns["time"][row]), "h")
    if not found.present[row]:
        said = f"probability {found.probability[row]:.2f}"
    else:
        said = dataset.schema["category"].classes[columns["category"][row]]
        said = f"category {said}" if said.isdigit() else said
        said += f", {found.distance[row]:.0f} km" if found.said[row] else ""
    return f"{time}\n{north:g}°N {east:g}°E: {said}"


def _localisation(found: Findings, dataset: "Patches", path: Path, title: str, within: float) -> Path:
    drawn = style.figure(13.5, 3.9)
    drawn.suptitle(title, fontsize=10)
    distances, strength, place = drawn.subplots(1, 3)
    _distances(distances, found.distance[np.isfinite(found.distance)], within)

    columns = dataset.columns("test")
    rows = len(found.present)
    categories = dataset.schema["category"].classes
    groups = {name: found.present & (columns["category"][:rows] == n) for n, name in enumerate(categories)}
    groups = {name: some for name, some in groups.items() if some.any()}
    _bars(strength, list(groups), {"POD": [(found.hit[some].sum(), some.sum()) for some in groups.values()]})
    strength.set_xlabel("Saffir-Simpson category")

    basins = np.array(dataset.schema["basin"].classes)[columns["basin"][:rows]]
    basins = np.where(found.present, basins, basin_of(found.latitude, found.longitude))
    names = [name for name in dataset.schema["basin"].classes if (basins[found.present] == name).any()]
    shares: dict[str, list[tuple[int, int]]] = {"POD": [], "FAR": []}
    for name in names:
        there = basins == name
        shares["POD"].append((found.hit[there].sum(), (found.present & there).sum()))
        shares["FAR"].append(((found.said & ~found.hit & there).sum(), (found.said & there).sum()))
    _bars(place, names, shares)
    place.set_xlabel("basin")
    return style.save(drawn, path)


def _distances(axes: Axes, distance: npt.NDArray[np.float64], within: float) -> None:
    style.plain(axes)
    axes.set_xlabel("distance from the best track (km)")
    axes.set_ylabel("cyclones")
    if not len(distance):
        axes.set_title("no cyclone was found", fontsize=9)
        return
    # From one grid point's width to a whole patch: a logarithm shows both.
    axes.hist(np.clip(distance, 1, None), bins=list(np.geomspace(1, 2000, 45)), color=style.BLUE)
    axes.set_xscale("log")
    axes.set_xlim(1, 2000)
    axes.xaxis.set_major_formatter("{x:g}")
    for value, line, label in (
        (np.median(distance), "-", "median"),
        (distance.mean(), "--", "mean"),
    ):
        axes.axvline(value, color=style.VERMILLION, linestyle=line, label=f"{label}: {value:.0f} km")
    axes.axvline(within, color=style.GREY, linestyle=":", label=f"farthest hit: {within:g} km")
    axes.legend(fontsize=8, framealpha=0.9, edgecolor="none")
    axes.set_title(f"{len(distance):,} cyclones whose patch is said to hold one", fontsize=9)


def _bars(axes: Axes, names: Sequence[str], shares: dict[str, list[tuple[int, int]]]) -> None:
    """Shares (part, all) as bars with their 95 % intervals; the numbers below say of how many."""
    style.plain(axes)
    width = 0.8 / len(shares)
    for number, (label, pairs) in enumerate(shares.items()):
        kept = [(at, part, whole) for at, (part, whole) in enumerate(pairs) if whole]
        for at, part, whole in kept:
            low, high = _wilson(part, whole)
            x, share = at + (number - (len(shares) - 1) / 2) * width, part / whole
            colour = (style.BLUE, style.VERMILLION)[number]
            axes.bar(x, share, width * 0.92, color=colour, label=label if (at, part, whole) == kept[0] else None)
            axes.errorbar(
                x, share, [[max(share - low, 0)], [max(high - share, 0)]], color="black", linewidth=1, capsize=2
            )
            axes.annotate(
                f"{whole:,}", (x, 0), (0, 3), textcoords="offset points", ha="center", color="white", fontsize=7
            )
    axes.set_xticks(range(len(names)), names)
    axes.set_ylim(0, 1.14)  # room for the legend
    axes.set_yticks(np.arange(0, 1.01, 0.2))
    axes.yaxis.set_major_formatter(PercentFormatter(1))
    if len(axes.patches):
        axes.legend(loc="upper center", fontsize=8, framealpha=0.9, edgecolor="none", ncols=len(shares))
    axes.set_title(f"{' and '.join(shares)} with 95 % intervals, and of how many", fontsize=9)


def _wilson(part: int, whole: int) -> tuple[float, float]:
    """95 % interval of a share (Wilson 1927)."""
    z = 1.96
    centre = (part + z**2 / 2) / (whole + z**2)
    half = z * np.sqrt(part * (whole - part) / whole + z**2 / 4) / (whole + z**2)
    return max(centre - half, 0.0), min(centre + half, 1.0)
