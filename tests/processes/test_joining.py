"""Runs of several nodes: each node is a command of its own on this machine, as torchrun or Slurm would start it."""

import json
import shutil
import signal
import subprocess
import sys

import pytest

from tests.processes.test_leader import end

TWO = ("strategy.nodes=2", "strategy.accelerator=cpu")


def torchrun(rank, port, size=2):
    return {"RANK": rank, "WORLD_SIZE": size, "LOCAL_RANK": 0, "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}


def slurm(rank, port, size=2):
    # The port follows from the job's number.
    number = {"SLURM_JOB_ID": 0, "SLURM_STEP_ID": port, "SLURM_STEP_NODELIST": "localhost"}
    return number | {"SLURM_PROCID": rank, "SLURM_STEP_NUM_TASKS": size, "SLURM_LOCALID": 0}


@pytest.mark.parametrize(("launcher", "each"), [(torchrun, 1), (slurm, 2)])
def test_two_nodes_train_once_and_a_second_start_is_cached_on_both(together, port, launcher, each):
    arguments = (*TWO, f"strategy.devices={each}")
    processes = [together.start(*arguments, **launcher(rank, port)) for rank in (1, 0)]
    (code, said, err), (first_code, first_said, first_err) = map(end, processes)
    assert (code, first_code, said) == (0, 0, ""), (err, first_err)
    assert first_said.startswith("done ")
    found = together.said()
    assert list(found) == list(range(2 * each))
    for rank, own in found.items():
        assert (own["RANK"], own["WORLD_SIZE"], own["GROUP_RANK"]) == (str(rank), str(2 * each), str(rank // each))
        assert (own["LOCAL_RANK"], own["LOCAL_WORLD_SIZE"]) == (str(rank % each), str(each))
        assert own["TORCHELASTIC_USE_AGENT_STORE"] == "False"
    assert len({(own["MASTER_ADDR"], own["MASTER_PORT"]) for own in found.values()}) == 1
    (record,) = together.lab.records

    before = together.lab.trainings
    processes = [together.start(*arguments, **launcher(rank, port)) for rank in (0, 1)]
    (_, first_said, _), (code, said, err) = map(end, processes)
    assert first_said.startswith(f"cached runs/{record.name}") and (code, said, err) == (0, "", "")
    assert together.lab.trainings == before


def test_keras_finds_the_tasks_of_all_nodes(together, port):
    processes = [together.start(*TWO, "trainer.framework=keras", **torchrun(rank, port)) for rank in (1, 0)]
    ends = [end(process) for process in processes]
    assert [code for code, _, _ in ends] == [0, 0], ends
    described = [json.loads(own["TF_CONFIG"]) for own in together.said().values()]
    assert [told["task"] for told in described] == [{"type": "worker", "index": index} for index in (0, 1)]
    assert described[0]["cluster"] == described[1]["cluster"]
    workers = described[0]["cluster"]["worker"]
    assert len(set(workers)) == 2 and all(worker.startswith("127.0.0.1:") for worker in workers)


def test_other_code_on_a_node_is_named(together, port, tmp_path):
    other = tmp_path / "other"
    shutil.copytree(together.root, other)
    (other / "lab.py").write_text((other / "lab.py").read_text() + "\nCHANGED = 1\n")
    (other / "data" / "x.txt").write_text("1\n2\n4\n")
    first = together.start(*TWO, **torchrun(0, port))
    together.root = other
    second = together.start(*TWO, **torchrun(1, port))
    for code, _, err in list(map(end, (first, second))):
        assert code == 2 and "Traceback" not in err
        assert "error: process 1 on " in err and "would compute another run than process 0" in err
        assert "code: lab has changed" in err and "data.path" in err
    assert together.said() == {} and together.lab.records == []


def test_data_that_a_node_lacks_are_named_on_both(together, port, tmp_path):
    other = tmp_path / "other"
    shutil.copytree(together.root, other)
    shutil.rmtree(other / "data")
    first = together.start(*TWO, **torchrun(0, port))
    together.root = other
    second = together.start(*TWO, **torchrun(1, port))
    for code, _, err in list(map(end, (first, second))):
        assert code == 2 and "data.path: data is missing" in err


@pytest.mark.parametrize("killed", [0, 1])
def test_a_node_that_dies_ends_the_other(together, ends, port, killed):
    processes = [together.start(*TWO, "trainer.does=wait all", **torchrun(rank, port)) for rank in (0, 1)]
    found = together.wait_for(2)
    processes[killed].send_signal(signal.SIGKILL)
    processes[killed].communicate()
    code, _, err = end(processes[1 - killed])
    assert code == 2 and "Traceback" not in err
    if killed == 1:
        assert "error: process 1 of 2" in err and "is gone, or its node is" in err
    else:
        assert "error: process 0 of 2 ended before the run was over" in err
    ends([own["pid"] for own in found.values()])


def test_a_process_of_another_node_that_fails_is_named_on_both(together, port):
    processes = [together.start(*TWO, "trainer.does=die 1", **torchrun(rank, port)) for rank in (0, 1)]
    for code, _, err in list(map(end, processes)):
        assert code == 2 and "error: process 1 of 2 (on " in err and "was killed by SIGKILL" in err


@pytest.mark.slow
def test_torchrun_itself(together, port):
    command = [sys.executable, "-m", "torch.distributed.run", "--nnodes", "2", "--nproc-per-node", "2"]
    command += ["--master-addr", "127.0.0.1", "--master-port", str(port)]
    arguments = ["train.py", *TWO, "strategy.devices=2"]
    processes = [
        subprocess.Popen([*command, "--node-rank", str(rank), *arguments], cwd=together.root) for rank in (0, 1)
    ]
    assert [process.wait(120) for process in processes] == [0, 0]
    assert sorted(together.said()) == [0, 1, 2, 3] and len(together.lab.records) == 1
