import os
import threading
import time

import pytest

from twinlib.config.compose import compose
from twinlib.launcher import remote
from twinlib.launcher.pool import Job


@pytest.fixture(autouse=True)
def _stopped():
    yield
    while remote._pools:
        remote._pools.popitem()[1].stop()


def job(lab, number, **overrides):
    config = compose([f"{key}={value}" for key, value in overrides.items()], lab.root)
    return Job(number, config, lab.root / "sweep", "sweep")


def test_a_job_is_computed_with_its_record_in_the_store(lab):
    first = remote.compute(job(lab, 0, lr=0.1), lab.root, cpus=1)
    assert first.exit_code == 0 and lab.records[0].name in first.result["folder"]
    failed = remote.compute(job(lab, 1, **{"trainer.does": "fail"}), lab.root, cpus=1)
    assert failed.exit_code == 1 and failed.result is None
    assert failed.job.log.read_text().endswith("ValueError: the slope is too steep\n")
    assert len(remote._pools) == 1


def test_other_gpus_need_another_pool(lab, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    remote.compute(job(lab, 0, lr=0.1), lab.root, cpus=1)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1")
    remote.compute(job(lab, 1, lr=0.2), lab.root, cpus=1)
    assert [key[4] for key in remote._pools] == ["1"]


def test_a_cancelled_job_ends(lab):
    def interrupt():
        while not (lab.root / "sleeps").exists():
            time.sleep(0.02)
        os.kill(os.getpid(), 2)

    thread = threading.Thread(target=interrupt)
    thread.start()
    with pytest.raises(KeyboardInterrupt):
        remote.compute(job(lab, 0, **{"trainer.does": "sleep"}), lab.root, cpus=1)
    thread.join()
    assert lab.records == []


def test_a_lost_job_says_why_in_its_log(lab):
    ended = remote.lost(job(lab, 3), 1.5, "the machine is gone")
    assert (ended.exit_code, ended.result, ended.seconds) == (1, None, 1.5)
    assert ended.job.log.read_text() == "lost: the machine is gone\n"
