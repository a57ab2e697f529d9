"""Studies from the command line to their end, with real workers."""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import optuna
import pytest
from optuna.trial import TrialState

from twinlib.sweep.manifest import CACHED, DONE, FAILED, sweeps
from twinlib.sweeper.pruning import EPOCH
from twinlib.sweeper.study import STOPPED

LR = "lr=interval(0.01,0.2)"


def study(lab, name="lab-slope"):
    backend = optuna.storages.journal.JournalFileBackend(str(lab.root / "runs/.studies" / f"{name}.log"))
    return optuna.load_study(study_name=name.replace("-", "/"), storage=optuna.storages.JournalStorage(backend))


def states(lab):
    return [[point.state for point in sweep.points] for sweep in sweeps(lab.root / "runs")]


def wait_for(condition, seconds=60.0):
    ends = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < ends, "waited too long"
        time.sleep(0.02)


def test_a_study_goes_on_and_what_is_known_costs_nothing(lab):
    code, out, err = lab.train("-m", LR, "sweeper.trials=4")
    assert code == 0, err
    assert lab.trainings == len(lab.records) == 4
    assert "study lab/slope: 4 of 4 trials; best:" in out
    best = study(lab).best_trial
    assert f"val_loss {best.value:.6g}  lr={best.params['lr']!r}  {best.user_attrs['record']}" in out
    assert best.user_attrs["record"] in {record.name for record in lab.records}

    code, out, err = lab.train("-m", LR, "sweeper.trials=4")
    assert code == 0 and lab.trainings == 4 and "4 of 4 trials" in out

    code, out, err = lab.train("-m", LR, "sweeper.trials=6")
    assert code == 0 and lab.trainings == 6 and "6 of 6 trials" in out

    # Another study with the same seed proposes what the store has.
    code, out, err = lab.train("-m", LR, "sweeper.trials=4", "sweeper.study=other", "launcher.workers=1")
    assert code == 0 and lab.trainings == 6
    assert err == ""
    assert states(lab) == [[DONE] * 4, [DONE] * 2, [CACHED] * 4]


def test_a_duplicate_proposal_costs_nothing(lab):
    code, _, err = lab.train("-m", "seed=1,2", "sweeper.trials=9", "launcher.workers=2")
    assert code == 0, err
    assert lab.trainings == 2
    assert sorted(states(lab)[0]) == [CACHED] * 7 + [DONE] * 2
    assert [trial.state for trial in study(lab).trials] == [TrialState.COMPLETE] * 9


def test_a_free_worker_waits_for_no_other(lab):
    """The first trial ends only when four others have begun; in batches of two that would never be."""
    run = ["-m", LR, "trainer.does=first is slow", "sweeper.trials=6", "launcher.workers=2", "sweeper.sampler=random"]
    code, _, err = lab.train(*run)
    assert code == 0, err
    assert lab.trainings == 6


@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGKILL])
def test_what_was_stopped_is_computed_by_the_next_start(lab, end):
    run = ["-m", LR, "trainer.does=wait", "sweeper.trials=3", "launcher.workers=2"]
    first = lab.start(*run)
    wait_for(lambda: lab.trainings == 2)
    os.kill(first.pid, end)
    out, err = first.communicate(timeout=60)
    assert first.returncode != 0 and lab.records == []
    if end == signal.SIGINT:
        assert "interrupted; the same command goes on" in err and "2 stopped" in err
    asked = [trial.params for trial in study(lab).trials if trial.state != TrialState.WAITING]
    (lab.root / "go").touch()
    code, out, err = lab.train(*run)
    assert code == 0, err
    assert "3 of 3 trials" in out
    trials = study(lab).trials
    assert [trial.params for trial in trials if STOPPED not in trial.user_attrs][:2] == asked
    assert len(lab.records) == 3


