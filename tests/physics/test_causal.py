import numpy as np
import pytest

from twinlib.physics.causal import Causal


def test_causal_weights_by_hand(heat):
    problem, samples, residuals = heat
    points = {name: own.inputs for name, own in samples.items()}
    weighting = Causal(problem, 0, slices=4, steepness=(0.5, 5.0))
    weighting.emphasise(residuals, points)
    squares = residuals.squares()["heat"].numpy() * 60
    plain = float(residuals.terms()["heat"].detach())
    weighting.update(residuals, 1)
    weighting.emphasise(residuals, points)
    number = np.minimum(((points["heat"][:, 1] - 2) * 2).astype(int), 3)
    means = [squares[number == each].mean() for each in range(4)]
    weights = np.exp(-0.5 * np.concatenate([[0], np.cumsum(means)[:3]]))[number]
    edge = sum(float(residuals.terms()[name].detach()) for name in ("ends", "start"))
    assert float(residuals.loss().detach()) - edge == pytest.approx((weights * squares).sum() / 60)
    assert float(residuals.terms()["heat"].detach()) == pytest.approx(plain)  # the history is without weights
    assert weighting.weights["heat"] == pytest.approx(weights.mean())
