import pytest

from twinlib.errors import UserError
from twinlib.processes.place import Place, place, team

TORCHRUN = {
    "RANK": "3",
    "WORLD_SIZE": "4",
    "LOCAL_RANK": "1",
    "LOCAL_WORLD_SIZE": "2",
    "MASTER_ADDR": "node-a",
    "MASTER_PORT": "29500",
}
SLURM = {
    "SLURM_JOB_ID": "17",
    "SLURM_STEP_ID": "0",
    "SLURM_PROCID": "1",
    "SLURM_LOCALID": "0",
    "SLURM_STEP_NUM_TASKS": "2",
}


def config(nodes=1, devices=1, framework="torch", address=None, name="data_parallel"):
    strategy = {"name": name, "nodes": nodes, "devices": devices, "address": address}
    return {"strategy": strategy, "trainer": {"framework": framework}}


def test_nobody_says_anything():
    assert place({}) == Place()
    # A batch script is no step: what Slurm says there is of the whole job.
    assert place({"SLURM_PROCID": "0", "SLURM_NTASKS": "8", "SLURM_JOB_ID": "17"}) == Place()


def test_torchrun():
    assert place(TORCHRUN) == Place(3, 4, 1, ("node-a", 29501), "torchrun")
    with pytest.raises(UserError, match="cannot be read: invalid literal"):
        place(TORCHRUN | {"RANK": "first"})


@pytest.mark.parametrize(
    ("nodes", "first"),
    [
        ("node-[03-05,9],login", "node-03"),
        ("gpu7", "gpu7"),
        ("a1,a2", "a1"),
        ("n[1,3]-ib", "n1-ib"),
        ("rack2-[08]", "rack2-08"),
    ],
)
def test_slurm(nodes, first):
    found = place(SLURM | {"SLURM_STEP_NODELIST": nodes})
    assert found == Place(1, 2, 0, (first, 20000 + 17 * 31), "Slurm")
    other = place(SLURM | {"SLURM_STEP_NODELIST": nodes, "SLURM_JOB_ID": "18"})
    assert other.address != found.address


def test_ranks_with_one_process_on_each_node():
    found = team(config(nodes=3, devices=4), Place(2, 3, 0, ("a", 1), "Slurm"))
    assert (found.size, found.ranks, found.locals) == (12, [8, 9, 10, 11], [0, 1, 2, 3])


def test_ranks_with_one_process_for_each_device():
    found = team(config(nodes=2, devices=2), place(TORCHRUN))
    assert (found.size, found.ranks, found.locals) == (4, [3], [1])
    found = team(config(nodes=1, devices=2), Place(1, 2, 1, ("a", 1), "torchrun"))
    assert (found.size, found.ranks, found.locals) == (2, [1], [1])


def test_ranks_of_one_node_alone():
    found = team(config(devices=2), Place())
    assert (found.size, found.ranks, found.locals, found.place.size) == (2, [0, 1], [0, 1], 1)
    found = team(config(devices=2, framework="keras"), Place())
    assert (found.size, found.ranks) == (1, [0])
    found = team(config(devices=2, nodes=2, framework="keras"), Place(1, 2, 0, ("a", 1), "Slurm"))
    assert (found.size, found.ranks, found.locals) == (2, [1], [0])


def test_an_address_in_the_config_is_where_they_meet():
    found = team(config(nodes=2, address="b:7"), Place(1, 2, 0, ("a", 1), "Slurm"))
    assert found.place.address == ("b", 7)


def test_tasks_of_a_slurm_step_may_be_runs_of_their_own():
    assert team(config(name="single"), Place(1, 2, 0, ("a", 1), "Slurm")).place == Place()


@pytest.mark.parametrize(
    ("described", "where", "message"),
    [
        (config(nodes=2), Place(), "strategy.nodes=2: start one process on each node, with `srun python train.py"),
        (
            config(name="single"),
            Place(1, 2, 1, ("a", 1), "torchrun"),
            "torchrun started 2 processes, and strategy=sing",
        ),
        (config(nodes=2, devices=2), Place(1, 3, 1, ("a", 1), "Slurm"), "Slurm started 3 processes; .* needs 2 or 4"),
        (config(nodes=2, devices=2, framework="keras"), Place(1, 4, 1, ("a", 1), "torchrun"), "needs 2$"),
    ],
)
def test_other_processes_than_a_run_needs(described, where, message):
    with pytest.raises(UserError, match=message):
        team(described, where)
