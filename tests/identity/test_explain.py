import pytest

from twinlib.identity.explain import Difference, differences, differences_in, sentence
from twinlib.identity.fingerprint import Identity

FILES = {"data.path": {"a": "1", "b": "2"}, "inputs.mesh": {".": "3"}}
OLD = Identity(
    {"lr": 1, "model": {"n": [1]}}, {"net": "a"}, {"data.path": "x.dir", "inputs.mesh": "3"}, {"numpy": "1"}, (), FILES
)


def other(**parts: object) -> Identity:
    tree = OLD.to_json() | parts
    return Identity.from_json(tree)


def test_no_differences() -> None:
    assert differences(OLD, other()) == []


def test_every_part_is_compared() -> None:
    files = {"data.path": {"a": "1", "b": "9", "c": "4"}, "inputs.mesh": {".": "5"}}
    new = other(
        config={"lr": 2, "model": {}},
        code={"net": "b", "own": "c"},
        data={"data.path": "y.dir", "inputs.mesh": "5"},
        environment={},
        data_files=files,
    )
    assert differences(new, OLD) == [
        Difference("config", "lr", "changed", 1, 2),
        Difference("config", "model.n", "removed", [1], None),
        Difference("code", "net", "changed", "a", "b"),
        Difference("code", "own", "added", None, "c"),
        Difference("data", "data.path: b", "changed", "2", "9"),
        Difference("data", "data.path: c", "added", None, "4"),
        Difference("data", "inputs.mesh", "changed", "3", "5"),
        Difference("environment", "numpy", "removed", "1", None),
    ]


@pytest.mark.parametrize(
    ("one", "two"),
    [
        ({"a": 1}, {"a": 1.0}),
        ({"a": [1]}, {"a": [True]}),
        ({"a": {}}, {"a": []}),
        ({"a": {}}, {}),
        ({"a": {"b": 1}}, {"a.b": 1}),
        ({"a": [{"b": 1}]}, {"a": {"0": {"b": 1}}}),
        ({"a": None}, {"a": "null"}),
        ({"a": {"b": {}}}, {"a": {}}),
    ],
)
def test_different_fingerprints_have_a_difference(one: dict, two: dict) -> None:
    first, second = other(config=one), other(config=two)
    assert first.fingerprint != second.fingerprint
    assert differences(first, second)
    assert differences(second, first)


def test_however_many_files_of_an_input_count_as_one_in_a_part() -> None:
    files = {"data.path": {str(number): "" for number in range(100)}, "inputs.mesh": {".": "3"}}
    new = other(data={"data.path": "z.dir", "inputs.mesh": "3"}, data_files=files)
    assert differences_in("data", new.data, OLD.data) == [Difference("data", "data.path", "changed", "x.dir", "z.dir")]
    assert len(differences(new, OLD)) == 102


@pytest.mark.parametrize(
    ("difference", "said"),
    [
        (Difference("config", "lr", "changed", 0.001, 0.0003), "config: lr is 0.0003, was 0.001"),
        (Difference("config", "x", "changed", "1", 1), 'config: x is 1, was "1"'),
        (Difference("config", "x", "added", None, None), "config: x is null, was not there"),
        (Difference("config", "x", "removed", True, None), "config: x is gone, was true"),
        (Difference("code", "net.model", "changed", "a", "b"), "code: net.model has changed"),
        (Difference("data", "data.path: 3.png", "added", None, "b"), "data: data.path: 3.png is new"),
        (Difference("environment", "torch", "changed", "2.9", "2.10"), "environment: torch is 2.10, was 2.9"),
        (Difference("environment", "torch", "removed", "2.9", None), "environment: torch is gone, was 2.9"),
    ],
)
def test_a_sentence_for_people(difference: Difference, said: str) -> None:
    assert sentence(difference) == said


def test_an_identity_without_the_list_of_its_files_says_which_input_has_changed() -> None:
    bare = other(data={"data.path": "z.dir", "inputs.mesh": "3"}, data_files={})
    assert [sentence(each) for each in differences(bare, OLD)] == ["data: data.path has changed"]
