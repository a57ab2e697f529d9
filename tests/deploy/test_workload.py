import re

import pytest

from twinlib.cli import twin
from twinlib.deploy.workload import Needs, gather, run_overrides, task_name
from twinlib.errors import UserError
from twinlib.lookup import described

CONFIG = {"store": {"remote": "s3://bucket/runs"}}


def test_each_point_has_the_fingerprint_that_its_run_will_have(lab, remote):
    found = gather(["lr=0.1,0.2", "seed=0,1", remote], lab.root, sweep=True)
    (only,) = found.workloads
    assert [task.overrides[:2] for task in only.tasks] == [
        (f"lr={lr}", f"seed={seed}") for lr in ("0.1", "0.2") for seed in "01"
    ]
    for task in only.tasks:
        assert described(list(task.overrides), lab.root).identity.fingerprint == task.fingerprint
    assert found.cached == 0 and found.notes == ()


def test_runs_that_a_store_has_are_left_out_and_no_other(lab, remote, tmp_path):
    assert lab.train("seed=1", remote)[0] == 0
    found = gather(["seed=0,1,2", remote, f"store.path={tmp_path / 'empty'}"], lab.root, sweep=True)
    assert found.cached == 1
    assert [task.overrides[0] for work in found.workloads for task in work.tasks] == ["seed=0", "seed=2"]
    (record,) = (tmp_path / "shared").glob("*/record.json")
    record.unlink()  # as of a push that was cut off
    assert gather(["seed=1", remote, f"store.path={tmp_path / 'other'}"], lab.root, sweep=False).cached == 0


def test_points_that_are_one_run_are_deployed_once(lab, remote):
    (only,) = gather(["lr=0.1,1e-1,0.10", remote], lab.root, sweep=True).workloads
    assert len(only.tasks) == 1


def test_points_that_need_other_machines_are_other_workloads(lab, remote):
    gpu = ["strategy.name=data_parallel", "strategy.accelerator=gpu"]
    works = gather([*gpu, "strategy.devices=1,4", "seed=0,1", remote], lab.root, sweep=True).workloads
    # The number of devices is no part of the identity, but of what is asked for.
    assert [(work.needs, len(work.tasks)) for work in works] == [(Needs(1, 1, True), 2), (Needs(1, 4, True), 2)]


def test_a_store_that_does_not_answer_is_said_once_and_nothing_is_left_out(lab, monkeypatch):
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    pytest.importorskip("sshfs", reason="SFTP needs: pip install 'twinlib[sftp]'")
    found = gather(["seed=0,1", "store.remote=sftp://127.0.0.1:1/runs"], lab.root, sweep=True)
    assert len(found.workloads[0].tasks) == 2
    (note,) = found.notes
    assert note.startswith("store.remote: sftp://127.0.0.1:1/runs: ") and note.endswith("are not left out")


@pytest.mark.parametrize(
    ("overrides", "kept"),
    [
        (("lr=1", "launcher=slurm", "launcher.partition=gpu", "+launcher.x=1"), ("lr=1",)),
        (("sweeper.trials=3", "hydra/launcher=twin", "hydra.verbose=true", "~launcher", "seed=1"), ("seed=1",)),
        (("launchers=1", "data.launcher=x"), ("launchers=1", "data.launcher=x")),
    ],
)
def test_a_run_gets_what_is_about_it_and_the_store(overrides, kept):
    assert run_overrides(overrides, CONFIG) == (*kept, "store.remote=s3://bucket/runs")


def test_a_store_that_is_named_is_not_named_twice():
    assert run_overrides(("store.remote=s3://mine/x",), CONFIG) == ("store.remote=s3://mine/x",)


@pytest.mark.parametrize("line", ["+tracking.wandb.api_key=0123456789abc", "inputs.password=open-sesame"])
def test_a_secret_is_not_written_into_a_file(line):
    with pytest.raises(UserError, match="looks like a secret") as caught:
        run_overrides((line,), CONFIG)
    assert line.partition("=")[2] not in str(caught.value)


@pytest.mark.parametrize("name", ["mnist/cnn_keras", "1D/Ä", "", None, "x" * 100, "-/-", "a." * 40])
def test_names_are_labels_of_dns(name):
    made = task_name({"name": name}, ["a" * 64])
    assert len(f"{made}-99999") <= 63
    assert made.replace("-", "").isalnum() and made.isascii() and made == made.lower()
    assert made[0].isalpha() and made[-1].isalnum()


def test_another_set_of_runs_has_another_name():
    first, second = task_name({"name": "a"}, ["1", "2"]), task_name({"name": "a"}, ["1", "3"])
    assert first != second and task_name({"name": "a"}, ["2", "1"]) == first


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["seed=0"], "store.remote is not set"),
        (["lr=-1", "store.remote=s3://b/x"], "lr=-1"),
        (["-m", "lr=1,-1", "store.remote=s3://b/x"], r"lr=-1.0: must be greater than 0 \(in the point .*lr=-1"),
        (["-m", "lr=interval(0,1)", "store.remote=s3://b/x"], "a grid cannot list an interval"),
        (["-m", "+sweeper={sampler: tpe}", "store.remote=s3://b/x"], "launcher=ray"),
        (["data.path=nowhere", "store.remote=s3://b/x"], "data.path: nowhere is missing"),
    ],
)
def test_mistakes_are_one_line_and_write_nothing(deploy, words, message):
    line = deploy("slurm", *words, code=2)
    assert re.search(message, line), line


def test_help_has_an_example(capsys):
    with pytest.raises(SystemExit) as end:
        twin.main(["deploy", "--help"])
    assert end.value.code == 0 and "twin deploy slurm -m" in capsys.readouterr().out
