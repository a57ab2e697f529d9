"""Runs in fresh processes, with a worker that takes no time in place of the real one."""

import os
import shutil
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from twinlib.errors import UserError
from twinlib.launcher import local
from twinlib.launcher.local import LocalPool, require_workers
from twinlib.launcher.pool import Job

CPU = {"accelerator": "cpu", "devices": 1, "nodes": 1}
WORKER = """
import json, os, subprocess, sys, time
from pathlib import Path

loaded = sorted(sys.modules)
job = json.loads(Path(sys.argv[1]).read_text())
config = job["config"]
answer = {"pid": os.getpid(), "loaded": loaded, "name": __name__, "spec": __spec__.name}
answer["environment"] = dict(os.environ)
exec(config["code"])
Path(job["result"]).write_text(json.dumps(answer))
"""


@pytest.fixture
def root(tmp_path):
    (tmp_path / "toy_worker.py").write_text(WORKER)
    return tmp_path


@pytest.fixture
def make(root):
    """Pools that are stopped when the test is over."""
    pools = []

    def make(**options):
        pool = LocalPool(root=root, **{"strategy": CPU, "module": "toy_worker", **options})
        pools.append(pool)
        return pool

    yield make
    for pool in pools:
        pool.stop()


def job(root, number, code="", accelerator="cpu", devices=1, framework="torch"):
    strategy = {"accelerator": accelerator, "devices": devices, "nodes": 1}
    config = {"code": textwrap.dedent(code), "strategy": strategy, "trainer": {"framework": framework}}
    return Job(number, config, root / "sweep", None)


def wait(pool, count=1):
    ended = []
    deadline = time.monotonic() + 30
    while len(ended) < count and time.monotonic() < deadline:
        ended += pool.ended(1)
    assert len(ended) == count
    return ended


def wait_for(path):
    deadline = time.monotonic() + 30
    while not path.exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert path.exists()


def is_alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def wait_for_end_of(pid):
    deadline = time.monotonic() + 30
    while is_alive(pid) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not is_alive(pid)


