import copy

import pytest
import torch

from twinlib.errors import UserError
from twinlib.physics.networks import FullyConnected
from twinlib.physics.problem import Problem
from twinlib.physics.solution import Solution
from twinlib.physics.transfer import begin_from

pytestmark = pytest.mark.usefixtures("double")


def solution(tree, width=5, seed=0, features=0):
    problem = Problem(**tree)
    torch.manual_seed(seed)
    return Solution(problem, FullyConnected(problem.network_inputs, problem.outputs, width, 1, features=features))


@pytest.fixture
def earlier(rod, tmp_path):
    found = solution(rod, seed=1, features=3)
    torch.save(found.state_dict(), tmp_path / "weights.pt")
    return found, tmp_path / "weights.pt"


def test_a_solution_is_the_earlier_one_at_first(rod, earlier):
    found, path = earlier
    other = copy.deepcopy(rod)
    other["geometry"]["rod"]["x"] = [0, 2]
    other["unknowns"] = {"q": 3}
    other["conditions"]["balance"]["equation"] = "diff(u, x, 2) = q"
    other["conditions"]["seen"] = {"type": "observations", "values": {"u": 0}, "points": 3}
    later = solution(other, features=3)
    points = torch.linspace(0, 1, 7)[:, None]
    assert not torch.allclose(later(points), found(points))
    begin_from(later, path, "trainer.start")
    torch.testing.assert_close(later(points), found(points), rtol=0, atol=0)
    assert float(later.unknowns["q"].detach()) == 3


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            {"width": 6, "features": 3},
            r"trainer.start: .*weights.pt is of another model: network.* has the shape .*5.*, here .*6",
        ),
        ({"features": 0}, r"trainer.start: .* is of another model, network.waves is in one of the two"),
    ],
)
def test_weights_of_another_model_are_refused(rod, earlier, settings, message):
    with pytest.raises(UserError, match=message):
        begin_from(solution(rod, **settings), earlier[1], "trainer.start")


def test_what_is_no_file_of_weights_is_refused(rod, tmp_path):
    (tmp_path / "weights.pt").write_bytes(b"import os")
    for path in (tmp_path / "weights.pt", tmp_path / "none.pt"):
        with pytest.raises(UserError, match="cannot be read as weights of an earlier run"):
            begin_from(solution(rod), path, "trainer.start")
