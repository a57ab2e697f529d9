import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from twinlib.errors import UserError
from twinlib.training.keras_replicas import Replicas, replicas

HERE = Path(__file__).parent
STRATEGY = {"name": "data_parallel", "accelerator": "cpu", "devices": 1, "nodes": 1}


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_three_devices():
    """The tests of keras_devices.py."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(HERE / "keras_devices.py")]
    done = subprocess.run(command, capture_output=True, text=True, cwd=HERE.parents[1])
    assert done.returncode == 0, done.stdout + done.stderr


def test_sharded_is_refused():
    with pytest.raises(UserError, match=r"strategy=data_parallel"):
        replicas({**STRATEGY, "name": "sharded"})


def test_nodes_without_addresses_are_refused(monkeypatch):
    monkeypatch.delenv("TF_CONFIG", raising=False)
    with pytest.raises(UserError, match=r"strategy.nodes=2: TF_CONFIG names 0 workers"):
        replicas({**STRATEGY, "nodes": 2})


def test_several_cpus_on_each_of_several_nodes_are_refused(monkeypatch):
    cluster = '{"cluster": {"worker": ["a:1", "b:1"]}, "task": {"type": "worker", "index": 0}}'
    monkeypatch.setenv("TF_CONFIG", cluster)
    with pytest.raises(UserError, match=r"strategy.devices=1"):
        replicas({**STRATEGY, "nodes": 2, "devices": 2})


@pytest.mark.parametrize("samples", [0, 1, 5, 32, 33])
def test_parts_follow_each_other_and_are_all(samples):
    """Each node's part is cut into its devices' parts."""
    slices = [Replicas(None, ["CPU:0", "CPU:1"], nodes=3, node=node).slices(samples) for node in range(3)]
    assert slices[0] == slices[1] == slices[2]
    order = np.concatenate([np.arange(samples)[part] for part in slices[0]])
    np.testing.assert_array_equal(order, np.arange(samples))
    sizes = [part.stop - part.start for part in slices[0]]
    assert max(sizes) - min(sizes) <= 1 or samples < 6
