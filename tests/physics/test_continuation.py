import pytest

from twinlib.errors import UserError
from twinlib.physics.continuation import approach

SLOWLY = {
    "_target_": "twinlib.physics.problem.Problem",
    "name": "slowly",
    "time": {"t": [0, 1]},
    "constants": {"rate": 2, "twice": "2*rate"},
    "fields": {"x": {}},
    "conditions": {
        "change": {"type": "interior", "equation": "diff(x, t) = -twice*x", "points": 8},
        "start": {"type": "initial", "values": {"x": 1}},
    },
    "reference": {"x": "exp(-twice*t)"},
}


def test_easier_problems_have_their_constants_and_no_reference():
    first, second = approach(SLOWLY, [{"rate": 0.5}, {"rate": 1}])
    assert [float(each.words.names["twice"]) for each in (first, second)] == [1, 2]
    assert not first.reference and not second.reference
    assert approach(SLOWLY, None) == approach(SLOWLY, []) == []


@pytest.mark.parametrize(
    ("continuation", "message"),
    [
        ([{"rat": 1}], r"trainer.continuation\[0\].rat: no such constant; did you mean rate"),
        ([{"rate": 1}, {}], r"trainer.continuation\[1\]: is {}; give constants, as {nu: 0.05}"),
        ([0.5], r"trainer.continuation\[0\]: is 0.5; give constants"),
        ({"rate": [1, 2]}, r"trainer.continuation: is {'rate': \[1, 2\]}; give a list of constants"),
        ([{"rate": "speed"}], "data.constants.rate"),
    ],
)
def test_what_is_no_continuation(continuation, message):
    with pytest.raises(UserError, match=message):
        approach(SLOWLY, continuation)


def test_windows_of_time_and_easier_problems_do_not_go_together():
    with pytest.raises(UserError, match=r"data.windows.*leave one of the two out"):
        approach(SLOWLY | {"windows": 2}, [{"rate": 1}])
