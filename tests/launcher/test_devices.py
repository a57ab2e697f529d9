import os

import pytest

from twinlib.launcher import devices


def test_cores_are_those_this_process_may_use():
    assert devices.cores() == len(os.sched_getaffinity(0))
    allowed = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(allowed)})
    try:
        assert devices.cores() == 1
    finally:
        os.sched_setaffinity(0, allowed)


@pytest.mark.parametrize(
    ("visible", "expected"),
    [("0,1", ["0", "1"]), ("", []), ("-1", []), ("3", ["3"]), ("GPU-8f2a, MIG-1", ["GPU-8f2a", "MIG-1"])],
)
def test_gpus_are_those_that_cuda_would_show(monkeypatch, visible, expected):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    assert devices.gpus() == expected


def test_what_the_user_set_for_threads_stays(monkeypatch):
    monkeypatch.delenv("MKL_NUM_THREADS", raising=False)
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    assert devices.limits(2)["OMP_NUM_THREADS"] == "7"
    assert devices.limits(2)["MKL_NUM_THREADS"] == "2"


def test_devices_are_dealt_out_evenly():
    assert devices.shares(["0", "1", "2", "3"], 2) == [["0", "1"], ["2", "3"]]
    assert devices.shares(["0", "1", "2"], 2) == [["0"], ["1"]]
    assert devices.shares(["0", "1"], 3) == [["0"], ["1"], ["0"]]
    assert devices.shares([], 2) == [[], []]