def test_two_machines_on_one_study_make_what_one_would(lab):
    run = ["-m", LR, "sweeper.trials=8", "launcher.workers=1"]
    both = [lab.start(*run) for _ in range(2)]
    said = [process.communicate(timeout=100) for process in both]
    assert [process.returncode for process in both] == [0, 0], said
    assert lab.trainings == len(lab.records) == 8
    assert [trial.state for trial in study(lab).trials] == [TrialState.COMPLETE] * 8
    assert min(map(len, states(lab))) >= 1 and sum(map(len, states(lab))) == 8


def test_a_failing_trial_stops_no_other(lab):
    run = ["-m", "seed=range(0,3)", "sweeper.sampler=qmc", "trainer.does=fail one", "sweeper.trials=8"]
    code, out, _ = lab.train(*run)
    assert code == 1
    assert "the slope is too steep" in out
    told = {trial.params["seed"]: trial.state for trial in study(lab).trials}
    assert told == {0: TrialState.COMPLETE, 1: TrialState.FAIL, 2: TrialState.COMPLETE}
    assert "8 of 8 trials" in out


def test_a_point_that_cannot_be_composed_is_a_failed_one(lab):
    code, out, _ = lab.train("-m", "epochs=2,0", "sweeper.sampler=qmc", "sweeper.trials=6")
    assert code == 1 and "epochs=0: must be at least 1" in out
    assert {trial.params["epochs"]: trial.state for trial in study(lab).trials} == {
        "2": TrialState.COMPLETE,
        "0": TrialState.FAIL,
    }
    assert lab.trainings == 1


def test_several_objectives(lab):
    wanted = "[{metric: test_loss, direction: minimize}, {metric: epochs, direction: minimize}]"
    code, out, err = lab.train("-m", "epochs=range(1,6)", f"sweeper.objectives={wanted}", "sweeper.trials=6")
    assert code == 0, err
    assert "best trade-offs:" in out
    lines = re.findall(r"^  test_loss (\S+) epochs (\d)", out, re.MULTILINE)
    losses, epochs = [float(loss) for loss, _ in lines], [int(epoch) for _, epoch in lines]
    assert losses == sorted(losses) and epochs == sorted(epochs, reverse=True) and len(lines) > 1


@pytest.mark.slow
def test_bad_runs_are_ended_and_have_no_record(lab):
    run = ["-m", LR, "epochs=6", "sweeper.pruner=median", "sweeper.trials=12", "launcher.workers=2"]
    code, _, err = lab.train(*run, "+tracking.csv={_target_: twinlib.tracking.csv.Csv, folder: logs}")
    assert code == 0, err
    trials = study(lab).trials
    pruned = [trial for trial in trials if trial.state == TrialState.PRUNED]
    complete = [trial for trial in trials if trial.state == TrialState.COMPLETE]
    assert pruned and len(pruned) + len(complete) == 12
    assert all(list(trial.intermediate_values) == [1, 2, 3, 4, 5, 6] for trial in complete)
    for trial in pruned:
        assert 2 <= trial.user_attrs[EPOCH] < 6
        assert max(trial.intermediate_values) == trial.user_attrs[EPOCH]
        assert trial.value > min(other.value for other in complete)
    assert len(lab.records) == len(complete)
    assert not any((lab.root / "runs" / ".draft").iterdir())
    (sweep,) = sweeps(lab.root / "runs")
    assert sweep.count("pruned") == len(pruned) and sweep.count(FAILED) == 0
    said = [file.read_text().splitlines() for file in lab.root.glob("logs/*/metrics.csv")]
    assert sum(lines[0] == "fingerprint,name,state" and lines[1].endswith(",pruned") for lines in said) == len(pruned)
    assert len(said) == 12

    # The identity is that of a run outside of the study: known where it came to its end, computed in full where not.
    before = lab.trainings
    known, unknown = (f"lr={trials[0].params['lr']!r}" for trials in (complete, pruned))
    assert lab.train("epochs=6", known)[1].startswith("cached")
    assert lab.train("epochs=6", unknown)[1].startswith("done")
    assert lab.trainings == before + 1
    assert "sweeper" not in (lab.records[0] / "config.yaml").read_text()

    # Begun anew, the study hears of each epoch from the records.
    code, _, err = lab.train(*run, "sweeper.study=again")
    assert code == 0, err
    again = study(lab, "again").trials
    assert all(len(trial.intermediate_values) == 6 for trial in again if trial.state == TrialState.COMPLETE)


