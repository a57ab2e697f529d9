"""A study as several processes have it: who asks for what, what is kept, what is refused."""

import json
import subprocess
import sys
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import optuna
import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import TrialState

from twinlib.errors import UserError
from twinlib.identity.fingerprint import Identity
from twinlib.sweeper.settings import Objective, Settings
from twinlib.sweeper.study import Study

SPACE = {"lr": FloatDistribution(1e-4, 1, log=True), "size": IntDistribution(1, 8)}
IDENTITY = Identity({"epochs": 3, "model": {"width": 8}}, {"lab": "a1"}, {"data.path": "b2"}, {"python": "3.11"})


@pytest.fixture
def settings(tmp_path):
    return Settings("random", 6, 0, "none", 1, (Objective("val_loss", "minimize"),), "lab/search", tmp_path / "studies")


def begin(settings, space=SPACE, identity=IDENTITY):
    return Study(settings, space, identity, epochs=3)


def drain(study, value=lambda params: params["lr"]):
    """Run trials one after the other until the study has all; their values."""
    asked = []
    with study:
        while (trial := study.ask()) is not None:
            asked.append(trial.params)
            study.tell(trial, {"val_loss": value(trial.params), "size": trial.params.get("size")}, "folder")
    return asked


@pytest.mark.parametrize("sampler", ["tpe", "random", "cmaes", "qmc"])
def test_proposals_depend_on_the_seed_alone(settings, tmp_path, sampler):
    def proposals(name, seed):
        return drain(begin(replace(settings, sampler=sampler, trials=14, seed=seed, folder=tmp_path / name)))

    first = proposals("a", 0)
    assert proposals("b", 0) == first
    assert proposals("c", 1) != first
    assert len({json.dumps(params) for params in first}) == 14


@pytest.mark.parametrize("sampler", ["tpe", "random", "qmc"])
def test_going_on_gives_what_one_go_gives(settings, tmp_path, sampler):
    whole = drain(begin(replace(settings, sampler=sampler, trials=14, folder=tmp_path / "a")))
    one = replace(settings, sampler=sampler, trials=5)
    assert drain(begin(one)) + drain(begin(replace(one, trials=14))) == whole
    assert drain(begin(replace(one, trials=14))) == []


@pytest.mark.parametrize("sampler", ["tpe", "cmaes"])
def test_samplers_learn(settings, sampler):
    space = {"x": FloatDistribution(-5, 5), "y": FloatDistribution(-5, 5)}
    study = begin(replace(settings, sampler=sampler, trials=60), space)
    distances = [
        (params["x"] - 2) ** 2 + (params["y"] + 1) ** 2
        for params in drain(study, lambda params: (params["x"] - 2) ** 2 + (params["y"] + 1) ** 2)
    ]
    assert sorted(distances[-20:])[10] < sorted(distances[:20])[10] / 2


def test_quasi_random_covers_choices_and_numbers_evenly(settings):
    space = {"x": FloatDistribution(0, 1), "kind": CategoricalDistribution(["a", "b"])}
    asked = drain(begin(replace(settings, sampler="qmc", trials=17), space), lambda params: 0.0)[1:]
    cells = {(params["kind"], int(params["x"] * 4)) for params in asked}
    assert len(cells) == 8


def test_several_objectives(settings):
    objectives = (Objective("val_loss", "minimize"), Objective("size", "maximize"))
    study = begin(replace(settings, sampler="tpe", trials=12, objectives=objectives))
    drain(study, lambda params: params["size"] ** 2 + params["lr"])
    best = [trial.values for trial in study.best()]
    assert best == sorted(best) and len(best) > 1
    assert all(a[1] < b[1] for a, b in pairwise(best))


def test_best_of_one_objective(settings):
    study = begin(settings)
    asked = drain(study)
    (best,) = study.best()
    assert best.value == min(params["lr"] for params in asked)
    assert begin(settings).size == 6


def test_a_metric_that_is_no_number_is_a_failure(settings):
    study = begin(replace(settings, trials=2))
    drain(study, lambda params: float("nan"))
    assert study.best() == []
    assert [study.state(number).state for number in range(2)] == [TrialState.FAIL] * 2


def test_what_was_on_its_way_is_asked_again(settings):
    with begin(settings) as study:
        stopped = [study.ask().params for _ in range(2)]
    with begin(settings) as study:
        assert study.size == 0
        again = [study.ask() for _ in range(7)]
    assert [trial.params for trial in again[:2]] == stopped
    assert again[6] is None and again[5] is not None


