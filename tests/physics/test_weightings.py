import math
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from twinlib.errors import UserError
from twinlib.physics.loss import SquaredResiduals
from twinlib.physics.problem import Problem
from twinlib.physics.weightings import WEIGHTINGS, gradients_of_terms

pytestmark = pytest.mark.usefixtures("double")


class Terms:
    """Residuals with one parameter vector and given losses: `inside` and `edge`."""

    def __init__(self, inside, edge):
        self.parameters = [torch.nn.Parameter(torch.tensor([1.0, 2.0]))]
        self._losses = {"inside": inside, "edge": edge}

    def terms(self):
        (x,) = self.parameters
        return {name: loss(x) for name, loss in self._losses.items()}


def two(name, **settings):
    condition = SimpleNamespace(residuals=(1,), given={})
    conditions = [SimpleNamespace(name="inside", along=None, **vars(condition)),
                  SimpleNamespace(name="edge", along="x", **vars(condition))]  # fmt: skip
    return WEIGHTINGS[name](SimpleNamespace(conditions=conditions), 0, **settings)


def test_annealing_by_hand():
    weighting = two("annealing", rate=0.25)
    # Gradients (2, 12) and (0.5, 0.1): 12 over a mean of 0.3
    weighting.update(Terms(lambda x: x[0] ** 2 + 3 * x[1] ** 2, lambda x: 0.5 * x[0] + 0.1 * x[1]), 1)
    assert weighting.weights == pytest.approx({"inside": 1.0, "edge": 0.75 + 0.25 * 12 / 0.3})


def test_softadapt_by_hand():
    weighting = two("softadapt", beta=0.5)
    weighting.update(Terms(lambda x: 0 * x[0] + 4, lambda x: 0 * x[0] + 1), 1)
    assert weighting.weights == {"inside": 1.0, "edge": 1.0}
    weighting.update(Terms(lambda x: 0 * x[0] + 1, lambda x: 0 * x[0] + 2), 2)  # slopes -3 and 1, of 4 in all
    powers = np.exp(0.5 * np.array([-0.75, 0.25]))
    assert list(weighting.weights.values()) == pytest.approx(list(2 * powers / powers.sum()))


@pytest.mark.parametrize("lookback", [0.0, 1.0])
def test_relobralo_by_hand(lookback):
    weighting = two("relobralo", alpha=0.9, temperature=0.5, lookback=lookback)
    for number, losses in enumerate([(4.0, 1.0), (2.0, 1.0), (1.0, 1.5)]):
        weighting.update(Terms(*(lambda x, loss=loss: 0 * x[0] + loss for loss in losses)), number + 1)

    def balanced(now, before):
        powers = np.exp(np.array(now) / (0.5 * np.array(before)))
        return 2 * powers / powers.sum()

    weights = np.ones(2)
    for now, last in (((2.0, 1.0), (4.0, 1.0)), ((1.0, 1.5), (2.0, 1.0))):
        kept = weights if lookback else balanced(now, (4.0, 1.0))
        weights = 0.9 * kept + 0.1 * balanced(now, last)
    assert list(weighting.weights.values()) == pytest.approx(list(weights))


def test_gradnorm_lets_the_slower_one_grow_and_keeps_the_sum():
    weighting = two("gradnorm", alpha=1.0, rate=0.1)
    same = lambda x: x[0] ** 2 + x[1] ** 2  # noqa: E731
    weighting.update(Terms(same, same), 1)
    assert weighting.weights == pytest.approx({"inside": 1.0, "edge": 1.0})
    # The loss inside is a fifth of what it was, that on the edge is as before: targets 1/3 and 5/3 of the mean norm.
    weighting.update(Terms(lambda x: same(x) - 4, same), 2)
    norms = np.array([1, 1]) * 2 * math.sqrt(5)
    mean = norms.mean()
    targets = mean * np.array([1 / 5, 1]) / 0.6
    wanted = 1 - 0.1 * np.sign(norms - targets) * norms / mean
    assert list(weighting.weights.values()) == pytest.approx(list(2 * wanted / wanted.sum()))
    assert weighting.weights["edge"] > 1


def test_homoscedastic_ends_at_one_over_the_loss():
    weighting = two("homoscedastic", rate=0.5)
    for number in range(400):
        weighting.update(Terms(lambda x: 0 * x[0] + 4, lambda x: 0 * x[0] + 0.25), number)
    assert weighting.weights == pytest.approx({"inside": 0.25, "edge": 4.0}, rel=1e-6)


def test_the_tangent_kernel_is_the_sum_of_squared_gradients_of_residuals(heat):
    problem, _, residuals = heat
    weighting = WEIGHTINGS["tangent_kernel"](problem, 0)
    weighting.update(residuals, 1)
    _, jacobian = residuals.jacobian()
    traces, at = {}, 0
    for name, count in residuals.owners():
        traces[name] = float(jacobian[at : at + count].square().sum())
        at += count
    for name, weight in weighting.weights.items():
        assert weight == pytest.approx(sum(traces.values()) / traces[name])
    # With the weights all kernels have the same trace, and another update changes nothing.
    weighting.emphasise(residuals, {})
    emphasised = dict.fromkeys(traces, 0.0)
    for name, trace in residuals.kernel_traces():
        emphasised[name] += trace
    assert list(emphasised.values()) == pytest.approx([sum(traces.values())] * 3)
    before = dict(weighting.weights)
    weighting.update(residuals, 2)
    assert weighting.weights == pytest.approx(before)


def test_weights_are_in_the_gradient_and_gradients_of_terms_are_without(heat):
    _, _, residuals = heat
    plain = gradients_of_terms(residuals)
    for name, weight in (("heat", 2.0), ("ends", 5.0)):
        residuals.emphasise(name, weight)
    residuals.backward()
    gradient = torch.cat([parameter.grad.reshape(-1) for parameter in residuals.parameters])
    torch.testing.assert_close(gradient, 2 * plain["heat"] + 5 * plain["ends"] + plain["start"])


def test_what_makes_no_sense_is_named(heat, rod):
    problem = heat[0]
    for adapt, optimizers, message in (
        ({"name": "anealing"}, ["adam"], "no weighting anealing; did you mean annealing"),
        ({"name": "annealing", "speed": 1}, ["adam"], "loss.adapt: annealing: .*'speed'"),
        ({"name": "annealing"}, ["adam", "lbfgs"], "loss.adapt.name=annealing: has no meaning with lbfgs"),
        ({"name": "tangent_kernel"}, ["broyden"], "it is for adam, soap, levenberg_marquardt"),
    ):
        with pytest.raises(UserError, match=message):
            SquaredResiduals(adapt=adapt).weighting(problem, 0, optimizers)
    with pytest.raises(UserError, match="causal: needs data"):
        SquaredResiduals(adapt={"name": "causal"}).weighting(Problem(**rod), 0, ["adam"])
    assert SquaredResiduals().weighting(problem, 0, ["lbfgs"]) is None