def test_a_twin_of_a_pruned_trial_is_not_computed(lab):
    values = ",".join(f"{lr:g}" for lr in (0.2, 0.19, 0.18, 0.17, 0.16, 0.001))
    # By this seed the bad value comes three times, and late enough to be compared with others.
    run = ["-m", f"lr={values}", "epochs=6", "sweeper.sampler=random", "sweeper.seed=3", "sweeper.pruner=median"]
    code, _, err = lab.train(*run, "sweeper.trials=14", "launcher.workers=1")
    assert code == 0, err
    bad = [trial for trial in study(lab).trials if trial.params["lr"] == "0.001"]
    assert [trial.state for trial in bad] == [TrialState.PRUNED] * 3
    assert bad[0].intermediate_values == bad[1].intermediate_values == bad[2].intermediate_values != {}
    values = {trial.params["lr"] for trial in study(lab).trials}
    assert lab.trainings == len(values)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["lr=0.1"], "sweeper.space: is empty; name keys"),
        (["lrr=interval(0,1)"], "lrr: no such key; did you mean lr?"),
        (["epochs=range(0,2)"], "epochs=0: must be at least 1"),
        ([LR, "data.path=other"], "data.path: other is missing"),
        ([LR, "sweeper.sampler=tpee"], "sweeper.sampler=tpee: choose one of"),
        ([LR, "sweeper=optna"], "sweeper=optna: no such sweeper; did you mean optuna?"),
        ([LR, "hydra/launcher=basic"], "hydra/launcher: sweeper=optuna needs a launcher of twinlib"),
        ([LR, "trainer.dos=x"], "trainer.dos: no such key; did you mean does?"),
    ],
)
def test_mistake_is_one_line(lab, arguments, words):
    code, out, err = lab.train("-m", *arguments)
    assert code == 2
    assert err.startswith(f"error: {words}"), err
    assert err.count("\n") == 1 and out == ""
    assert lab.trainings == 0 and not list((lab.root / "runs").glob(".sweeps/*"))


def test_a_changed_space_is_one_line(lab):
    lab.train("-m", LR, "sweeper.trials=1")
    code, _, err = lab.train("-m", "lr=interval(0.01,0.3)", "sweeper.trials=2")
    assert code == 2 and err.count("\n") == 1
    assert err.startswith("error: sweeper.study=lab/slope: has begun with something else")
    assert "the search space of lr has changed; set another sweeper.study" in err


def test_without_multirun_the_sweeper_has_no_part(lab):
    code, out, _ = lab.train("sweeper.trials=0")
    assert code == 0 and out.startswith("done")
    assert lab.train("sweeper=grid")[1].startswith("cached")


def test_grid_is_a_choice(lab):
    code, _, err = lab.train("-m", "sweeper=grid", "lr=0.1,0.2")
    assert code == 0, err
    assert states(lab) == [[DONE, DONE]] and not (lab.root / "runs" / ".studies").exists()


def test_plugin_imports_nothing_but_hydra():
    # Hydra imports it at every start.
    code = (
        "import sys; from hydra.plugins import launcher, sweeper; before = set(sys.modules);"
        "import hydra_plugins.twin_optuna.optuna_sweeper; print(*sorted(set(sys.modules) - before))"
    )
    root = Path(__file__).parents[2]
    result = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True)
    names = ["hydra_plugins", "hydra_plugins.twin_optuna", "hydra_plugins.twin_optuna.optuna_sweeper"]
    assert result.stdout.split() == names
