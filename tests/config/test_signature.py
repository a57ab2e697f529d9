import pytest

from twinlib.config.signature import check_targets
from twinlib.errors import UserError

MODELS = """
from dataclasses import dataclass
from lab.other import elsewhere

def net(width, depth=2, *, activation="relu"):
    return None

def anything(**keys):
    return None

class Net:
    def __init__(self, width: int, depth: int = 2):
        pass

class Inherits(Net):
    pass

@dataclass
class Record:
    width: int
"""


@pytest.fixture
def project(tmp_path):
    (tmp_path / "lab").mkdir()
    (tmp_path / "lab" / "__init__.py").write_text("")
    (tmp_path / "lab" / "models.py").write_text(MODELS)
    return tmp_path


def node(target, **keys):
    return {"model": {"_target_": f"lab.models.{target}", **keys}}


@pytest.mark.parametrize(
    "config",
    [
        node("net", width=1),
        node("net", width=1, depth=3, activation="tanh"),
        node("net", _partial_=True, depth=3),
        node("anything", x=1),
        node("Net", width=1),
        node("Inherits", whatever=1),
        node("Record", width=1),
        node("elsewhere", x=1),
        {"model": {"_target_": "torch.nn.Linear", "in_features": 3}},
    ],
)
def test_keys_that_fit_pass(project, config):
    check_targets(config, project)


@pytest.mark.parametrize(
    ("config", "words"),
    [
        (node("net", width=1, dept=3), "model.dept: lab.models.net takes no such key; did you mean depth?"),
        (node("net", depth=3), "model.width: is missing, lab.models.net needs it"),
        (node("Net", width=1, activation="relu"), "model.activation: lab.models.Net takes no such key"),
        (node("nett", width=1), "model._target_: lab.models has no nett; did you mean net?"),
        ({"a": {"b": [], "c": node("net")}}, "a.c.model.width: is missing"),
    ],
)
def test_keys_that_do_not_fit_are_named(project, config, words):
    with pytest.raises(UserError) as error:
        check_targets(config, project)
    assert words in str(error.value)


def test_a_framework_s_key_is_refused_in_the_other(root):
    from twinlib.config.compose import compose

    config = compose(["experiment=mnist/cnn_keras", "+trainer.compile=true"], root)
    with pytest.raises(UserError, match=r"trainer\.compile: twinlib\.training\.keras\.train takes no such key"):
        check_targets(config, root)
