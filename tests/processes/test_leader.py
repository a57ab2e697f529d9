"""Runs of several processes on one node, as a user starts them; the training waits for all, as a framework does."""

import json
import os
import shutil
import signal
import time
from pathlib import Path

import pytest

TWO = "strategy.devices=2"


def end(process):
    out, err = process.communicate(timeout=60)
    return process.returncode, out, err


def test_one_command_trains_in_several_processes_and_its_record_is_known_afterwards(together):
    code, out, err = end(together.start(TWO))
    assert code == 0 and out.startswith("done "), err
    first, second = together.said().values()
    assert (first["RANK"], second["RANK"]) == ("0", "1") and first["pid"] != second["pid"]
    for name, value in (("WORLD_SIZE", "2"), ("LOCAL_WORLD_SIZE", "2"), ("GROUP_RANK", "0"), ("TF_CONFIG", None)):
        assert first[name] == second[name] == value
    assert (first["LOCAL_RANK"], second["LOCAL_RANK"]) == ("0", "1")
    assert first["MASTER_ADDR"] == second["MASTER_ADDR"] == "127.0.0.1"
    assert first["MASTER_PORT"] == second["MASTER_PORT"] and int(first["MASTER_PORT"]) > 1023
    share = os.environ.get("OMP_NUM_THREADS", str(max(1, len(os.sched_getaffinity(0)) // 2)))
    assert first["OMP_NUM_THREADS"] == second["OMP_NUM_THREADS"] == share
    (record,) = together.lab.records
    assert first["resume"] == second["resume"] == str(together.root / "runs" / ".partial" / fingerprint(record))
    assert list((together.root / "runs").glob(".draft/*")) == []
    # The number of devices is no part of the identity.
    code, out, _ = end(together.start())
    assert (code, out.split()[0]) == (0, "cached")


def fingerprint(record):
    return json.loads((record / "record.json").read_text())["fingerprint"]


def test_keras_trains_in_one_process_for_all_devices_of_a_node(together):
    code, out, err = end(together.start(TWO, "trainer.framework=keras"))
    assert (code, out.split()[0]) == (0, "done"), err
    (only,) = together.said().values()
    assert only["RANK"] is None


@pytest.mark.parametrize(
    ("does", "exit_code", "words"),
    [
        ("die 1", 2, "process 1 of 2 (on {host}) was killed by SIGKILL"),
        ("fail 1", 2, "process 1 of 2 (on {host}) ended with exit code 1; it said:"),
        ("refuse all", 2, "error: lr: too large"),
        ("fail all", 1, "Traceback (most recent call last)"),
    ],
)
def test_one_that_fails_ends_all_of_them_and_is_named(together, ends, does, exit_code, words):
    began = time.monotonic()
    code, _, err = end(together.start(TWO, f"trainer.does={does}"))
    assert (code, time.monotonic() - began < 30) == (exit_code, True), err
    assert words.format(host=os.uname().nodename) in err
    assert err.count("lr: too large") <= 1 and err.count("too steep") <= 2
    assert ("Traceback" in err) == does.startswith("fail")
    ends([own["pid"] for own in together.said().values()])
    assert together.lab.records == []


@pytest.mark.parametrize(
    ("number", "exit_code"), [(signal.SIGINT, 1), (signal.SIGTERM, 128 + signal.SIGTERM), (signal.SIGKILL, -9)]
)
def test_no_process_outlives_the_command(together, ends, number, exit_code):
    process = together.start(TWO, "trainer.does=wait all")
    said = together.wait_for(2)
    process.send_signal(number)
    code, _, err = end(process)
    assert code == exit_code and "Traceback" not in err
    ends([own["pid"] for own in said.values()])


def test_no_follower_outlives_a_worker_that_is_killed(together, ends):
    process = together.start(TWO, "trainer.does=wait all")
    said = together.wait_for(2)
    os.kill(said[0]["pid"], signal.SIGKILL)
    assert end(process)[0] == 1
    ends([said[1]["pid"]])


def test_a_sweep_of_runs_of_several_processes(together):
    conf = Path(__file__).parents[2] / "conf" / "launcher"
    shutil.copytree(conf, together.root / "conf" / "launcher")
    config = together.root / "conf" / "config.yaml"
    groups = "schema, {launcher: local}, _self_, {override hydra/launcher: twin}, {override hydra/sweeper: grid}"
    config.write_text(config.read_text().replace("launcher: {}\n", "").replace("schema, _self_", groups))
    code, _, err = end(together.start("-m", "seed=0,1", TWO, "launcher.workers=1"))
    assert code == 0, err
    assert len(together.lab.records) == 2 and together.said()[1]["LOCAL_WORLD_SIZE"] == "2"
    code, _, err = end(together.start("-m", "seed=0,1", RANK=1, WORLD_SIZE=2))
    assert (code, err.startswith("error: torchrun started 2 processes; start a sweep once")) == (2, True), err
