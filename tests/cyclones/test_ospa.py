import numpy as np
import pytest

from twinlib.cyclones.ospa import Ospa
from twinlib.cyclones.targets import Target

TRUTH = np.array([[10, 20], [10, 20], [10, 20], [10.25, 20.5], [-1, -1], [-1, -1]], np.float32)
# right, 5 grid points away, too far away, missed, right about none, a false alarm
SAID = np.array([[10, 20], [13, 24], [30, 30], [-1, -1], [-1, -1], [7, 7]], np.float32)


@pytest.mark.parametrize("target", ["position", "detection", "density"])
@pytest.mark.parametrize(("label", "scale"), [("NONE", False), ("ZERO_3", True)])
def test_distance_misses_and_false_alarms(target, label, scale):
    encoding, metric = Target(target, label, scale), Ospa(target, label, scale)
    truth, said = encoding.encode(TRUTH), encoding.encode(SAID)
    if target == "detection":
        said[:, 0] = 8 * said[:, 0] - 4  # a logit
    metric.update(said[:2], truth[:2])
    assert metric.compute() == pytest.approx((0 + 5) / 2, abs=1e-3)
    metric.update(said[2:], truth[2:])
    assert metric.compute() == pytest.approx((0 + 5 + 10 + 10 + 0 + 10) / 6, abs=1e-3)
