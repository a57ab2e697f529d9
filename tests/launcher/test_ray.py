"""Sweeps on a Ray cluster that was there before, and on one of their own; addresses where there is none."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

import pytest

from twinlib.errors import UserError
from twinlib.launcher import ray as rays
from twinlib.launcher.ray import RayPool
from twinlib.sweep.manifest import CACHED, DONE, FAILED, sweeps

pytest.importorskip("ray")

CPU = {"accelerator": "cpu", "devices": 1, "nodes": 1}


@pytest.fixture(scope="module")
def cluster():
    """The address of a running cluster; in a folder of a short name, as the names of its sockets are bounded."""
    home = Path(tempfile.mkdtemp(prefix="ray"))
    environment = os.environ | {"HOME": str(home), "RAY_USAGE_STATS_ENABLED": "0", "RAY_AUTH_MODE": "disabled"}
    head = [sys.executable, "-m", "ray.scripts.scripts", "start", "--head", "--block", "--port=0", "--num-cpus=2"]
    head += ["--include-dashboard=false", "--temp-dir", str(home / "ray"), "--object-store-memory=80000000"]
    with (home / "log").open("w") as log:
        process = subprocess.Popen(head, env=environment, stdout=log, stderr=log, start_new_session=True)
    try:
        deadline = time.monotonic() + 60
        address = None
        while address is None and time.monotonic() < deadline and process.poll() is None:
            time.sleep(0.1)
            address = re.search(r"--address='([\d.]+:\d+)'", (home / "log").read_text())
        assert address is not None, (home / "log").read_text()
        yield address[1]
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=30)
        shutil.rmtree(home, ignore_errors=True)


@pytest.fixture(autouse=True)
def _environment(monkeypatch):
    monkeypatch.setenv("RAY_AUTH_MODE", "disabled")
    monkeypatch.delenv("RAY_ADDRESS", raising=False)


@pytest.mark.slow
def test_a_sweep_on_an_existing_cluster(lab, cluster):
    lab.train("lr=0.1")
    arguments = ["-m", "lr=0.1,0.2,0.3", "launcher=ray", f"launcher.address={cluster}"]
    code, out, err = lab.train(*arguments)
    assert code == 0, err
    assert lab.trainings == 3
    (sweep,) = sweeps(lab.root / "runs")
    assert [point.state for point in sweep.points] == [CACHED, DONE, DONE]
    # The launcher has no part in the identity: what Ray computed is known here.
    code, out, _ = lab.train("-m", "lr=0.1,0.2,0.3")
    assert "3 cached" in out and lab.trainings == 3
    # Nor has it one in the numbers.
    (lab.root / "runs").rename(lab.root / "by_ray")
    lab.train("-m", "lr=0.1,0.2,0.3")
    for record in lab.records:
        metrics = [json.loads((store / record.name / "metrics.json").read_text()) for store in stores(lab)]
        assert metrics[0] == metrics[1]


@pytest.mark.slow
def test_a_run_on_several_nodes_has_them_at_the_same_time(lab, cluster):
    (lab.root / "nodes.py").write_text(
        "import os\nfrom pathlib import Path\n\nfrom lab import train as as_usual\n\n__code_deps__ = []\n\n\n"
        "def train(**keys):\n"
        "    (Path('nodes' * 1) / f\"{keys['config']['lr']}-{os.environ['RANK']}\").touch()\n"
        "    return as_usual(**keys)\n"
    )
    (lab.root / "nodes").mkdir()
    several = ["strategy.name=data_parallel", "strategy.nodes=2", "trainer._target_=nodes.train"]
    ray = ["launcher=ray", f"launcher.address={cluster}"]
    code, _, err = lab.train("-m", "lr=0.1,0.2", *several, *ray)
    assert code == 2 and "strategy.nodes=2: the Ray cluster has 1; use fewer nodes with more devices" in err
    with second_machine(cluster):
        code, _, err = lab.train("-m", "lr=0.1,0.2", *several, *ray)
    assert code == 0, err
    assert sorted(path.name for path in (lab.root / "nodes").iterdir()) == ["0.1-0", "0.1-1", "0.2-0", "0.2-1"]
    assert len(lab.records) == 2


@contextmanager
def second_machine(address):
    """One more node of a cluster, on this machine."""
    command = [sys.executable, "-m", "ray.scripts.scripts", "start", f"--address={address}", "--block", "--num-cpus=2"]
    node = subprocess.Popen(
        [*command, "--object-store-memory=80000000"],
        env=os.environ | {"RAY_USAGE_STATS_ENABLED": "0", "RAY_AUTH_MODE": "disabled", "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    try:
        assert node.stdout is not None
        assert any(b"Ray runtime started" in line for line in node.stdout)
        yield
    finally:
        node.send_signal(signal.SIGTERM)
        node.communicate(timeout=30)


def stores(lab):
    return lab.root / "runs", lab.root / "by_ray"


@pytest.mark.slow
def test_a_failing_point_on_a_cluster_does_not_stop_the_others(lab, cluster):
    arguments = ["-m", "trainer.does=fail,kill,nothing", "launcher=ray", f"launcher.address={cluster}"]
    code, _, err = lab.train(*arguments)
    assert code == 1, err
    (sweep,) = sweeps(lab.root / "runs")
    assert [point.state for point in sweep.points] == [FAILED, FAILED, DONE]
    log = lab.root / "runs" / ".sweeps" / sweep.id / "0.log"
    assert log.read_text().endswith("ValueError: the slope is too steep\n")
    assert "Traceback" not in err


@pytest.mark.slow
@pytest.mark.parametrize("signal_number", [signal.SIGINT, signal.SIGKILL])
def test_runs_on_the_cluster_end_with_their_sweep(lab, cluster, signal_number):
    sweep = lab.start("-m", "seed=0,1", "trainer.does=sleep", "launcher=ray", f"launcher.address={cluster}")
    deadline = time.monotonic() + 60
    while not (lab.root / "sleeps").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    sweep.send_signal(signal_number)
    _, err = sweep.communicate(timeout=60)
    if signal_number == signal.SIGINT:
        assert "interrupted; the same command goes on" in err and "Traceback" not in err
    deadline = time.monotonic() + 30
    while workers_in(lab.root) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert workers_in(lab.root) == []


def workers_in(root):
    """Processes that compute a run of this project."""
    found = []
    for process in Path("/proc").iterdir():
        try:
            if process.name.isdecimal() and (process / "cwd").readlink() == root:
                found.append((process / "cmdline").read_bytes().replace(b"\0", b" "))
        except OSError:
            continue
    return [line for line in found if b"fork_server" in line or b"twinlib.worker" in line]


@pytest.mark.slow
def test_without_an_address_a_cluster_is_started_for_the_sweep(lab, monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    code, out, err = lab.train("-m", "seed=0,1", "launcher=ray")
    assert code == 0, err
    assert lab.trainings == 2 and "2 done" in out
    assert [line for line in err.splitlines() if not line.startswith("[")] == []


def test_known_points_need_no_cluster(lab):
    lab.train("-m", "seed=0,1")
    code, out, err = lab.train("-m", "seed=0,1", "launcher=ray", "launcher.address=127.0.0.1:1")
    assert code == 0, err
    assert "2 cached" in out


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("127.0.0.1:1", "no Ray cluster answers there"),
        ("ray://127.0.0.1:1", "no Ray cluster answers there"),
        ("no.such.host.invalid:6379", "no Ray cluster answers there"),
        ("127.0.0.1:99999", "no Ray cluster answers there"),
        ("cluster", "write host:port"),
    ],
)
def test_an_address_where_nobody_answers_is_one_line(lab, address, message):
    code, out, err = lab.train("-m", "seed=0,1", "launcher=ray", f"launcher.address='{address}'")
    assert code == 2, (out, err)
    assert re.fullmatch(rf"error: launcher\.address={address}: {message}.*\n", err)


def test_an_address_where_something_else_listens_is_one_line(lab, monkeypatch):
    monkeypatch.setattr(rays, "PATIENCE", 3.0)
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"127.0.0.1:{server.getsockname()[1]}"
        with pytest.raises(UserError, match="no Ray cluster answers there"):
            _ = RayPool(root=lab.root, strategy=CPU, address=address).free


def test_without_ray_it_says_what_to_install(lab, monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(UserError, match=r"install it: pip install 'twinlib\[ray\]'"):
        _ = RayPool(root=lab.root, strategy=CPU).free


def test_what_a_run_takes_is_what_its_strategy_says(lab, monkeypatch):
    class Cluster:
        def cluster_resources(self):
            return {"CPU": 16.0, "GPU": 4.0}

    monkeypatch.setattr(RayPool, "_connected", lambda self: Cluster())
    for accelerator, devices, needs, slots in (
        ("cpu", 1, (1, 0), 16),
        ("cpu", 4, (4, 0), 4),
        ("gpu", 1, (1, 1), 4),
        ("gpu", 2, (2, 2), 2),
        ("auto", 1, (1, 1), 4),
        ("auto", 8, (8, 0), 2),
    ):
        strategy = {"accelerator": accelerator, "devices": devices, "nodes": 1}
        pool = RayPool(root=lab.root, strategy=strategy)
        assert pool._needs(strategy) == needs and pool.slots == slots
    several = {"accelerator": "gpu", "devices": 2, "nodes": 2}
    assert RayPool(root=lab.root, strategy=several).slots == 1
    assert RayPool(root=lab.root, strategy=CPU, workers=3).slots == 3
    with pytest.raises(UserError, match=r"launcher\.workers=0"):
        RayPool(root=lab.root, strategy=CPU, workers=0)
