import math
from itertools import pairwise

import pytest

from twinlib.schedule import constant, cosine, exponential, step

STEPS = 100


def curve(schedule, **options):
    return [schedule(index, STEPS, **options) for index in range(STEPS)]


def test_constant():
    assert curve(constant) == [1] * STEPS


@pytest.mark.parametrize("schedule", [constant, cosine, step, exponential])
def test_warmup_rises_linearly_to_1_and_no_step_is_lost(schedule):
    options = {"at": [1.0]} if schedule is step else {}
    factors = curve(schedule, warmup=0.2, **options)
    assert factors[:20] == pytest.approx([(index + 1) / 20 for index in range(20)])
    assert factors[20] == pytest.approx(1)


def test_warmup_over_all_steps():
    for schedule in (constant, cosine, exponential):
        assert curve(schedule, warmup=1.0) == pytest.approx([(index + 1) / STEPS for index in range(STEPS)])


def test_cosine():
    factors = curve(cosine, floor=0.1)
    assert factors[0] == 1 and factors[50] == pytest.approx(0.55) and 0.1 < factors[-1] < 0.101
    assert factors == sorted(factors, reverse=True)
    assert curve(cosine, warmup=0.5)[75] == pytest.approx(0.5)  # half of what comes after the warmup


def test_step():
    factors = curve(step, at=[0.5, 0.75], factor=0.1)
    assert factors == pytest.approx([1] * 50 + [0.1] * 25 + [0.01] * 25)


def test_exponential():
    factors = curve(exponential, floor=0.01)
    assert factors[0] == 1 and factors[50] == pytest.approx(0.1)
    ratios = [later / earlier for earlier, later in pairwise(factors)]
    assert ratios == pytest.approx([math.exp(math.log(0.01) / STEPS)] * (STEPS - 1))
