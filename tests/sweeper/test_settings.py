"""Each key of `sweeper`, and the one line for each mistake in it."""

from pathlib import Path

import pytest
import yaml

from twinlib.errors import UserError
from twinlib.sweeper.settings import Objective, read

ROOT = Path(__file__).parents[2]
BASE = {"objective": "val_loss", "direction": "minimize", "metrics": {"accuracy": {}}, "epochs": 3}


def given(**changes):
    defaults = yaml.safe_load((ROOT / "conf" / "sweeper" / "optuna.yaml").read_text())
    return defaults | {"study": "mnist/search", "folder": "runs/.studies"} | changes


def test_defaults():
    settings = read(given(), BASE, Path("/project"))
    assert settings.objectives == (Objective("val_loss", "minimize"),)
    assert settings.file == Path("/project/runs/.studies/mnist-search.log")
    assert (settings.sampler, settings.pruner, settings.trials) == ("tpe", "none", 20)


def test_several_objectives():
    wanted = [{"metric": "val_accuracy", "direction": "maximize"}, {"metric": "test_loss", "direction": "minimize"}]
    settings = read(given(objectives=wanted), BASE, Path())
    assert settings.objectives == (Objective("val_accuracy", "maximize"), Objective("test_loss", "minimize"))


TWO = [{"metric": "val_loss", "direction": "minimize"}, {"metric": "epochs", "direction": "minimize"}]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"sampler": "tpee"}, "sweeper.sampler=tpee: choose one of tpe, random, cmaes, qmc"),
        ({"pruner": "median "}, "sweeper.pruner=median : choose one of none, median, hyperband"),
        ({"pruner": None}, "sweeper.pruner=None: choose"),
        ({"trials": 0}, "sweeper.trials=0: must be a whole number, 1 or more"),
        ({"trials": True}, "sweeper.trials=True"),
        ({"trials": 2.5}, "sweeper.trials=2.5"),
        ({"seed": -1}, "sweeper.seed=-1: must be a whole number, 0 or more"),
        ({"warmup": "a"}, "sweeper.warmup=a"),
        ({"study": None}, "sweeper.study=None: a study needs a name"),
        ({"study": "../x"}, "sweeper.study=../x"),
        ({"study": "a\nb"}, "sweeper.study"),
        ({"folder": None}, "sweeper.folder=None: name a folder, such as runs/.studies"),
        ({"folder": ""}, "sweeper.folder=: name a folder"),
        ({"prunr": 1}, "sweeper.prunr: no such key; did you mean pruner?"),
        ({"objectives": "val_loss"}, "sweeper.objectives=val_loss: must be a list; write"),
        ({"objectives": ["val_loss"]}, "val_loss is no objective; write"),
        ({"objectives": [{"metric": "val_acc", "direction": "up"}]}, "val_acc is not measured; did you mean val_accu"),
        ({"objectives": [{"metric": "val_loss", "direction": "up"}]}, "direction up: choose minimize or maximize"),
        ({"objectives": TWO, "sampler": "cmaes"}, "sweeper.sampler=cmaes: has one objective only"),
        ({"objectives": TWO, "pruner": "median"}, "sweeper.pruner=median: needs one objective"),
        ({"objectives": TWO[1:], "pruner": "median"}, "epochs is not known at each epoch"),
        ({"pruner": "hyperband", "warmup": 3}, "sweeper.warmup=3: no run of epochs=3 could be ended early"),
    ],
)
def test_mistake_is_one_line(changes, words):
    with pytest.raises(UserError) as error:
        read(given(**changes), BASE, Path())
    assert words in str(error.value)


def test_a_key_that_is_missing():
    with pytest.raises(UserError, match=r"sweeper.seed: is missing; conf/sweeper/optuna.yaml"):
        read({key: value for key, value in given().items() if key != "seed"}, BASE, Path())
