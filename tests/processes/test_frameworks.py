"""Runs of several processes with the real trainers, on drawn digits: what one device computes, they compute."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from tests.processes.test_joining import torchrun
from twinlib.data import arrow
from twinlib.data.schema import Field, Schema

ROOT = Path(__file__).parents[2]
SETTINGS = (
    *("model=linear", "name=tiny", "lr=0.05", "batch_size=16", "tracking=[]", "progress=false", "workers=0"),
    *("strategy=data_parallel", "strategy.accelerator=cpu", "strategy.precision='64'", "checkpoint_seconds=0"),
    *("data.path=data/tiny", "data.input_shape=[4,5,1]", "data.classes=3", "optimizer=sgd"),
)
QUIET = {"OMP_NUM_THREADS": "1", "TF_NUM_INTRAOP_THREADS": "1", "TF_NUM_INTEROP_THREADS": "1"}


class Digits:
    """A project with the shipped configs and a small dataset."""

    def __init__(self, root):
        self.root = root
        shutil.copytree(ROOT / "conf", root / "conf", symlinks=True)
        shutil.copytree(ROOT / "experiments", root / "experiments")
        shutil.copy(ROOT / "train.py", root)
        rng = np.random.default_rng(0)
        fields = (
            Field("image", (4, 5, 1), ("row", "column", "channel"), "uint8", "1"),
            Field("digit", (), (), "int64", "1", classes=("0", "1", "2")),
        )
        splits = {
            split: [{"image": rng.integers(0, 256, (size, 4, 5, 1), np.uint8), "digit": rng.integers(0, 3, size)}]
            for split, size in (("train", 49), ("val", 9), ("test", 21))
        }
        arrow.write(root / "data" / "tiny", splits, Schema(fields, "synthetic", "made", "CC0"))

    def start(self, *overrides, **environment):
        return subprocess.Popen(
            [sys.executable, "train.py", *SETTINGS, *overrides],
            cwd=self.root,
            env=os.environ | QUIET | {name: str(value) for name, value in environment.items()},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def result(self, *processes):
        """Wait for all processes; history and metrics of the one record."""
        ends = [process.communicate(timeout=240) for process in processes]
        assert [process.returncode for process in processes] == [0] * len(processes), ends
        (record,) = (path.parent for path in (self.root / "runs").glob("[!.]*/record.json"))
        history = pq.read_table(record / "history.parquet").to_pydict()
        del history["seconds"]
        return history, json.loads((record / "metrics.json").read_text())

    def forget(self):
        shutil.rmtree(self.root / "runs")

    def verified(self):
        """After how many epochs the one unfinished run could go on."""
        found = [int(path.read_text()) for path in (self.root / "runs" / ".partial").glob("*/verified")]
        return found[0] if found else 0


@pytest.fixture
def digits(tmp_path):
    return Digits(tmp_path)


def require_close(one, other):
    """Equal but for the order in which numbers are added, of 16 digits."""
    for a, b in zip(one, other, strict=True):
        assert a.keys() == b.keys()
        for name in a:
            np.testing.assert_allclose(a[name], b[name], rtol=1e-9, err_msg=name)


@pytest.mark.slow
@pytest.mark.parametrize("trainer", ["lightning", "keras"])
def test_two_nodes_compute_what_one_device_computes(digits, port, trainer):
    overrides = (f"trainer={trainer}", "epochs=3")
    alone = digits.result(digits.start(*overrides))
    digits.forget()

    def nodes():
        return [digits.start(*overrides, "strategy.nodes=2", **torchrun(rank, port)) for rank in (1, 0)]

    require_close(digits.result(*nodes()), alone)
    again = nodes()
    digits.result(*again)
    assert [process.poll() for process in again] == [0, 0] and not digits.verified()
    # One device of one node finds what two nodes have computed.
    out, err = digits.start(*overrides).communicate(timeout=60)
    assert out.startswith("cached "), err


@pytest.mark.slow
def test_two_devices_go_on_after_a_kill_as_if_nothing_had_been(digits):
    overrides = ("trainer=lightning", "epochs=40", "strategy.devices=2")
    undisturbed = digits.result(digits.start(*overrides))
    digits.forget()
    first = digits.start(*overrides)
    deadline = time.monotonic() + 120
    while digits.verified() < 3 and first.poll() is None and time.monotonic() < deadline:
        time.sleep(0.01)
    first.send_signal(signal.SIGKILL)
    first.communicate()
    assert 3 <= digits.verified() < 40 and list((digits.root / "runs").glob("[!.]*")) == []
    assert digits.result(digits.start(*overrides)) == undisturbed
    assert list((digits.root / "runs" / ".partial").iterdir()) == []