def test_runs_get_fresh_processes_pinned_before_anything_is_imported(root, make):
    pool = make(workers=2)
    assert pool.slots == pool.free == 2
    for number in range(2):
        pool.start(job(root, number, "print('hello from', config['trainer'])"))
    assert pool.free == 0
    ended = sorted(wait(pool, 2), key=lambda ended: ended.job.number)
    assert pool.free == 2
    first, second = (end.result for end in ended)
    assert first["pid"] != second["pid"]
    for end in ended:
        assert end.exit_code == 0
        assert end.result["name"] == "__main__" and end.result["spec"] == "toy_worker"
        tops = {name.split(".")[0] for name in end.result["loaded"]}
        assert not tops & {"torch", "lightning", "tensorflow", "keras", "jax", "wandb", "optuna", "ray"}
        assert end.result["environment"]["CUDA_VISIBLE_DEVICES"] == ""
        assert end.result["environment"]["OMP_NUM_THREADS"] == os.environ.get(
            "OMP_NUM_THREADS", str(max(1, len(os.sched_getaffinity(0)) // 2))
        )
        assert end.job.log.read_text() == "hello from {'framework': 'torch'}\n"
    assert {path.name for path in (root / "sweep").iterdir()} == {"0.log", "1.log", "workers.log"}


def test_nothing_is_left_of_an_earlier_run(root, make):
    pool = make(workers=1)
    pool.start(job(root, 0, "import tqdm; tqdm.left = 1; os.environ['LEFT'] = '1'; os.chdir('/')"))
    wait(pool)
    pool.start(job(root, 1, "import tqdm; assert not hasattr(tqdm, 'left') and 'LEFT' not in os.environ"))
    assert wait(pool)[0].exit_code == 0
    numbers = []
    for number in (2, 3):
        pool.start(job(root, number, "import numpy; answer['drawn'] = numpy.random.rand()"))
        numbers.append(wait(pool)[0].result["drawn"])
    assert numbers[0] != numbers[1]


def test_each_worker_sees_its_gpus(root, make, monkeypatch):
    monkeypatch.setattr(local, "gpus", lambda: ["0", "1", "2", "3"])
    pool = make(strategy={"accelerator": "auto", "devices": 2})
    assert pool.slots == 2
    pool.start(job(root, 0, accelerator="auto"))
    pool.start(job(root, 1, accelerator="gpu"))
    seen = {end.job.number: end.result["environment"]["CUDA_VISIBLE_DEVICES"] for end in wait(pool, 2)}
    assert seen == {0: "0,1", 1: "2,3"}
    pool.start(job(root, 2, accelerator="cpu"))
    assert wait(pool)[0].result["environment"]["CUDA_VISIBLE_DEVICES"] == ""


def test_processes_of_a_run_share_its_threads(root, make, monkeypatch):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    pool = make(workers=1, threads=8, environment={"RANK": "1"})
    for number, (devices, framework, threads) in enumerate([(1, "torch", 8), (4, "torch", 2), (4, "keras", 8)]):
        pool.start(job(root, number, devices=devices, framework=framework))
        found = wait(pool)[0].result["environment"]
        assert (found["OMP_NUM_THREADS"], found["RANK"]) == (str(threads), "1")


def test_as_many_at_once_as_there_are_devices(make, monkeypatch):
    monkeypatch.setattr(local, "gpus", lambda: ["0", "1"])
    monkeypatch.setattr(local, "cores", lambda: 8)
    assert make(strategy={"accelerator": "auto", "devices": 1}).slots == 2
    assert make(strategy={"accelerator": "cpu", "devices": 1}).slots == 8
    assert make(strategy={"accelerator": "cpu", "devices": 2}).slots == 4
    assert make(strategy={"accelerator": "auto", "devices": 4}).slots == 1
    assert make(strategy={"accelerator": "auto", "devices": 1}, workers=3).slots == 3


def test_a_failed_run_leaves_its_traceback(root, make):
    pool = make(workers=1)
    pool.start(job(root, 0, "raise ValueError('too steep')"))
    (ended,) = wait(pool)
    assert (ended.exit_code, ended.result) == (1, None)
    assert ended.job.log.read_text().endswith("ValueError: too steep\n")
    pool.start(job(root, 1, "sys.exit(2)"))
    assert wait(pool)[0].exit_code == 2
    pool.start(job(root, 2, "os.kill(os.getpid(), 9)"))
    assert wait(pool)[0].exit_code == -9
    pool.start(job(root, 3, "sys.exit('words')"))
    assert wait(pool)[0].exit_code == 1
    assert (root / "sweep" / "3.log").read_text() == "words\n"
    pool.start(job(root, 4))
    assert wait(pool)[0].exit_code == 0


def test_what_runs_at_exit_does_run(root, make):
    pool = make(workers=1)
    pool.start(job(root, 0, "import atexit; atexit.register(Path('at_exit').touch)"))
    wait(pool)
    assert (root / "at_exit").exists()


def test_a_slot_is_free_when_the_training_is_over(root, make):
    pool = make(workers=1)
    end = """
        from twinlib.launcher.pool import tell_trained
        tell_trained()
        while not Path('go').exists(): time.sleep(0.01)
        """
    pool.start(job(root, 0, end))
    while not pool.free:
        assert pool.ended(1) == []
    pool.start(job(root, 1, end))
    deadline = time.monotonic() + 30
    while pool.ended(0.1) == [] and time.monotonic() < deadline and not pool._running[1].is_trained:
        pass
    assert pool.free == 0  # two ends at once are enough
    (root / "go").touch()
    assert {end.exit_code for end in wait(pool, 2)} == {0}
    assert pool.free == 1


def test_a_gpu_is_free_when_its_process_has_ended(root, make, monkeypatch):
    monkeypatch.setattr(local, "gpus", lambda: ["0"])
    pool = make(strategy={"accelerator": "gpu", "devices": 1})
    code = "from twinlib.launcher.pool import tell_trained; tell_trained(); time.sleep(0.3)"
    pool.start(job(root, 0, code, accelerator="gpu"))
    while not (ended := pool.ended(1)):
        assert pool.free == 0
    assert ended[0].exit_code == 0 and pool.free == 1


def test_stop_interrupts_the_workers_and_ends_what_they_started(root, make):
    pool = make(workers=2)
    code = """
        child = subprocess.Popen(['sleep', '60'])
        Path('child').write_text(str(child.pid))
        Path('runs').touch()
        try:
            time.sleep(60)
        except KeyboardInterrupt:
            Path('interrupted').touch()
            raise
        """
    pool.start(job(root, 0, code))
    wait_for(root / "runs")
    pool.stop()
    assert (root / "interrupted").exists()
    wait_for_end_of(int((root / "child").read_text()))
    assert {path.name for path in (root / "sweep").iterdir()} == {"0.log", "workers.log"}
    assert pool.free == 2
    pool.start(job(root, 1))  # it can go on
    assert wait(pool)[0].exit_code == 0


def test_stop_kills_what_does_not_listen(root, make):
    pool = make(workers=1, grace=0.3)
    code = """
        import signal
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        Path('pid').write_text(str(os.getpid()))
        Path('runs').touch()
        time.sleep(60)
        """
    pool.start(job(root, 0, code))
    wait_for(root / "runs")
    pool.stop()
    wait_for_end_of(int((root / "pid").read_text()))


def test_workers_end_with_a_sweep_that_is_killed(root):
    script = f"""
from pathlib import Path
from twinlib.launcher.local import LocalPool
from twinlib.launcher.pool import Job
root = Path({str(root)!r})
code = "Path('pid').write_text(str(os.getpid())); Path('runs').touch(); time.sleep(60)"
pool = LocalPool(root=root, strategy={CPU!r}, module="toy_worker")
pool.start(Job(0, {{"code": code, "strategy": {CPU!r}, "trainer": {{}}}}, root / "sweep", None))
pool.ended(60)
"""
    sweep = subprocess.Popen([sys.executable, "-c", script], cwd=root)
    wait_for(root / "runs")
    sweep.kill()
    sweep.wait()
    wait_for_end_of(int((root / "pid").read_text()))


def test_runs_are_lost_when_the_server_dies_and_others_go_on(root, make):
    pool = make(workers=2)
    pids = "Path('pids').write_text(f'{os.getppid()} {os.getpid()}'); Path('runs').touch(); time.sleep(60)"
    pool.start(job(root, 0, pids))
    wait_for(root / "runs")
    server, worker = map(int, (root / "pids").read_text().split())
    os.kill(server, signal.SIGKILL)
    (ended,) = wait(pool)
    wait_for_end_of(worker)
    assert ended.exit_code != 0 and ended.result is None
    assert "lost" in ended.job.log.read_text()
    pool.start(job(root, 1))
    assert wait(pool)[0].exit_code == 0


def test_a_package_that_was_installed_anew_is_imported_anew(root, make):
    (root / "tqdm.py").write_text("version = 1\n")  # the project folder comes first
    time.sleep(2.1)  # what is younger is never trusted
    pool = make(workers=1)
    code = "import tqdm; answer['version'], answer['argv'] = tqdm.version, sys.orig_argv"
    pool.start(job(root, 0, "while not Path('sweep/0.log').exists(): pass\ntime.sleep(1.5)"))  # time to import
    wait(pool)
    pool.start(job(root, 1, code))
    ended = wait(pool)[0].result
    assert ended["version"] == 1 and any("fork_server" in word for word in ended["argv"])
    (root / "tqdm.py").write_text("version = 2\n")
    pool.start(job(root, 2, code))
    ended = wait(pool)[0].result
    assert ended["version"] == 2 and not any("fork_server" in word for word in ended["argv"])
    assert ended["name"] == "__main__" and ended["environment"]["CUDA_VISIBLE_DEVICES"] == ""


def test_twinlib_that_was_edited_is_imported_anew(root, make):
    shutil.copytree(Path(local.__file__).parents[1], root / "twinlib")  # the project folder comes first
    time.sleep(2.1)  # what is younger is never trusted
    pool = make(workers=1)
    code = """
        import twinlib.errors
        answer["file"], answer["edited"] = twinlib.errors.__file__, hasattr(twinlib.errors, "EDITED")
        answer["forked"] = any("fork_server" in word for word in sys.orig_argv)
        """
    answers = []
    for number, edit in enumerate((None, "EDITED = 1\n", None)):
        if edit is not None:
            with (root / "twinlib" / "errors.py").open("a") as file:
                file.write(edit)
        pool.start(job(root, number, code))
        answers.append(wait(pool)[0].result)
    assert answers[0]["file"] == str(root / "twinlib" / "errors.py")
    assert [answer["edited"] for answer in answers] == [False, True, True]
    assert [answer["forked"] for answer in answers] == [True, False, False]


@pytest.mark.parametrize("workers", [0, -1, 1.5, "many", True])
def test_a_number_of_workers_that_is_none(workers):
    with pytest.raises(UserError, match=r"launcher\.workers=.*: must be at least 1"):
        require_workers(workers)


def test_workers_can_be_interrupted_where_interrupts_are_blocked_or_ignored(root, make):
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
    handler = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        pool = make(workers=1)
        pool.start(job(root, 0, "Path('runs').touch(); time.sleep(60)"))
        wait_for(root / "runs")
        pool.stop()
    finally:
        signal.signal(signal.SIGINT, handler)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGINT])
    assert (root / "sweep" / "0.log").read_text().endswith("KeyboardInterrupt\n")
