import json
import math
from dataclasses import replace

import pytest

from twinlib.sweep.manifest import CACHED, DONE, FAILED, MANIFEST, WAITING, Sweep, SweepPoint, read, sweeps, write

SWEEP = Sweep(
    "sweep-a",
    ("train.py", "-m", "lr=0.1,0.2"),
    "2026-01-02T03:04:05Z",
    None,
    "val_loss",
    "minimize",
    (
        SweepPoint(0, ("lr=0.1",), CACHED, "f" * 64, "slope-ffffffffffff", 0.5, 0.0),
        SweepPoint(1, ("lr=0.2",), DONE, "e" * 64, "slope-eeeeeeeeeeee", 0.25, 3.5),
        SweepPoint(2, ("lr=0.3", "seed=1"), FAILED, seconds=1.5, error="exit code 1: too steep"),
        SweepPoint(3, ("lr=0.4",), WAITING),
    ),
)


def test_what_is_written_is_read(tmp_path):
    write(SWEEP, tmp_path / "sweep-a")
    assert read(tmp_path / "sweep-a") == SWEEP
    ended = replace(SWEEP, ended="2026-01-02T03:05:00Z", points=())
    write(ended, tmp_path / "sweep-a")
    assert read(tmp_path / "sweep-a") == ended
    assert [path.name for path in (tmp_path / "sweep-a").iterdir()] == [MANIFEST]


def test_an_objective_that_is_no_number_is_kept(tmp_path):
    point = replace(SWEEP.points[0], objective=math.nan)
    write(replace(SWEEP, points=(point, replace(point, objective=math.inf))), tmp_path)
    first, second = read(tmp_path).points
    assert math.isnan(first.objective) and second.objective == math.inf
    json.loads((tmp_path / MANIFEST).read_text(), parse_constant=pytest.fail)


@pytest.mark.parametrize("direction, number", [("minimize", 1), ("maximize", 0)])
def test_the_best_point_is_the_best_of_those_with_a_number(direction, number):
    nan = replace(SWEEP.points[0], objective=math.nan)
    sweep = replace(SWEEP, direction=direction, points=(*SWEEP.points, nan))
    assert sweep.best() == SWEEP.points[number]
    assert replace(SWEEP, points=SWEEP.points[2:]).best() is None


def test_points_are_counted_by_state():
    assert [SWEEP.count(state) for state in (CACHED, DONE, FAILED, WAITING)] == [1, 1, 1, 1]


def test_sweeps_of_a_store_come_in_their_order_without_what_is_none(tmp_path, capsys):
    later = replace(SWEEP, id="sweep-0", created="2026-01-03T00:00:00Z")
    for sweep in (later, SWEEP):
        write(sweep, tmp_path / ".sweeps" / sweep.id)
    (tmp_path / ".sweeps" / "empty").mkdir()
    assert sweeps(tmp_path) == [SWEEP, later]
    for number, text in enumerate(["{", '{"version": 1}', '{"version": 99}', "[]", '{"version": 1, "points": [{}]}']):
        folder = tmp_path / ".sweeps" / f"damaged-{number}"
        folder.mkdir()
        (folder / MANIFEST).write_text(text)
    assert sweeps(tmp_path) == [SWEEP, later]
    assert capsys.readouterr().err.count("skipped") == 5
    assert sweeps(tmp_path / "nowhere") == []
