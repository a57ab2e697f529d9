"""One number for presence and position together, whatever a network is taught."""

import numpy as np
import numpy.typing as npt

from twinlib.cyclones.evaluation import threshold_of
from twinlib.cyclones.targets import Target

CUT_OFF = 10.0  # grid points, 278 km along a meridian: farther is as bad as missed


class Ospa:
    """Mean over patches of how far what is said is from what is true, in grid points from 0 (all right) to 10.

    It is the metric between sets of Schuhmacher et al. (2008, doi:10.1109/TSP.2008.920469, order 1) for sets of at
    most one cyclone: 0 where there is none and none is said, the distance of the centres, at most 10, where there is
    one and one is said, and 10 for a miss and for a false alarm. Losses of different targets are no numbers to rank
    networks by; this is one. A patch is said to hold a cyclone by the rule of `twinlib.cyclones.evaluation`.

    Parameters
    ----------
    target, label_no_cyclone, target_scale
        What the network is taught, see `twinlib.cyclones.targets.Target`.
    """

    def __init__(self, target: str, label_no_cyclone: str, target_scale: bool) -> None:
        self.encoding = Target(target, label_no_cyclone, target_scale)
        self._sum = 0.0
        self._all = 0

    def update(self, prediction: np.ndarray, target: np.ndarray) -> None:
        """Add a batch: prediction and target of shape (n, *shape of a target)."""
        probability, position = self.encoding.decode(prediction)
        there, centre = self._truth(target)
        said = probability >= threshold_of(self.encoding)
        distance = np.minimum(np.linalg.norm(position.astype(np.float64) - centre, axis=1), CUT_OFF)
        self._sum += float(np.where(there & said, distance, np.where(there | said, CUT_OFF, 0)).sum())
        self._all += len(target)

    def compute(self) -> float:
        return self._sum / self._all

    def _truth(self, target: np.ndarray) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.float32]]:
        if self.encoding.kind == "detection":  # whose targets have a presence where predictions have a logit
            target = np.concatenate([2 * target[:, :1] - 1, target[:, 1:]], axis=1)
        probability, centre = self.encoding.decode(target)
        return probability >= 0.5, centre
