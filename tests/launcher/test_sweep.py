"""Sweeps from the command line to their end, with real workers."""

import re
import signal
import subprocess
import sys
import time

import pytest

from twinlib.sweep.manifest import CACHED, DONE, FAILED, RUNNING, WAITING, sweeps


def wait_for(path):
    deadline = time.monotonic() + 60
    while not path.exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    assert path.exists()


def states(sweep):
    return [point.state for point in sweep.points]


def test_a_sweep_computes_what_is_new(lab):
    code, out, err = lab.train("-m", "lr=0.1,0.2", "launcher.workers=2")
    assert code == 0, err
    assert lab.trainings == 2 and len(lab.records) == 2
    assert re.search(r"^0  lr=0\.1  done +\d", out, re.MULTILINE)
    code, out, err = lab.train("-m", "lr=0.1,0.3,0.2,0.1")
    assert code == 0 and lab.trainings == 3
    code, out, err = lab.train("-m", "lr=0.1,0.2,0.3")
    assert code == 0 and lab.trainings == 3 and err == ""
    assert re.search(r"^sweep-[0-9-]+-[0-9a-f]{4}: 3 points: 3 cached; best val_loss ", out, re.MULTILINE)
    first, second, third = sweeps(lab.root / "runs")
    assert states(first) == [DONE, DONE]
    assert states(second) == [CACHED, DONE, CACHED, CACHED]
    assert states(third) == [CACHED] * 3
    assert {point.record for point in third.points} == {record.name for record in lab.records}
    assert third.command == ("train.py", "-m", "lr=0.1,0.2,0.3")
    log = (lab.root / "runs" / ".sweeps" / first.id / "0.log").read_text().splitlines()
    assert [line.split("  ")[0] for line in log] == ["epoch 1/3", "epoch 2/3", "epoch 3/3"]
    # Nothing was started for points that are known.
    assert not (lab.root / "runs" / ".sweeps" / third.id / "workers.log").exists()


def test_a_single_run_finds_what_a_sweep_computed(lab):
    lab.train("-m", "lr=0.1,0.2")
    code, out, _ = lab.train("lr=0.2")
    assert code == 0 and out.startswith("cached") and lab.trainings == 2


def test_a_cached_sweep_imports_no_framework_and_no_rich(lab):
    lab.train("-m", "seed=0,1")
    heavy = ["torch", "lightning", "tensorflow", "keras", "wandb", "numpy", "pyarrow", "rich", "ray", "submitit"]
    script = f"""
import atexit, runpy, sys
atexit.register(lambda: print("loaded:", *sorted(set({heavy!r}) & set(sys.modules))))
sys.argv = ["train.py", "-m", "seed=0,1"]
runpy.run_path("train.py", run_name="__main__")
"""
    result = subprocess.run([sys.executable, "-c", script], cwd=lab.root, capture_output=True, text=True, timeout=60)
    assert "2 cached" in result.stdout, result.stderr
    assert result.stdout.endswith("loaded:\n")


def test_a_failing_point_does_not_stop_the_others(lab):
    code, out, err = lab.train("-m", "seed=0,1,2", "trainer.does=fail some", "launcher.workers=1")
    assert code == 1
    (sweep,) = sweeps(lab.root / "runs")
    assert states(sweep) == [DONE, FAILED, DONE]
    row = re.search(
        r"^1  seed=1 .*failed .*  (runs/\S+\.log): exit code 1: ValueError: the slope is.*", out, re.MULTILINE
    )
    assert row, out
    log = (lab.root / row[1]).read_text()
    assert "Traceback" in log and 'raise ValueError("the slope is too steep")' in log
    assert "Traceback" not in err
    code, out, _ = lab.train("-m", "seed=0,1,2", "trainer.does=fail some", "launcher.workers=1")
    assert code == 1 and states(sweeps(lab.root / "runs")[1]) == [CACHED, FAILED, CACHED]


def test_a_worker_that_is_killed_is_a_failed_point(lab):
    code, out, _ = lab.train("-m", "trainer.does=kill,nothing")
    assert code == 1
    assert states(sweeps(lab.root / "runs")[0]) == [FAILED, DONE]
    assert "exit code -9" in out


def test_a_mistake_that_only_training_finds_is_its_line_in_the_table(lab):
    code, out, _ = lab.train("-m", "trainer.does=mistake,nothing")
    assert code == 1
    assert "exit code 2: error: lr: too large" in out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["data.path=a,b"], "error: data.path: a is missing; no stage of dvc.yaml makes it"),
        (["lr=0.1,0.2", "data.path=nowhere"], "error: data.path: nowhere is missing; no stage of dvc.yaml makes it"),
        (["lr=0.1,0.2", "+model.speed=1"], "error: model.speed: lab.slope takes no such key"),
        (["lr=0.1,0.2", "+speed=1"], "error: speed: no such key"),
        (["seed=0,1", "launcher.workers=0"], "error: launcher.workers=0: must be at least 1"),
        (["seed=0,1", "launcher.workers=many"], "error: launcher.workers=many: has to be a whole number or null"),
        (
            ["seed=0,1", "strategy.name=data_parallel", "strategy.nodes=2"],
            "error: strategy.nodes=2: launcher=local has one; start the sweep with launcher=slurm",
        ),
        (["seed=0,1", "+launcher.speed=1"], "error: launcher.speed: twinlib.launcher.local.LocalPool takes no such"),
        (["seed=0,1", "launcher=cloud"], "error: launcher=cloud: no such launcher"),
    ],
)
def test_mistakes_are_one_line(lab, arguments, message):
    code, out, err = lab.train("-m", *arguments)
    assert code == 2, (out, err)
    assert err.startswith(message) and err.count("\n") == 1 and out == ""
    assert lab.trainings == 0
    assert list((lab.root / "runs").glob(".sweeps/*")) == []  # `twin compare last` is of the sweep before


