"""The residual network in torch and in Keras: what its scores mean, the same numbers."""

import numpy as np
import pytest

from twinlib.cyclones.cells import cell_centres
from twinlib.errors import UserError

SMALL = {"input_shape": [8, 12, 2], "filters": [3, 4], "blocks": 1}


def in_torch(**options):
    import torch

    from twinlib.cyclones.residual_torch import residual

    torch.manual_seed(0)
    return residual(**SMALL | options)


def in_keras(**options):
    from twinlib.training.keras import keras  # the backend is chosen there

    keras.utils.set_random_seed(0)
    from twinlib.cyclones.residual_keras import residual

    return residual(**SMALL | options)


@pytest.mark.parametrize("options", [SMALL, {"input_shape": [8, 8, 1], "filters": [2], "blocks": 2}])
def test_the_same_weights_give_the_same_numbers(options):
    import torch

    model, twin = in_torch(**options).eval(), in_keras(**options)
    with torch.no_grad():  # much of it begins at 0 and would hide a mistake
        for parameter in model.parameters():
            parameter.uniform_(-0.5, 0.5)
    arrays = [p.detach().numpy() for p in model.parameters()]
    twin.set_weights([a.transpose(2, 3, 1, 0) if a.ndim == 4 else a for a in arrays])
    patches = np.random.default_rng(0).normal(size=(3, *options["input_shape"])).astype(np.float32)
    with torch.no_grad():
        ours = model(torch.from_numpy(patches).movedim(-1, 1)).numpy()
    assert ours.shape == (3, 3)
    np.testing.assert_allclose(np.asarray(twin(patches)), ours, rtol=1e-4, atol=1e-4)


def test_weights_begin_alike():
    model, twin = in_torch(filters=[32, 48]), in_keras(filters=[32, 48])
    ours = [p.detach().numpy() for p in model.parameters()]
    for mine, other in zip(ours, map(np.asarray, twin.weights), strict=True):
        assert mine.size == other.size
        np.testing.assert_allclose(mine.std(), other.std(), rtol=0.2)


def test_cells():
    rows, columns = cell_centres([8, 12, 2], 2)
    np.testing.assert_array_equal(rows, [[1.5] * 3, [5.5] * 3])  # four points: 0 to 3, 4 to 7
    np.testing.assert_array_equal(columns, [[1.5, 5.5, 9.5]] * 2)


def test_what_the_scores_mean():
    """With the head alone: the position is the softmax mean, the presence the mean of the exponentials."""
    import torch

    model = in_torch(input_shape=[8, 8, 1], filters=[1], blocks=0)
    with torch.no_grad():
        model.levels[0].weight.fill_(0.25)
        model.head.weight.copy_(torch.tensor([1.0, 0, 0]).view(3, 1, 1, 1))
        model.head.bias.copy_(torch.tensor([0, 0.25, -0.25]))
    scores = np.random.default_rng(0).uniform(0, 5, (4, 4)).astype(np.float32)
    with torch.no_grad():
        logit, row, column = model(torch.from_numpy(scores.repeat(2, 0).repeat(2, 1))[None, None])[0].tolist()
    weight = np.exp(scores.astype(float))
    middle = 2 * np.arange(4) + 0.5
    assert logit == pytest.approx(np.log(weight.mean()), rel=1e-5)
    assert row == pytest.approx((weight.sum(axis=1) * (middle + 0.5)).sum() / weight.sum(), rel=1e-5)
    assert column == pytest.approx((weight.sum(axis=0) * (middle - 0.5)).sum() / weight.sum(), rel=1e-5)


def test_every_point_of_the_default_is_within_reach():
    """A cell in the middle sees the whole patch, so that it can tell a cyclone from another low."""
    import torch

    model = in_torch(input_shape=[40, 40, 1], filters=[32, 64], blocks=2)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.abs_().add_(1e-3)
    patch = torch.rand(1, 1, 40, 40, requires_grad=True)
    model.levels(patch)[0, :, 5, 5].sum().backward()
    seen = torch.nonzero(patch.grad[0, 0].sum(dim=0)).ravel()
    assert (int(seen.min()), int(seen.max())) == REACH


REACH = (0, 39)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"input_shape": [10, 12, 2]}, "2 levels make cells of 4 x 4 points, which do not fill 10 x 12"),
        ({"filters": []}, "name at least one level"),
        ({"target_scale": True}, "data.target_scale is true"),
    ],
)
@pytest.mark.parametrize("build", [in_torch, in_keras])
def test_options_that_do_not_fit(build, change, said):
    with pytest.raises(UserError, match=said):
        build(**change)
