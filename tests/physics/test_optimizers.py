import json

import pytest
import torch

from twinlib.errors import UserError
from twinlib.physics.loss import SquaredResiduals
from twinlib.physics.networks import FullyConnected
from twinlib.physics.optimizers import OPTIMIZERS, Stages
from twinlib.physics.problem import Problem
from twinlib.physics.residuals import Residuals
from twinlib.physics.solution import Solution
from twinlib.physics.state import packed, unpacked

pytestmark = pytest.mark.usefixtures("double")


@pytest.fixture
def residuals(rod):
    problem = Problem(**rod)
    torch.manual_seed(0)
    solution = Solution(problem, FullyConnected(problem.inputs, problem.outputs, 8, 2))
    return Residuals(problem, solution, problem.samples("train", 0), {})


@pytest.mark.parametrize(
    ("stage", "steps", "factor"),
    [
        ({"name": "adam", "lr": 1e-2}, 200, 0.1),
        ({"name": "soap", "lr": 1e-2}, 200, 0.1),
        ({"name": "lbfgs"}, 60, 1e-3),
        ({"name": "broyden"}, 60, 1e-4),
        ({"name": "levenberg_marquardt"}, 20, 1e-4),
    ],
)
def test_each_gets_the_loss_down(residuals, stage, steps, factor):
    before = float(residuals.loss().detach())
    stages = Stages(residuals, [stage])
    for _ in range(steps):
        stages.step(1)
    assert float(residuals.loss().detach()) < factor * before


def test_stages_follow_each_other_by_epochs(residuals):
    stages = Stages(
        residuals,
        [{"name": "adam", "epochs": 2, "lr": 0.5}, {"name": "adam", "epochs": 1, "lr": 0.25}, {"name": "lbfgs"}],
    )
    rates = []
    for epoch in range(1, 6):
        stages.step(epoch)
        rates.append(stages.lr)
    assert rates == [0.5, 0.5, 0.25, 1.0, 1.0]


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_one_that_is_restored_goes_on_bit_by_bit(rod, name):
    problem = Problem(**rod)
    first, second = (Solution(problem, FullyConnected(problem.inputs, problem.outputs, 8, 2)) for _ in range(2))
    stages = [{"name": "adam", "epochs": 1}, {"name": name, "epochs": 3}, {"name": "lbfgs"}]
    one, other = (
        Stages(Residuals(problem, solution, problem.samples("train", 0), {}), stages) for solution in (first, second)
    )
    for epoch in (1, 2, 3):
        one.step(epoch)
    second.load_state_dict(first.state_dict())
    arrays, tree = packed(one.state())
    other.restore(unpacked(arrays, json.loads(json.dumps(tree))))
    for epoch in (4, 5, 6):
        assert one.step(epoch) == other.step(epoch)
        assert one.lr == other.lr
    for mine, theirs in zip(first.parameters(), second.parameters(), strict=True):
        assert torch.equal(mine, theirs)


@pytest.mark.parametrize(
    ("stages", "message"),
    [
        ([], "give one or more"),
        ("adam", "give one or more"),
        (["adam"], "give one or more"),
        ([{"name": "adam", "epochs": "many"}], r"optimizer.stages\[0\].epochs: is many; give a number"),
        ([{"name": "adm"}], r"optimizer.stages\[0\].name: no optimizer adm; did you mean adam\?"),
        ([{"name": "adam"}, {"name": "lbfgs"}], r"optimizer.stages\[0\].epochs: is missing"),
    ],
)
def test_a_wrong_stage_is_named(residuals, stages, message):
    with pytest.raises(UserError, match=message):
        Stages(residuals, stages)


def test_a_setting_that_an_optimizer_does_not_have_is_named(residuals):
    with pytest.raises(UserError, match=r"optimizer.stages\[0\]: adam: has no setting rate; it has epochs, lr, betas"):
        Stages(residuals, [{"name": "adam", "rate": 1}])


@pytest.mark.parametrize(
    ("stage", "message"),
    [
        ({"name": "adam", "lr": "fast"}, r"optimizer.stages\[1\].lr=fast: give a number, 0 or more"),
        ({"name": "adam", "lr": -1}, r"optimizer.stages\[1\].lr=-1: give a number"),
        ({"name": "adam", "betas": 0.9}, r"optimizer.stages\[1\].betas=0.9: give 2 numbers, as \[0.9, 0.999\]"),
        ({"name": "adam", "betas": [0.9, 1]}, "betas.* below 1"),
        ({"name": "soap", "frequency": 0}, r"optimizer.stages\[1\].frequency=0: give a whole number, 1 or more"),
        ({"name": "lbfgs", "history": 0}, r"optimizer.stages\[1\].history=0: give a whole number, 1 or more"),
        ({"name": "lbfgs", "history": 2.5}, r"optimizer.stages\[1\].history=2.5: give a whole number"),
        ({"name": "levenberg_marquardt", "acceleration": 1}, "acceleration=1: give true or false"),
        ({"name": "broyden", "epochs": -1}, "epochs: is -1; give a number"),
    ],
)
def test_a_wrong_setting_is_refused_before_the_first_stage_begins(residuals, stage, message):
    with pytest.raises(UserError, match=message):
        Stages(residuals, [{"name": "adam", "epochs": 1}, stage])


def test_weights_are_of_conditions():
    assert SquaredResiduals({"ends": 10}).of(["balance", "ends"]) == {"balance": 1.0, "ends": 10.0}
    with pytest.raises(UserError, match=r"loss.weights.end: no condition with a residual; did you mean ends\?"):
        SquaredResiduals({"end": 10}).of(["balance", "ends"])
    with pytest.raises(UserError, match="must be greater than 0"):
        SquaredResiduals({"ends": 0}).of(["ends"])