def test_what_several_nodes_have_computed_is_known_to_a_sweep_here(lab):
    assert lab.train("strategy.name=data_parallel")[0] == 0
    code, out, err = lab.train("-m", "seed=0", "strategy.name=data_parallel", "strategy.nodes=2")
    assert code == 0 and "1 cached" in out, err


def test_ctrl_c_stops_the_workers_and_the_same_command_goes_on(lab):
    lab.train("lr=0.1")
    sweep = lab.start("-m", "lr=0.1,0.2,0.3", "launcher.workers=1", "trainer.does=sleep,nothing")
    wait_for(lab.root / "sleeps")
    began = time.monotonic()
    sweep.send_signal(signal.SIGINT)
    _, err = sweep.communicate(timeout=60)
    assert sweep.returncode not in (0, 2)
    assert "Traceback" not in err
    assert "interrupted; the same command goes on where this one stopped" in err
    assert time.monotonic() - began < 30
    (stopped,) = sweeps(lab.root / "runs")
    assert stopped.ended is not None
    assert set(states(stopped)) <= {CACHED, DONE, RUNNING, WAITING}
    assert list((lab.root / "runs" / ".sweeps" / stopped.id).glob("*.json")) == [
        lab.root / "runs" / ".sweeps" / stopped.id / "manifest.json"
    ]
    # No worker is left, and no lock is in the way.
    done = lab.trainings
    code, _, err = lab.train("-m", "lr=0.1,0.2,0.3", "launcher.workers=1")
    assert code == 0, err
    assert states(sweeps(lab.root / "runs")[1]).count(DONE) == lab.trainings - done


def test_a_sweep_that_was_killed_goes_on_where_it_stopped(lab):
    sweep = lab.start("-m", "trainer.does=nothing,sleep", "launcher.workers=2")
    wait_for(lab.root / "sleeps")
    deadline = time.monotonic() + 60
    while not lab.records and time.monotonic() < deadline:
        time.sleep(0.02)
    sweep.kill()
    sweep.communicate()
    (killed,) = sweeps(lab.root / "runs")
    assert killed.ended is None
    assert lab.train("-m", "trainer.does=nothing,fail")[0] == 1
    assert states(sweeps(lab.root / "runs")[1]) == [CACHED, FAILED]


def test_code_that_is_edited_during_a_sweep_leads_to_no_wrong_record(lab):
    sweep = lab.start("-m", "seed=0,1", "trainer.does=wait", "launcher.workers=1")
    wait_for(lab.root / "trainings.log")
    text = (lab.root / "lab.py").read_text()
    (lab.root / "lab.py").write_text(text.replace("slope, history = 0.0", "slope, history = 1.0"))
    (lab.root / "go").touch()
    sweep.communicate(timeout=60)
    assert sweep.returncode == 1
    (edited,) = sweeps(lab.root / "runs")
    assert states(edited) == [FAILED, DONE]  # the first began with other code than it ended with
    assert "changed while the run was computed" in edited.points[0].error
    code, out, _ = lab.train("seed=1", "trainer.does=wait")
    assert code == 0 and out.startswith("cached")
    assert lab.records[0].name == edited.points[1].record
    (lab.root / "lab.py").write_text(text)
    assert lab.train("seed=1", "trainer.does=wait")[1].startswith("done")


def test_sweepers_of_hydra_work_with_it(lab):
    arguments = ["-m", "lr=0.1,0.2,0.3", "hydra/sweeper=basic", "hydra.sweeper.max_batch_size=2"]
    code, _, err = lab.train(*arguments)
    assert code == 0, err
    assert lab.trainings == 3
    (sweep,) = sweeps(lab.root / "runs")
    assert states(sweep) == [DONE] * 3
    assert [point.overrides for point in sweep.points] == [("lr=0.1",), ("lr=0.2",), ("lr=0.3",)]
    assert lab.train("-m", "trainer.does=nothing,fail", "hydra/sweeper=basic")[0] == 1
    assert states(sweeps(lab.root / "runs")[1]) == [CACHED, FAILED]


def test_the_grid_works_with_launchers_of_hydra(lab):
    code, _, err = lab.train("-m", "lr=0.1,0.2", "hydra/launcher=basic")
    assert code == 0, err
    assert lab.trainings == 2


def test_plugins_cost_a_start_nothing(lab):
    script = (
        "import sys; before = set(sys.modules); import hydra_plugins.twin_launcher.launcher; "
        "print(*sorted({m.split('.')[0] for m in set(sys.modules) - before}))"
    )
    prelude = "import hydra.core.utils, hydra.plugins.launcher; "
    result = subprocess.run([sys.executable, "-c", prelude + script], capture_output=True, text=True, timeout=60)
    assert result.stdout.split() == ["hydra_plugins"], result.stderr
