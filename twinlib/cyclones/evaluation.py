"""How well cyclones are found in patches: distances in kilometres, hits, misses and false alarms."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from twinlib.cyclones.sphere import basin_of, distance_km
from twinlib.cyclones.targets import Target, present

if TYPE_CHECKING:
    from twinlib.cyclones.dataset import Patches

SPACING = 0.25  # degrees between grid points
WITHIN = 300.0  # km
TOLERANCE = 0.1  # grid points


@dataclass(frozen=True)
class Findings:
    """What was said of each patch and what is true of it; every array has one entry a patch.

    `position` and `truth` are row and column in the patch, of meaning where `said` and `present`; `latitude` and
    `longitude` (degrees north, 0 … 360 east) are of `position`. `distance` is in km, and nan unless the patch holds a
    cyclone and is said to.
    """

    present: npt.NDArray[np.bool_]
    said: npt.NDArray[np.bool_]
    hit: npt.NDArray[np.bool_]
    probability: npt.NDArray[np.floating]
    position: npt.NDArray[np.floating]
    truth: npt.NDArray[np.floating]
    distance: npt.NDArray[np.float64]
    latitude: npt.NDArray[np.float64]
    longitude: npt.NDArray[np.float64]


class Localisation:
    """Metrics of a test split: distances in km and how presence is told, in all, by basin and by strength.

    A patch *is said to hold* a cyclone where the decoded probability is at least `threshold`. A *hit* H is a cyclone
    in a patch that is said to hold one, placed at most `within` km away; 300 km is what Accarino et al. (2023) and
    Bourdin et al. (2022) take to match tracks. A *miss* M is any other cyclone, a *false alarm* F any other patch that
    is said to hold one: a cyclone that is placed too far away is both.

    ==================== ====================================================================== =============
    key                  is                                                                     in
    ==================== ====================================================================== =============
    `distance_km`        mean great-circle distance from the centre, over the cyclones whose    km
                         patch is said to hold one
    `median_distance_km` the median of the same                                                 km
    `hit_rate`           share of the cyclones whose patch is said to hold one, wherever in it  0 … 1
    `pod`                probability of detection H / (H + M)                                   0 … 1
    `far`                false alarm ratio F / (H + F)                                          0 … 1
    `f2`                 5 H / (5 H + 4 M + F), the F-measure in which misses weigh most        0 … 1
    ==================== ====================================================================== =============

    POD and FAR as in Wilks (2011), section 8.2.2; F of van Rijsbergen (1979) with beta = 2, as the code of Accarino et
    al. has it. `pod_WP` counts the cyclones and false alarms of one basin, `pod_cat_TS` the cyclones that had one
    Saffir-Simpson category at that hour; a false alarm has none, so there is no `far` and no `f2` of a category. What
    would be divided by zero is left out, as is a basin or a category without a cyclone in the split.

    The published POD and FAR count tracks on whole maps; these count patches, and how many false alarms there are
    depends on how many patches without a cyclone the split has.

    Parameters
    ----------
    within
        Largest distance of a hit, km.
    threshold
        Least probability from which on a patch is said to hold a cyclone; by default that of `threshold_of`.
    """

    def __init__(self, within: float = WITHIN, threshold: float | None = None) -> None:
        self.within = within
        self.threshold = threshold

    def __call__(
        self, dataset: "Patches", split: str, predictions: np.ndarray, targets: np.ndarray
    ) -> dict[str, float]:
        found = findings(dataset, split, predictions, self.within, self.threshold)
        columns = dataset.columns(split)
        rows = len(predictions)
        metrics = scores(found)
        basins = np.array(dataset.schema["basin"].classes)[columns["basin"][:rows]]
        basins = np.where(found.present, basins, basin_of(found.latitude, found.longitude))
        for name in dataset.schema["basin"].classes[1:]:
            if (basins[found.present] == name).any():
                metrics |= {f"{key}_{name}": value for key, value in scores(found, basins == name).items()}
        category = columns["category"][:rows]
        for number, name in enumerate(dataset.schema["category"].classes):
            some = scores(found, found.present & (category == number))
            metrics |= {f"{key}_cat_{name}": some[key] for key in some if key not in ("far", "f2")}
        return metrics


def threshold_of(target: Target) -> float:
    """The probability from which on a patch is said to hold a cyclone.

    0.5 for networks that give one. Those that give a position only say so with a row and a column of at least -0.1: the
    rule of Accarino et al. (2023), as the code that goes with it has it, as a probability of `Target.decode`.
    """
    return 1 - TOLERANCE / -target.label if target.kind == "position" else 0.5


def findings(
    dataset: "Patches", split: str, predictions: np.ndarray, within: float = WITHIN, threshold: float | None = None
) -> Findings:
    """Compare predictions, of the first samples of a split, with its best tracks."""
    columns = dataset.columns(split)
    rows = len(predictions)
    probability, position = dataset.encoding.decode(predictions)
    truth, origin = columns["position"][:rows], columns["origin"][:rows]
    there = present(truth)
    said = probability >= (threshold_of(dataset.encoding) if threshold is None else threshold)
    latitude, longitude = places(origin, position)
    distance = np.where(there & said, distance_km(latitude, longitude, *places(origin, truth)), np.nan)
    # nan is not at most `within`
    return Findings(there, said, distance <= within, probability, position, truth, distance, latitude, longitude)


def places(
    origin: npt.NDArray[np.floating], position: npt.NDArray[np.floating]
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Latitudes and longitudes (0 … 360) of positions (row, column) in patches whose element (0, 0) is at `origin`.

    Both have shape (n, 2). Rows go south and columns east, 0.25 degrees apart.
    """
    origin, position = origin.astype(np.float64), position.astype(np.float64)
    return origin[:, 0] - SPACING * position[:, 0], (origin[:, 1] + SPACING * position[:, 1]) % 360


def scores(found: Findings, chosen: npt.NDArray[np.bool_] | None = None) -> dict[str, float]:
    """The numbers in the table of `Localisation` for all patches or some of them."""
    rows = slice(None) if chosen is None else chosen
    present, said, hit, distance = found.present[rows], found.said[rows], found.hit[rows], found.distance[rows]
    cyclones, alarms, hits = int(present.sum()), int(said.sum()), int(hit.sum())
    values: dict[str, float] = {}
    if (present & said).any():
        values["distance_km"] = float(np.nanmean(distance))
        values["median_distance_km"] = float(np.nanmedian(distance))
    if cyclones:
        values["hit_rate"] = int((present & said).sum()) / cyclones
        values["pod"] = hits / cyclones
    if alarms:
        values["far"] = (alarms - hits) / alarms
    if cyclones or alarms:
        # H + M cyclones and H + F alarms make 5 H + 4 M + F.
        values["f2"] = 5 * hits / (4 * cyclones + alarms)
    return values