def test_what_a_killed_process_had_is_asked_again(settings):
    script = f"""
import os, sys
sys.path.insert(0, {str(Path(__file__).parents[2])!r})
from pathlib import Path
from optuna.distributions import FloatDistribution, IntDistribution
from twinlib.identity.fingerprint import Identity
from twinlib.sweeper.settings import Objective, Settings
from twinlib.sweeper.study import Study
space = {{"lr": FloatDistribution(1e-4, 1, log=True), "size": IntDistribution(1, 8)}}
folder = Path({str(settings.folder)!r})
settings = Settings("random", 6, 0, "none", 1, (Objective("val_loss", "minimize"),), "lab/search", folder)
identity = Identity({IDENTITY.config!r}, {IDENTITY.code!r}, {IDENTITY.data!r}, {{}})
study = Study(settings, space, identity, epochs=3).__enter__()
print([study.ask().params for _ in range(4)], flush=True)
os.kill(os.getpid(), 9)
"""
    killed = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60)
    lost = eval(killed.stdout)
    asked = drain(begin(settings))
    assert len(asked) == 6
    assert [params for params in asked if params in lost] == lost


def test_trials_of_a_living_process_are_left_to_it(settings):
    with begin(settings) as other:
        theirs = [other.ask() for _ in range(4)]
        with begin(settings) as ours:
            asked = [ours.ask() for _ in range(3)]
            assert asked[2] is None
            assert not [trial for trial in asked[:2] if trial.params in [their.params for their in theirs]]


def test_pruned_trial_and_its_twin(settings):
    space = {"size": IntDistribution(1, 1)}
    with begin(settings, space) as study:
        first, second = study.ask(), study.ask()
        assert study.pruned_twin(second) is None
        first.report(3.0, 1)
        study.tell_pruned(first)
        twin = study.pruned_twin(second)
        assert (twin.number, twin.intermediate_values) == (0, {1: 3.0})


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"space": {**SPACE, "lr": FloatDistribution(1e-4, 2, log=True)}}, "the search space of lr has changed;"),
        ({"space": {**SPACE, "seed": IntDistribution(0, 1)}}, "the search space of seed has changed;"),
        ({"space": {"lr": SPACE["lr"]}}, "the search space of size has changed;"),
        ({"objectives": (Objective("val_loss", "maximize"),)}, "the objectives have changed;"),
        ({"config": {"epochs": 4, "model": {"width": 8}}}, "config: epochs is 4, was 3;"),
        ({"code": {"lab": "c3"}}, "code: lab has changed;"),
        ({"data": {"data.path": "d4"}}, "data: data.path has changed;"),
    ],
)
def test_a_study_that_began_with_something_else_is_refused(settings, change, words):
    drain(begin(settings))
    before = settings.file.read_bytes()
    identity = replace(IDENTITY, **{key: change[key] for key in ("config", "code", "data") if key in change})
    changed = replace(settings, objectives=change.get("objectives", settings.objectives), trials=9)
    with pytest.raises(UserError, match=r"sweeper\.study=lab/search: has begun with something else") as error:
        begin(changed, change.get("space", SPACE), identity)
    assert words in str(error.value) and "\n" not in str(error.value)
    assert len(settings.file.read_bytes()) - len(before) < 500  # at most a look at it
    assert len(drain(begin(replace(settings, trials=8)))) == 2


def test_environment_may_differ(settings):
    """Machines that work on one study need not have the same versions; their records say which they had."""
    drain(begin(settings))
    assert drain(begin(settings, identity=replace(IDENTITY, environment={"python": "3.12"}))) == []


def test_a_folder_that_cannot_be_is_named_by_its_own_key(settings, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match=r"file: file exists; set sweeper\.folder to a folder$"):
        begin(replace(settings, folder=tmp_path / "file"))
    settings.folder.mkdir()
    (settings.folder / ".locks").touch()
    with pytest.raises(UserError, match=r"set sweeper\.folder to a folder$"):
        begin(settings)


def test_cmaes_needs_numbers(settings):
    space = {"lr": SPACE["lr"], "kind": CategoricalDistribution(["a", "b"])}
    with pytest.raises(UserError, match="needs two keys at least whose values are numbers"):
        begin(replace(settings, sampler="cmaes"), space)


def test_journal_that_is_none(settings):
    settings.folder.mkdir()
    settings.file.write_text("lr: 3\n")
    with pytest.raises(UserError, match=r"lab-search.log: is no journal of a study: .*; set another sweeper.study"):
        begin(settings)


def test_folder_that_is_none(settings, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="file"):
        begin(replace(settings, folder=tmp_path / "file"))


def test_optuna_itself_reads_the_journal(settings):
    drain(begin(settings))
    backend = optuna.storages.journal.JournalFileBackend(str(settings.file))
    study = optuna.load_study(study_name="lab/search", storage=optuna.storages.JournalStorage(backend))
    assert len(study.trials) == 6
    assert study.best_trial.user_attrs["record"] == "folder"
