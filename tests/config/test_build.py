import pytest

from twinlib.config.build import build, targets
from twinlib.errors import UserError


@pytest.fixture
def own_package(tmp_path, monkeypatch):
    (tmp_path / "lab_models.py").write_text(
        "import os\nimport subprocess\n\n\ndef pair(a, b=2):\n    return (a, b)\n\n\nANSWER = 42\n"
        "\n\ndef layer(size):\n    from torch.nn import Dropout\n\n    return Dropout(size)\n"
        "\n\ndef wrong(size):\n    raise ValueError('of its own')\n"
        "\n\ndef deep(size):\n    return layer(size)\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    return "lab_models"


def test_keys_become_arguments(own_package):
    assert build({"_target_": "lab_models.pair", "a": 1}) == (1, 2)
    assert build({"_target_": "lab_models.pair", "b": 5}, 3) == (3, 5)


def test_partial_waits_for_the_rest(own_package):
    node = {"_target_": "lab_models.pair", "_partial_": True, "b": 5}
    assert build(node)(1) == (1, 5)
    assert build(node, 1) == (1, 5)


def test_nested_nodes_are_built_and_containers_are_plain(own_package):
    node = {"_target_": "lab_models.pair", "a": {"_target_": "lab_models.pair", "a": [1, {"x": 2}]}}
    built = build(node)
    assert built == (([1, {"x": 2}], 2), 2)
    assert type(built[0][0]) is list
    assert type(built[0][0][1]) is dict


def test_targets_are_listed_outermost_first():
    tree = {"a": {"_target_": "x.y", "b": [{"_target_": "z.w"}]}, "c": 1}
    assert list(targets(tree)) == ["x.y", "z.w"]


@pytest.mark.parametrize(
    "target",
    [
        "os.system",
        "subprocess.run",
        "builtins.eval",
        "lab_models.os.system",
        "lab_models.subprocess.run",
        "lab_models.pair.__globals__.get",
        "twinlib.config.build.importlib.import_module",
        "twinlib.run.run",
        "twinlib.store.local.Store",
        "hydra.utils.instantiate",
        "torch.load",
        "torch.hub.load",
        "numpy.load",
        "pickle.loads",
    ],
)
def test_nothing_else_can_be_called(own_package, target):
    with pytest.raises(UserError, match="_target_"):
        build({"_target_": target})


def test_a_forbidden_target_is_found_inside_a_node_before_anything_is_built(own_package):
    with pytest.raises(UserError, match=r"os\.system is outside the packages"):
        build({"_target_": "lab_models.pair", "a": {"_target_": "os.system", "command": "true"}})


@pytest.mark.parametrize(
    ("target", "words"),
    [
        ("lab_models.triple", "lab_models has no triple"),
        ("lab_modles.pair", "there is no module lab_modles"),
        ("lab_models.ANSWER", "lab_models.ANSWER"),
        ("pair", "pair"),
    ],
)
def test_what_is_not_there_is_named(own_package, target, words):
    with pytest.raises(UserError, match=words):
        build({"_target_": target})


@pytest.mark.parametrize(
    ("node", "words"),
    [
        ({"_target_": "lab_models.pair"}, r"lab_models\.pair: does not take .*missing 1 required positional"),
        ({"_target_": "lab_models.pair", "a": 1, "c": 2}, "unexpected keyword argument 'c'"),
        (
            {"_target_": "torch.nn.Dropout", "p": 3},
            r"torch\.nn\.Dropout: does not .*has to be between 0 and 1, but got 3",
        ),
        ({"_target_": "lab_models.layer", "size": 3}, r"lab_models\.layer: does not .*between 0 and 1"),
        ({"_target_": "lab_models.pair", "a": {"_target_": "lab_models.pair", "c": 2}}, "unexpected keyword argument"),
    ],
)
def test_values_that_a_target_does_not_take_are_a_mistake_of_the_config(own_package, node, words):
    with pytest.raises(UserError, match=words):
        build(node)


def test_an_error_in_own_code_keeps_its_traceback(own_package):
    with pytest.raises(ValueError, match="of its own"):
        build({"_target_": "lab_models.wrong", "size": 3})
    with pytest.raises(ValueError, match="between 0 and 1"):
        build({"_target_": "lab_models.deep", "size": 3})
    # What is given beside the config may be wrong by a bug of ours.
    with pytest.raises(ValueError, match="between 0 and 1"):
        build({"_target_": "lab_models.layer"}, 3)
