import itertools
import math

import pytest

from twinlib.compare.importance import importance
from twinlib.compare.table import Column


def column(key, values):
    return Column(key, key, tuple(values), tuple(map(str, values)))


def grid(*keys):
    """The columns of a full grid over values by key."""
    points = list(itertools.product(*(values for _, values in keys)))
    return [column(key, [point[place] for point in points]) for place, (key, _) in enumerate(keys)], points


def test_what_matters_is_told_from_what_does_not():
    columns, points = grid(("lr", [1e-4, 1e-3, 1e-2, 1e-1]), ("model", ["a", "b"]), ("seed", [0, 1, 2]))
    found = importance(columns, [math.log10(lr) + 0.3 * (model == "a") for lr, model, _ in points])
    assert found.why is None
    assert list(found.shares) == ["lr", "model", "seed"]
    assert sum(found.shares.values()) == pytest.approx(1)
    assert found.shares["lr"] > 0.8 > 0.05 > found.shares["seed"]


def test_shares_do_not_depend_on_the_scale_of_the_objective():
    columns, points = grid(("lr", [0.1, 0.2, 0.3]), ("seed", [0, 1, 2]))
    values = [lr * (seed + 1) for lr, seed in points]
    tiny = importance(columns, [2.0**-50 * value for value in values])
    assert tiny.shares == pytest.approx(importance(columns, values).shares)


def test_the_same_runs_have_the_same_shares():
    columns, points = grid(("lr", [0.1, 0.2, 0.3]), ("seed", [0, 1, 2]))
    values = [lr * (seed + 1) for lr, seed in points]
    assert importance(columns, values) == importance(columns, values)


def test_values_that_are_no_numbers():
    columns, points = grid(("flag", [True, False]), ("shape", [[1], [2, 3]]), ("clip", [1, 0.5]))
    found = importance(columns, [float(clip + flag) for flag, _, clip in points])
    assert set(found.shares) == {"flag", "shape", "clip"}


@pytest.mark.parametrize(
    ("columns", "objective", "why"),
    [
        ([column("lr", [1, 2, 3]), column("seed", [1, 2, 3])], [1.0, 2.0, 3.0], "at least 4 runs"),
        ([column("lr", range(5)), column("seed", range(5))], [1.0, 2.0, 3.0, math.nan, None], "there are 3"),
        ([column("lr", range(4))], [1.0, 2.0, 3.0, 4.0], "only lr varies"),
        ([column("lr", range(4)), column("dense", [1, 2, 3, None])], [1.0, 2.0, 3.0, 4.0], "only lr varies"),
        ([column("lr", range(4)), column("name", "abcd")], [1.0, 2.0, 3.0, 4.0], "only lr varies"),
        ([], [1.0, 2.0, 3.0, 4.0], "no setting varies"),
        ([column("lr", range(4)), column("seed", range(4))], [1.0] * 4, "the same objective"),
    ],
)
def test_why_there_is_none(columns, objective, why):
    found = importance(columns, objective)
    assert found.shares == {}
    assert why in found.why
