"""Tests that train in many processes, all forked from this one, which imports TensorFlow once and never begins it.

So they run in a process of their own, which tests/training/test_keras_resume.py starts.
"""

import json
import os
import random
import signal
import socket
import sys
import time
import traceback
from functools import cache

import numpy as np
import pytest

from twinlib.training import keras as adapter
from twinlib.training import keras_module
from twinlib.training.outcome import Silent


class Says(Silent):
    """Writes to a pipe when the first epoch begins."""

    def __init__(self, pipe, hang_at=None):
        self._pipe, self._hang_at = pipe, hang_at

    def epoch_begins(self, epoch, steps):
        os.write(self._pipe, b"b")
        if epoch == self._hang_at:
            time.sleep(60)


def drawing(_):
    """A small model, soon traced, that draws."""
    layers = adapter.keras.layers
    dropped = [layers.Flatten(), layers.Dropout(0.3), layers.Dense(16, "relu"), layers.Dropout(0.3), layers.Dense(10)]
    return adapter.keras.Sequential([adapter.keras.Input((8, 8, 1)), *dropped])


@pytest.fixture
def begin(configure, digits, tmp_path):
    """Begin a training in a process -> its pid, and a pipe that says when epochs begin."""

    @cache
    def composed(*overrides):
        return configure("keras", "strategy.accelerator=cpu", *overrides)

    def begun(name, *overrides, resume=None, environment=None, hang_at=None):
        config = composed(*overrides)
        heard, said = os.pipe()
        pid = os.fork()
        if pid:
            os.close(said)
            return pid, heard
        code = 1
        try:
            # pytest holds back what is printed, and would print it twice.
            errors = os.open(tmp_path / f"{name}.err", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
            os.dup2(errors, 2)
            sys.stderr = os.fdopen(2, "w", closefd=False)
            os.environ.update(environment or {})
            (tmp_path / name).mkdir(exist_ok=True)
            report = Says(said, hang_at)
            outcome = adapter.train(config=config, dataset=digits, folder=tmp_path / name, report=report, resume=resume)
            for row in outcome.history:
                row.pop("seconds")
            weights = (tmp_path / name / adapter.WEIGHTS).read_bytes()
            np.savez(
                tmp_path / f"{name}.npz", predictions=outcome.predictions, weights=np.frombuffer(weights, np.uint8)
            )
            (tmp_path / f"{name}.json").write_text(json.dumps([outcome.history, outcome.metrics]))
            code = 0
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stderr.flush()
            os._exit(code)

    return begun


@pytest.fixture
def result(tmp_path):
    """What a training that ended well has left."""

    def read(name):
        assert not (tmp_path / f"{name}.err").read_text()
        with np.load(tmp_path / f"{name}.npz") as arrays:
            return json.loads((tmp_path / f"{name}.json").read_text()), dict(arrays)

    return read


def ended(pid):
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def assert_identical(one, other):
    assert one[0] == other[0]
    for name, array in one[1].items():
        np.testing.assert_array_equal(array, other[1][name], err_msg=name)


LONG = ("optimizer=adam", "checkpoint_seconds=0", "epochs=12", "batch_size=150")


@pytest.mark.parametrize(("devices", "enough"), [(1, 16), (2, 4)])
def test_killed_at_random_moments_it_ends_as_if_it_had_not_been(begin, result, tmp_path, monkeypatch, devices, enough):
    monkeypatch.setattr(keras_module, "built", drawing)
    strategy = ["strategy=data_parallel", f"strategy.devices={devices}"] if devices > 1 else []
    pid, heard = begin("whole", *LONG, *strategy)
    os.read(heard, 1)
    began = time.monotonic()
    assert ended(pid) == 0
    whole, seconds = result("whole"), time.monotonic() - began

    moments = random.Random(devices)
    kills = ends = 0
    while kills < enough or not ends:
        pid, heard = begin("killed", *LONG, *strategy, resume=tmp_path / f"kept{ends}")
        os.read(heard, 1)
        if kills < enough:
            time.sleep(moments.uniform(0, 0.7 * seconds))
            os.kill(pid, signal.SIGKILL)
        code = ended(pid)
        os.close(heard)
        assert code in (0, -signal.SIGKILL)
        if code == 0:
            ends += 1
            assert_identical(whole, result("killed"))
        kills += code != 0


def cluster(nodes):
    """TF_CONFIG of each of so many nodes."""
    sockets = [socket.socket() for _ in range(nodes)]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
    workers = [f"127.0.0.1:{each.getsockname()[1]}" for each in sockets]
    for each in sockets:
        each.close()
    return [
        {"TF_CONFIG": json.dumps({"cluster": {"worker": workers}, "task": {"type": "worker", "index": node}})}
        for node in range(nodes)
    ]


ALONE = ("clip_norm=0.1", "batch_size=149", "accumulate=2", "epochs=3")
NODES = (*ALONE, "strategy=data_parallel", "strategy.nodes=2")


def test_two_nodes_train_as_one_and_go_on_together(begin, result, tmp_path):
    """Last batches of two samples, and evaluations of one more than two batches, are shared too."""
    single, _ = begin("single", *ALONE)
    nodes = [begin(f"node{node}", *NODES, environment=env)[0] for node, env in enumerate(cluster(2))]
    assert [ended(pid) for pid in (single, *nodes)] == [0, 0, 0], (tmp_path / "node0.err").read_text()
    (history, metrics), arrays = result("node0")
    assert_identical(result("node0"), result("node1"))
    (alone, measured), expected = result("single")
    for one, other in zip(history, alone, strict=True):
        assert one == pytest.approx(other, abs=1e-6)
    assert metrics == pytest.approx(measured, abs=1e-6)
    np.testing.assert_allclose(arrays["predictions"], expected["predictions"], atol=1e-6)

    options = {"resume": tmp_path / "kept", "hang_at": 3}
    both = [
        begin(f"b{n}", *NODES, "checkpoint_seconds=0", environment=env, **options) for n, env in enumerate(cluster(2))
    ]
    for _, heard in both:
        for _ in range(3):
            os.read(heard, 1)
    first, second = (pid for pid, _ in both)
    os.kill(second, signal.SIGKILL)
    os.kill(first, signal.SIGKILL)
    assert [ended(first), ended(second)] == [-signal.SIGKILL] * 2
    again = [begin(f"b{n}", *NODES, environment=env, resume=tmp_path / "kept")[0] for n, env in enumerate(cluster(2))]
    assert [ended(pid) for pid in again] == [0, 0], (tmp_path / "b0.err").read_text() + (
        tmp_path / "b1.err"
    ).read_text()
    assert_identical(result("b0"), result("node0"))


def test_a_node_that_ends_ends_the_others(begin, tmp_path):
    nodes = [begin(f"node{n}", *NODES, "epochs=100000", environment=env) for n, env in enumerate(cluster(2))]
    for _, heard in nodes:
        os.read(heard, 1)
    (survivor, _), (victim, _) = nodes
    os.kill(victim, signal.SIGKILL)
    began = time.monotonic()
    assert ended(survivor) == 1
    assert time.monotonic() - began < 30
    assert "node 0 of 2: another node has ended" in (tmp_path / "node0.err").read_text()
    ended(victim)


def test_nodes_that_find_different_checkpoints_say_so(begin, tmp_path):
    pid, _ = begin("before", *ALONE, "epochs=1", "checkpoint_seconds=0", resume=tmp_path / "one")
    assert ended(pid) == 0
    nodes = [
        begin(f"node{n}", *NODES, environment=env, resume=tmp_path / ("one", "other")[n])[0]
        for n, env in enumerate(cluster(2))
    ]
    assert [ended(pid) for pid in nodes] == [1, 1]
    for node in (0, 1):
        assert "checkpoints of epochs 1, 0" in (tmp_path / f"node{node}.err").read_text()
