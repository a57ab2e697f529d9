"""A search space as Hydra writes it, as Optuna has it, and as the overrides of its points."""

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

from twinlib.errors import UserError
from twinlib.sweeper.space import first, read, written

FORMS = {
    "interval(0,1)": FloatDistribution(0.0, 1.0),
    "tag(log,interval(1e-4,1))": FloatDistribution(1e-4, 1.0, log=True),
    "int(interval(8,64))": IntDistribution(8, 64),
    "tag(log,int(interval(8,64)))": IntDistribution(8, 64, log=True),
    "range(1,10)": IntDistribution(1, 9),
    "range(0,10,3)": IntDistribution(0, 9, step=3),
    "range(5,0,-2)": IntDistribution(1, 5, step=2),
    "tag(log,range(1,10))": IntDistribution(1, 9, log=True),
    "range(0.1,0.75,0.2)": FloatDistribution(0.1, 0.7, step=0.2),
    "range(0,1,0.1)": FloatDistribution(0.0, 0.9, step=0.1),
    "range(0.75,0,-0.25)": FloatDistribution(0.25, 0.75, step=0.25),
    "32,64": CategoricalDistribution(["32", "64"]),
    "choice(a,'b c',a)": CategoricalDistribution(["a", "b\\ c"]),
    "[1,2],[3]": CategoricalDistribution(["[1,2]", "[3]"]),
    "null,true,{a:1}": CategoricalDistribution(["null", "True", "{a:1}"]),
}


@pytest.mark.parametrize("form", FORMS)
def test_form(loader, form):
    space, fixed = read({"x": form}, ["seed=3"], loader)
    assert space == {"x": FORMS[form]}
    assert fixed == ["seed=3"]


def test_groups_are_found(loader):
    space, _ = read({"optimizer": "glob(*d*,exclude=s*)"}, [], loader)
    assert space == {"optimizer": CategoricalDistribution(["adam", "adamw"])}


def test_command_line_wins(loader):
    given = {"lr": "interval(0,1)", "batch_size": "32,64", "optimizer": "adam,sgd"}
    arguments = ["lr=tag(log,interval(1,2))", "batch_size=16", "seed=1,2", "+model.x=3"]
    space, fixed = read(given, arguments, loader)
    assert list(space) == ["lr", "optimizer", "seed"]
    assert space["lr"] == FloatDistribution(1, 2, log=True)
    assert fixed == ["batch_size=16", "+model.x=3"]


@pytest.mark.parametrize(
    ("given", "arguments", "words"),
    [
        ({}, ["seed=1"], "sweeper.space: is empty; name keys there or on the command line"),
        ({"lr": "interval(0,1)"}, ["lr=1"], "sweeper.space: is empty"),
        ({"lr": 3}, [], "sweeper.space.lr=3: is one value; several are written interval"),
        ({"lr": "interval(1"}, [], r"sweeper.space.lr: cannot read interval\(1; write interval"),
        ({"lr": {"low": 1}}, [], "sweeper.space.lr: cannot read|is one value"),
        ("lr", [], "sweeper.space=lr: must name keys"),
        ({}, ["lr=interval(1,1)"], r"lr=interval\(1,1\): an empty interval"),
        ({}, ["lr=interval(2,1)"], "an empty interval"),
        ({}, ["lr=range(2,1)"], r"lr=range\(2,1\): an empty range"),
        ({}, ["lr=range(1,2,0)"], r"lr=range\(1,2,0\)"),
        ({}, ["lr=tag(log,interval(0,1))"], "log needs numbers above 0"),
        ({}, ["lr=tag(log,range(1,9,2))"], "a range with log has the step 1"),
        ({}, ["lr=tag(log,range(0.5,2))"], "a range of fractions has no log"),
        ({}, ["lr=tag(log,choice(1,2))"], "choices have no order"),
        ({}, ["lr=tag(lgo,interval(1,2))"], "the one tag that means something is log"),
        ({}, ["model=glob(x*)"], r"model=glob\(x\*\): no choice matches"),
    ],
)
def test_no_space_one_line(loader, given, arguments, words):
    with pytest.raises(UserError, match=words) as error:
        read(given, arguments, loader)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("value", [0.1 + 0.2, 1e-7, 5e-324, 1.0, 12345678.9])
def test_a_float_is_written_exactly(value):
    (override,) = OverridesParser.create().parse_overrides([written("lr", value)])
    assert override.value() == value and type(override.value()) is float


def test_first_point(loader):
    space, _ = read({"lr": "interval(0.5,1)", "seed": "range(3,5)", "name": "'a b',c"}, [], loader)
    assert first(space) == ["lr=0.5", "seed=3", "name='a b'"]
