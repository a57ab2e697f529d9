"""Runs as Slurm jobs: computed by submitit's local executor, and the batch script that Slurm would get."""

import re
import stat
import sys
import time

import pytest

from twinlib.config.compose import compose
from twinlib.errors import UserError
from twinlib.launcher.pool import Job
from twinlib.launcher.slurm import SlurmPool
from twinlib.sweep.manifest import CACHED, DONE, FAILED, sweeps

pytest.importorskip("submitit")

CPU = {"accelerator": "cpu", "devices": 1}
# Takes the script, gives a number, and knows of no job.
SBATCH = '#!/bin/sh\ncp "$1" {folder}/script.sh\necho Submitted batch job 17\n'
SACCT = "#!/bin/sh\necho 'JobID|State|NodeList'\necho '17|{state}|node1'\n"


@pytest.fixture
def slurm(tmp_path, monkeypatch):
    """Commands like Slurm's, first on the path."""
    folder = tmp_path / "bin"
    folder.mkdir()
    scripts = {"sbatch": SBATCH, "sacct": SACCT.format(state="PENDING"), "srun": "#!/bin/sh\n"}
    scripts["scancel"] = "#!/bin/sh\necho $1 > {folder}/cancelled\n"
    for name, text in scripts.items():
        path = folder / name
        path.write_text(text.replace("{folder}", str(folder)))
        path.chmod(path.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", str(folder), prepend=":")
    return folder


def job(lab, number, *overrides):
    return Job(number, compose(list(overrides), lab.root), lab.root / "sweep", "sweep-a")


def test_a_sweep_of_jobs(lab):
    lab.train("lr=0.1")
    local = ["launcher=slurm", "+launcher.cluster=local", "launcher.workers=2"]
    code, out, err = lab.train("-m", "lr=0.1,0.2", "trainer.does=nothing,fail", *local)
    assert code == 1, err
    (sweep,) = sweeps(lab.root / "runs")
    assert [point.state for point in sweep.points] == [CACHED, FAILED, DONE, FAILED]
    log = (lab.root / "runs" / ".sweeps" / sweep.id / "1.log").read_text()
    assert log.endswith("ValueError: the slope is too steep\n")
    assert "Traceback" not in err
    code, out, _ = lab.train("-m", "lr=0.1,0.2")
    assert "2 cached" in out


def test_the_batch_script_asks_for_what_a_run_needs(lab, slurm):
    pool = SlurmPool(
        root=lab.root,
        strategy=CPU,
        partition="gpu",
        time=90,
        memory="16GB",
        cpus=8,
        options={"account": "physics", "qos": "long"},
    )
    pool.start(job(lab, 0, "strategy.accelerator=gpu", "strategy.devices=1"))
    script = (slurm / "script.sh").read_text()
    options = dict(re.findall(r"^#SBATCH --([\w-]+)=(.*)$", script, re.MULTILINE))
    assert options["partition"] == "gpu" and options["time"] == "90" and options["mem"] == "16GB"
    assert options["cpus-per-task"] == "8" and options["gpus-per-node"] == "1"
    assert options["account"] == "physics" and options["qos"] == "long"
    assert options["job-name"] == "sweep-a" and options["nodes"] == "1"
    assert options["output"].startswith(str(lab.root / "sweep" / "slurm"))
    assert re.search(r"^srun .* -u -m submitit.core._submit ", script, re.MULTILINE)
    pool.stop()
    assert (slurm / "cancelled").read_text() == "17\n"


def test_a_run_on_several_nodes_is_one_job_with_a_task_on_each(lab, slurm):
    several = ("strategy.name=data_parallel", "strategy.accelerator=gpu", "strategy.devices=4", "strategy.nodes=2")
    pool = SlurmPool(root=lab.root, strategy=CPU)
    pool.start(job(lab, 0, *several))
    options = dict(re.findall(r"^#SBATCH --([\w-]+)=(.*)$", (slurm / "script.sh").read_text(), re.MULTILINE))
    assert (options["nodes"], options["ntasks-per-node"], options["gpus-per-node"]) == ("2", "1", "4")
    pool.stop()
    with pytest.raises(UserError, match=r"strategy\.nodes=2: launcher\.cluster=local has one node"):
        SlurmPool(root=lab.root, strategy=CPU, cluster="local").start(job(lab, 0, *several))


def test_a_run_without_gpus_asks_for_none(lab, slurm):
    SlurmPool(root=lab.root, strategy=CPU).start(job(lab, 0))
    options = re.findall(r"^#SBATCH --([\w-]+)", (slurm / "script.sh").read_text(), re.MULTILINE)
    assert not {"gpus-per-node", "partition", "mem"} & set(options) and "cpus-per-task" in options


def test_a_job_that_slurm_gave_up_is_lost(lab, slurm, monkeypatch):
    pool = SlurmPool(root=lab.root, strategy=CPU)
    pool.start(job(lab, 0))
    assert pool.free == 99 and pool.ended(0.1) == []
    (slurm / "sacct").write_text(SACCT.format(state="NODE_FAIL"))
    ((_, submitted, _),) = pool._running
    monkeypatch.setattr(type(submitted), "_results_timeout_s", 0)
    submitted.watcher.update()
    (ended,) = pool.ended(10)
    assert ended.exit_code == 1 and ended.result is None and pool.free == 100
    assert "NODE_FAIL" in ended.job.log.read_text()


def test_stop_ends_local_jobs(lab):
    pool = SlurmPool(root=lab.root, strategy=CPU, cluster="local")
    pool.start(job(lab, 0, "trainer.does=sleep"))
    deadline = time.monotonic() + 30
    while not (lab.root / "sleeps").exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    ((_, submitted, _),) = pool._running
    pool.stop()
    assert submitted._process.wait(timeout=30) is not None
    assert lab.records == [] and not (lab.root / "sweep" / "0.job.json").exists()


def test_without_slurm_it_is_one_line(lab, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    code, _, err = lab.train("-m", "seed=0,1", "launcher=slurm")
    assert code == 2
    assert err == "error: launcher=slurm: there is no Slurm here (no sbatch); start the sweep on a login node\n"
    assert list((lab.root / "runs").glob(".sweeps/*")) == []


def test_a_job_that_slurm_refuses_is_one_line(lab, slurm):
    (slurm / "sbatch").write_text("#!/bin/sh\necho 'sbatch: error: invalid partition specified: fast' >&2\nexit 1\n")
    with pytest.raises(UserError, match=r"Slurm takes no job: .*invalid partition"):
        SlurmPool(root=lab.root, strategy=CPU, partition="fast").start(job(lab, 0))


def test_without_submitit_it_says_what_to_install(lab, monkeypatch):
    monkeypatch.setitem(sys.modules, "submitit", None)
    with pytest.raises(UserError, match=r"install it: pip install 'twinlib\[slurm\]'"):
        SlurmPool(root=lab.root, strategy=CPU).start(job(lab, 0))


def test_no_workers_are_a_mistake(lab):
    with pytest.raises(UserError, match=r"launcher\.workers=0"):
        SlurmPool(root=lab.root, strategy=CPU, workers=0)
