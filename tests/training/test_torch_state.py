import json

import pytest
import torch
from torch import nn

from twinlib.optimizer import torch as optimizers
from twinlib.training.torch_state import from_array, model_arrays, model_state, optimizer_arrays, restore_optimizer

WAYS = [
    lambda parameters: optimizers.sgd(parameters, 0.1, momentum=0.0),
    lambda parameters: optimizers.sgd(parameters, 0.1, momentum=0.9),
    lambda parameters: optimizers.adamw(parameters, 0.01),
    lambda parameters: optimizers.rmsprop(parameters, 0.01),
    lambda parameters: torch.optim.NAdam(parameters, 0.01),  # remembers a product beside the moments
]


def steps(model, optimizer, number):
    for count in range(number):
        optimizer.zero_grad()
        model(torch.full((2, 3), 1.0 + count)).square().sum().backward()
        optimizer.step()


@pytest.mark.parametrize("way", WAYS)
def test_an_optimizer_goes_on(way):
    torch.manual_seed(0)
    model, other = nn.Linear(3, 2), nn.Linear(3, 2)
    optimizer, copy = way(model.parameters()), way(other.parameters())
    steps(model, optimizer, 3)
    weights = model_arrays(model.state_dict(), "model")
    arrays, numbers = optimizer_arrays(optimizer)
    assert not set(arrays) & set(weights)
    other.load_state_dict(model_state(weights, "model", other.state_dict()))
    restore_optimizer(copy, arrays, json.loads(json.dumps(numbers)))
    for each in (model, other):
        steps(each, optimizer if each is model else copy, 3)
    for one, same in zip(model.parameters(), other.parameters(), strict=True):
        assert torch.equal(one, same)


def test_bfloat16_is_kept():
    value = torch.randn(3, 2).bfloat16()
    array = model_arrays({"weight": value}, "model")["model/weight"]
    assert array.dtype.name == "bfloat16"
    assert torch.equal(from_array(array, value), value)
