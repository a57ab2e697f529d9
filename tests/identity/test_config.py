import enum
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from twinlib.errors import UserError
from twinlib.identity.config import NOT_IN_IDENTITY, canonical, canonical_json, identity_part, leaves


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}),
        ({"a": 1e-3}, {"a": 0.001}),
        ({"a": (1, (2,))}, {"a": [1, [2]]}),
        ({"a": float("nan")}, {"a": float("nan")}),
        ({"a": 100.0}, {"a": 1e2}),
    ],
)
def test_equal_trees_have_one_text(one: Any, other: Any) -> None:
    assert canonical_json(one) == canonical_json(other)


UNEQUAL: list[Any] = [
    *(0, 0.0, -0.0, False, "0", "", None, [], {}, [0], [[0]], {"0": 0}, {0: 0}, {0.0: 0}, {False: 0}, {None: 0}),
    *(1, 1.0, True, "1", "true", "True", float("nan"), float("inf"), -float("inf"), "nan", "NaN", "!float:nan"),
    *("!str:!float:nan", {"None": 0}, {"!int:0": 0}, {"!str:!int:0": 0}, [1, 2], [2, 1], "1, 2", ["1, 2"]),
    *(0.1, 0.1 + 2**-56, 2**53, 2**53 + 1, float(2**53), 10**400, "é", "e\u0301", "\U0001f300", "\ud83c\udf00"),
    *("\n", "\\n", " ", "  ", '"', "\0", "\ud83c"),
]


def test_unequal_values_have_unequal_texts() -> None:
    texts = [canonical_json({"key": value}) for value in UNEQUAL]
    assert len(set(texts)) == len(UNEQUAL)


def test_a_canonical_tree_is_its_own_canonical_text() -> None:
    import json

    tree = canonical({"b": (1, {2: float("inf")}), "a": None})
    assert tree == {"b": [1, {"!int:2": "!float:inf"}], "a": None}
    assert json.loads(canonical_json({"b": (1, {2: float("inf")}), "a": None})) == tree


class Colour(enum.IntEnum):
    RED = 1


class Word(str):
    pass


@pytest.mark.parametrize(
    "value", [b"1", Path("x"), {1, 2}, object(), Colour.RED, Word("x"), np.float64(1), np.zeros(2), 1j]
)
def test_what_has_no_canonical_form_is_named(value: Any) -> None:
    doubts: list[str] = []
    canonical({"model": {"list": [0, value]}}, doubts)
    assert [doubt.split(":")[0] for doubt in doubts] == ["model.list[1]"]
    with pytest.raises(UserError, match=r"model\.list\[1\]: a .* cannot be compared between runs"):
        canonical({"model": {"list": [0, value]}})


def test_a_key_without_canonical_form_is_named() -> None:
    with pytest.raises(UserError, match="model: a bytes as a key"):
        canonical({"model": {b"1": 1}})


def test_keys_that_cannot_change_a_result_are_left_out() -> None:
    tree: dict[str, Any] = {"lr": 1, "data": {"path": "x", "name": "y"}, "strategy": {"precision": "32", "devices": 4}}
    whole = tree | {key: "anything" for key in NOT_IN_IDENTITY if "." not in key}
    assert identity_part(whole) == {"lr": 1, "data": {"name": "y"}, "strategy": {"precision": "32"}}
    assert tree["data"] == {"path": "x", "name": "y"}


def test_only_the_keys_at_their_place_are_left_out() -> None:
    tree = {"model": {"name": "a", "path": "b", "workers": 3, "inputs": 2, "devices": 4}, "data": None}
    assert identity_part(tree) == tree


def test_leaves_have_dotted_keys() -> None:
    tree = {"a": {"b": [1, {"c": 2}], "d": [3, 4], "e": {}}, "f": None, "g.h": 5, "i": []}
    whole = {"a.b[0]": 1, "a.b[1].c": 2, "a.e": {}, "f": None, "g\\.h": 5, "i": []}
    assert dict(leaves(tree)) == whole | {"a.d[0]": 3, "a.d[1]": 4}
    assert dict(leaves(tree, split_lists=False)) == whole | {"a.d": [3, 4]}
