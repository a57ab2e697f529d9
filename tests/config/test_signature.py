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

def typed(
    width: int = 1, rate: float = 0.1, name: str | None = None, bias: bool = True, at: Sequence[float] = (),
    shape: tuple[int, ...] = (), each: Mapping[str, float] | None = None, other: Any = None, mixed: int | list[int] = 1,
):
    pass

def passes_on(first, **settings):
    return Net(first, **settings)
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
        node("typed", width=2, rate=1, name="x", bias=False, at=[0, 0.5], shape=[1, 2], each={"a": 1}, other={"b": []}),
        node("typed", name=None, each=None, mixed=[1, 2]),
        node("typed", width={"_target_": "lab.models.net", "width": 3}),
        node("passes_on", first=1, depth=3),
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
        (node("typed", width="wide"), "model.width=wide: has to be a whole number"),
        (node("typed", width=2.5), "model.width=2.5: has to be a whole number"),
        (node("typed", width=True), "model.width=True: has to be a whole number"),
        (node("typed", width=None), "model.width=None: has to be a whole number"),
        (node("typed", rate="fast"), "model.rate=fast: has to be a number"),
        (node("typed", name=5), "model.name=5: has to be a text or null"),
        (node("typed", bias=1), "model.bias=1: has to be true or false"),
        (node("typed", at=0.5), "model.at=0.5: has to be a list, as [ONE, TWO]"),
        (node("typed", at=[0.5, "x"]), "has to be a list, each of it a number"),
        (node("typed", shape=[1, "x"]), "has to be a list, each of it a whole number"),
        (node("typed", each=5), "model.each=5: has to be keys with values, as {KEY: VALUE} or null"),
        (node("typed", each={"a": "x"}), "has to be keys with values; a has to be a number"),
        (node("typed", mixed="x"), "model.mixed=x: has to be a whole number or a list"),
        (node("passes_on", first=1, dept=3), "model.dept: lab.models.passes_on takes no such key; did you mean depth?"),
        (node("passes_on", first=1, depth="x"), "model.depth=x: has to be a whole number"),
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
