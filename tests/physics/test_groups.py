from types import SimpleNamespace

import torch

from twinlib.physics.groups import Group


def test_residuals_stand_by_component_and_then_by_part():
    one, two = SimpleNamespace(components=1, count=2), SimpleNamespace(components=2, count=3)
    group = Group(torch.empty(0), None, [one, two])
    first, second = [torch.tensor([0, 1])], [torch.tensor([2, 3, 4]), torch.tensor([5, 6, 7])]
    assert group.in_order([first, second]).tolist() == list(range(8))
    assert group.starts() == {id(one): [0], id(two): [2, 5]}
