"""One run, as a user starts it: `python train.py …` in a project of its own, in real processes."""

import json
import os
import signal
import time

import pytest


def wait_for(condition, seconds=20.0):
    ends = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < ends, "waited too long"
        time.sleep(0.02)


def test_the_second_time_nothing_is_computed(lab):
    code, out, err = lab.train()
    assert (code, out.split()[0]) == (0, "done"), err
    code, out, err = lab.train()
    assert (code, out.split()[0]) == (0, "cached"), err
    assert lab.trainings == 1
    code, out, _ = lab.train("lr=0.2")
    assert out.split()[0] == "done"
    assert lab.trainings == 2


def test_record_holds_all_that_is_promised(lab):
    lab.train()
    (record,) = lab.records
    kept = json.loads((record / "record.json").read_text())
    assert set(kept["files"]) == {
        "config.yaml", "identity.json", "metrics.json", "history.parquet", "preprocess.json", "weights.npy",
        *(path.name for path in record.glob("*.png")),
    }  # fmt: skip
    assert kept["fingerprint"].startswith(record.name.rpartition("-")[2])
    assert "store" not in (record / "config.yaml").read_text()


def test_hit_from_another_folder_by_other_paths(lab, tmp_path):
    lab.train()
    (lab.root / "data").rename(lab.root / "measured")
    code, out, err = lab.train("data.path=measured", "progress=false", "name=other", cwd=tmp_path)
    assert (code, out.split()[0]) == (0, "cached"), err


def test_export_is_the_same_for_a_hit(lab):
    lab.train("export=results/a")
    code, out, _ = lab.train("export=results/b")
    assert (code, out.split()[0]) == (0, "cached")
    names = {path.name for path in (lab.root / "results/a").iterdir()}
    assert {"metrics.json", "history.csv", "learning_curve.png"} <= names
    for name in names:
        assert (lab.root / "results/a" / name).read_bytes() == (lab.root / "results/b" / name).read_bytes()
    assert (lab.root / "results/a/history.csv").read_text().splitlines()[0] == "epoch,train_loss,val_loss,lr"


def test_two_that_start_the_same_run_train_once(lab):
    first = lab.start("trainer.does=wait")
    wait_for(lambda: lab.trainings == 1)
    second = lab.start("trainer.does=wait")
    assert second.stderr.readline().startswith("waiting: ")
    (lab.root / "go").touch()
    said = [process.communicate(timeout=60) for process in (first, second)]
    assert [first.returncode, second.returncode] == [0, 0], said
    assert [out.split()[0] for out, _ in said] == ["done", "cached"]
    assert lab.trainings == 1
    assert len(lab.records) == 1


def test_a_killed_run_leaves_nothing_that_counts_and_the_next_succeeds(lab):
    first = lab.start("trainer.does=wait")
    wait_for(lambda: lab.trainings == 1)
    worker = int((lab.root / "trainings.log").read_text())
    os.kill(worker, signal.SIGKILL)
    first.communicate(timeout=60)
    assert first.returncode == 1
    assert lab.records == []
    (lab.root / "go").touch()
    code, out, err = lab.train("trainer.does=wait")
    assert (code, out.split()[0]) == (0, "done"), err
    assert len(lab.records) == 1


@pytest.mark.parametrize(
    ("file", "text", "said"),
    [("data/x.txt", "1\n2\n4\n", "data.path: x.txt"), ("lab.py", "\nCHANGED = 1\n", "lab")],
)
def test_what_changes_while_it_trains_is_not_recorded(lab, file, text, said):
    process = lab.start("trainer.does=wait")
    wait_for(lambda: lab.trainings == 1)
    path = lab.root / file
    path.write_text(text if file.startswith("data") else path.read_text() + text)
    (lab.root / "go").touch()
    _, err = process.communicate(timeout=60)
    assert process.returncode == 2
    assert "changed while the run was computed" in err
    assert said in err
    assert lab.records == []
    code, out, err = lab.train("trainer.does=wait")
    assert (code, out.split()[0]) == (0, "done"), err


