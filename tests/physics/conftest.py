import pytest
import torch

SPRING = {
    "name": "spring",
    "time": {"t": [0, 2]},
    "constants": {"k": 4},
    "fields": {"x": {}},
    "conditions": {
        "motion": {"type": "interior", "equation": "diff(x, t, 2) = -k*x", "points": 16},
        "start": {"type": "initial", "values": {"x": 1}, "rates": {"x": 0}},
    },
    "reference": {"x": "cos(2*t)"},
}
ROD = {
    "name": "rod",
    "geometry": {"rod": {"shape": "line", "x": [0, 1]}},
    "fields": {"u": {"range": [-0.2, 0]}},
    "conditions": {
        "balance": {"type": "interior", "equation": "diff(u, x, 2) = 1", "points": 16},
        "ends": {"type": "dirichlet", "values": {"u": 0}},
    },
    "reference": {"u": "x*(x - 1)/2"},
}


@pytest.fixture
def double():
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


@pytest.fixture
def spring():
    return SPRING


@pytest.fixture
def rod():
    return ROD
