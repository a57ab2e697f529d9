import pytest

from twinlib.scaling import clock
from twinlib.scaling.clock import Clock, Epoch
from twinlib.training.course import _timed


@pytest.fixture
def pass_seconds(monkeypatch):
    """Let time pass by hand."""
    now = [100.0]
    monkeypatch.setattr(clock.time, "perf_counter", lambda: now[0])

    def act(seconds):
        now[0] += seconds

    return act


def test_an_epoch_is_taken_apart(pass_seconds):
    report = Clock()
    for waiting in (1.0, 0.25):
        report.epoch_begins(1, 2)
        for _ in range(2):
            pass_seconds(waiting)
            report.waited(waiting)
            pass_seconds(3.0)
            report.batch()
        pass_seconds(0.5)
        report.epoch_ends({})
        pass_seconds(7.0)  # belongs to no epoch
    assert report.epochs == [Epoch(8.5, 8.0, 2.0), Epoch(7.0, 6.5, 0.5)]


def test_only_waiting_is_heard_and_not_what_is_done_with_a_batch(pass_seconds):
    def read():
        for number in range(3):
            pass_seconds(number + 1.0)
            yield number

    waited = []
    for _ in _timed(read(), waited.append):
        pass_seconds(50.0)
    assert waited == [1.0, 2.0, 3.0]
