import io
from dataclasses import replace
from pathlib import Path

import pytest

from twinlib.sweep import display
from twinlib.sweep.display import Display, seconds_left, summary, table
from twinlib.sweep.manifest import CACHED, DONE, FAILED, RUNNING, WAITING, Sweep, SweepPoint

POINTS = (
    SweepPoint(0, ("seed=1", "lr=0.1"), CACHED, "f" * 64, "slope-f", 0.5, 0.0),
    SweepPoint(1, ("seed=1", "lr=0.2"), DONE, "e" * 64, "slope-e", 0.25, 4.0),
    SweepPoint(2, ("seed=1", "lr=0.3"), FAILED, seconds=1.5, error="exit code 1: ValueError: too steep"),
    SweepPoint(3, ("seed=1", "lr=0.4"), RUNNING),
    SweepPoint(4, ("seed=1", "lr=0.5"), WAITING),
)
SWEEP = Sweep("sweep-a", (), "2026-01-02T03:04:05Z", None, "val_loss", "minimize", POINTS)


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_time_left_is_the_mean_of_what_was_computed():
    assert seconds_left(SWEEP) == 4.0 * (1 + 0.5)
    two = replace(SWEEP, points=(*POINTS, replace(POINTS[3], number=5)))
    assert seconds_left(two) == 4.0 * (1 + 1) / 2
    assert seconds_left(replace(SWEEP, points=POINTS[2:])) is None
    assert seconds_left(replace(SWEEP, points=POINTS[:3])) is None


def test_the_table_has_every_point_and_only_what_differs():
    lines = list(table(SWEEP, Path("runs/.sweeps/sweep-a")))
    assert lines == [
        "   point   state    val_loss  seconds",
        "0  lr=0.1  cached        0.5",
        "1  lr=0.2  done         0.25      4.0",
        "2  lr=0.3  failed                 1.5  runs/.sweeps/sweep-a/2.log: exit code 1: ValueError: too steep",
        "3  lr=0.4  stopped",
        "4  lr=0.5  stopped",
        "sweep-a: 5 points: 1 cached, 1 done, 1 failed, 2 stopped; best val_loss 0.25 (lr=0.2)",
    ]


def test_the_table_of_one_point_says_what_it_is():
    one = replace(SWEEP, points=POINTS[1:2])
    assert list(table(one, Path()))[1] == "1  seed=1 lr=0.2  done       0.25      4.0"
    plain = replace(SWEEP, points=(replace(POINTS[1], overrides=()),))
    assert list(table(plain, Path()))[1] == "1  -      done       0.25      4.0"


def test_a_summary_without_a_result_has_no_best():
    assert summary(replace(SWEEP, points=POINTS[2:3])) == "sweep-a: 1 point: 1 failed"


def test_outside_a_terminal_each_computed_point_is_a_line():
    out = io.StringIO()
    shown = Display(total=5, out=out)
    mistaken = replace(POINTS[2], seconds=0.0)  # found when it was looked up; the table will tell
    for point in (None, POINTS[0], POINTS[1], POINTS[2], mistaken):
        shown.see(SWEEP, point)
    shown.close()
    assert out.getvalue().splitlines() == [
        "[3/5] done seed=1 lr=0.2  val_loss 0.25  4.0 s",
        "[3/5] failed seed=1 lr=0.3  1.5 s  exit code 1: ValueError: too steep",
    ]


def test_in_a_terminal_there_is_a_picture_and_it_goes(monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    out = Terminal()
    shown = Display(total=5, out=out)
    shown.see(SWEEP, None)
    text = out.getvalue()
    for words in ("5 of 5 points", "1 cached", "1 done", "1 running", "1 waiting", "1 failed", "best val_loss 0.25"):
        assert words in text
    assert "lr=0.2" in text and "seed=1" not in text and "6.0 s left" in text
    shown.close()
    assert out.getvalue().endswith("\x1b[2K")  # cleared
    shown.close()


def test_a_sweep_that_only_looks_up_a_few_points_shows_no_picture(monkeypatch):
    out = Terminal()
    shown = Display(total=1, out=out)
    monkeypatch.setattr(display.Display, "_start", lambda self: pytest.fail("nothing to show yet"))
    shown.see(replace(SWEEP, points=POINTS[:1]), POINTS[0])
    shown.close()
    assert out.getvalue() == ""


@pytest.mark.parametrize("seconds, text", [(0.04, "0.0 s"), (59.94, "59.9 s"), (61, "1:01 min"), (7322, "2:02:02")])
def test_durations(seconds, text):
    assert display._duration(seconds) == text