def test_a_record_that_lost_a_file_is_computed_again(lab):
    lab.train()
    (record,) = lab.records
    (record / "weights.npy").unlink()
    code, out, err = lab.train()
    assert (code, out.split()[0]) == (0, "done"), err
    assert "weights.npy" in err
    assert lab.trainings == 2
    assert lab.train()[1].split()[0] == "cached"


def test_what_cannot_be_hashed_is_said_and_not_cached(lab):
    path = lab.root / "lab.py"
    path.write_text(path.read_text().replace("__code_deps__ = []", "named = __import__(os.name)"))
    for _ in range(2):
        code, out, err = lab.train()
        assert (code, out.split()[0]) == (0, "done"), err
        assert "not cached: lab.py" in err
    assert lab.trainings == 2
    assert lab.records == []
    assert len(list((lab.root / "runs/.uncached").iterdir())) == 2


def test_a_second_store_is_read_through_and_written_back(lab, tmp_path):
    remote = f"store.remote={(tmp_path / 'shared').as_uri()}"
    assert lab.train(remote)[1].split()[0] == "done"
    code, out, err = lab.train(remote, "store.path=elsewhere")
    assert (code, out.split()[0]) == (0, "cached"), err
    assert lab.trainings == 1


def test_an_error_of_the_training_keeps_its_traceback(lab):
    code, out, err = lab.train("trainer.does=fail")
    assert code == 1
    assert out == ""
    assert "ValueError: the slope is too steep" in err
    assert "hydra/_internal/utils.py" not in err
    assert lab.records == []


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("data.path=nowhere", "error: data.path: nowhere is missing; no stage of dvc.yaml makes it"),
        ("lrr=1", "error: lrr: no such key; did you mean lr?"),
        ("trainer.does=[1", "cannot be read; write key=value"),
        ("+trainer.compile=true", "error: trainer.compile: lab.train takes no such key"),
        ("model._target_=lab.slop", "lab has no slop"),
        ("model._target_=os.system", "os.system is outside the packages"),
        ("trainer._target_=lab", "error: trainer._target_=lab: give a dotted path, package.module.name"),
        ("+inputs.mesh=a.vtk", "error: inputs.mesh: a.vtk is missing"),
    ],
)
def test_a_mistake_is_one_line_and_exit_code_2(lab, override, words):
    code, out, err = lab.train(override)
    lines = [line for line in err.splitlines() if not line.startswith("not cached")]
    assert (code, out) == (2, ""), err
    assert len(lines) == 1, err
    assert words in lines[0]
    assert lab.trainings == 0


def test_an_export_that_cannot_be_written_is_one_line(lab):
    code, _, err = lab.train("export=train.py")
    assert code == 2
    assert err.splitlines()[-1].startswith("error: ")
    assert err.endswith("train.py: file exists; set export to a folder\n")
    assert "Traceback" not in err


def test_missing_data_name_their_stage(lab):
    (lab.root / "data/x.txt").unlink()
    (lab.root / "data").rmdir()
    code, _, err = lab.train()
    assert code == 2
    assert err == "error: data.path: data is missing; make it with: dvc repro measure\n"


def test_a_password_in_the_url_of_a_remote_is_refused_and_not_repeated(lab, tmp_path):
    code, out, err = lab.train(f"store.remote=file://user:s3cret@localhost{tmp_path}/shared")
    assert code == 2
    assert err.startswith("error: store.remote: has a password in it")
    assert "s3cret" not in out + err
    assert lab.trainings == 0 and not list(lab.records)


def test_an_experiment_s_own_pictures_land_in_the_record_and_not_in_the_identity(lab):
    pictures = "+pictures.own={_target_:lab.draw,_partial_:true,title:%s}"
    assert lab.train(pictures % "curve")[0] == 0
    (record,) = lab.records
    assert (record / "own.png").read_text() == "curve of 3"
    assert "own.png" in (record / "record.json").read_text()
    code, out, _ = lab.train(pictures % "dots")
    assert code == 0 and out.startswith("cached ")
    assert lab.trainings == 1
