"""Which runs a person asks for: `model=cnn`, `lr<1e-3`, `metric.val_accuracy>=0.9`."""

import json
import math
import operator
import re
from collections.abc import Callable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache
from typing import Any

from twinlib.errors import UserError

FIELDS = ("name", "hash", "created", "seconds", "host", "objective")  # of the record itself
METRIC = "metric."

# No `-` in a key: the folder name of a record has one before its first `=`.
_CONDITION = re.compile(r"(metric\.[^=<>!\x22]+|[A-Za-z_][^=<>!\x22-]*)(<=|>=|!=|=|<|>)(.*)", re.DOTALL)
_ORDER: dict[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


@dataclass(frozen=True)
class Condition:
    """One filter.

    `key` is a key of the config (`lr`, `model.dense`), `metric.<name>`, or one of `FIELDS`. A group such as `model` is
    known by its name and by each word of its `_target_`: `model=cnn`, `trainer=keras`. `*` and `?` stand for any
    characters in a text. Texts have an order too: `created>2026-03`.
    """

    key: str
    sign: str
    value: str

    @staticmethod
    def is_one(word: str) -> bool:
        """Whether a word is meant as a filter, and not as the name of a run or an experiment."""
        return _CONDITION.fullmatch(word) is not None

    @classmethod
    def parse(cls, word: str) -> "Condition":
        """Read `key=value`, with one of the signs = != < <= > >=.

        Raises
        ------
        UserError
            It is not of this form, or the value is missing.
        """
        found = _CONDITION.fullmatch(word)
        if found is None:
            raise UserError(
                f"{word}: no filter; write KEY=VALUE, KEY<VALUE or KEY>VALUE (one run alone: twin show {word})"
            )
        key, sign, value = found[1].strip(), found[2], found[3].strip()
        if not value:
            raise UserError(f"{word}: the value is missing; write {key}{sign}VALUE, null for none")
        return cls(key, sign, value)

    def matcher(self) -> Callable[[str | None], bool]:
        """A test of the JSON text of a run's value; None, the run has no such key, is only unequal to something."""

        @cache  # runs of a store share most of their values
        def matches(text: str | None) -> bool:
            if text is None:
                return self.sign == "!="
            return self._holds(json.loads(text))

        return matches

    def _holds(self, value: Any) -> bool:
        if self.sign in ("=", "!="):
            return self._equal(value) == (self.sign == "=")
        wanted, number = as_number(self.value), as_number(value)
        if number is not None and wanted is not None:
            return _ORDER[self.sign](number, wanted)
        return isinstance(value, str) and number is None and _ORDER[self.sign](value, self.value)

    def _equal(self, value: Any) -> bool:
        if isinstance(value, dict):
            return any(_fits(word, self.value) for word in _words(value))
        if isinstance(value, list):
            return json.dumps(value, separators=(",", ":")) == re.sub(r"\s", "", self.value)
        if value is None or isinstance(value, bool):
            return json.dumps(value) == self.value.lower()
        if self.key == "hash":
            return str(value).startswith(self.value)
        number, wanted = as_number(value), as_number(self.value)
        if number is None or wanted is None:
            return isinstance(value, str) and _fits(value, self.value)
        return number == wanted or (math.isnan(number) and math.isnan(wanted))


def as_number(value: Any) -> float | None:
    """The number that a value of a record is, or its text; None for everything else, truth values too."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        # A config tags what JSON cannot hold as a number: `!float:nan`.
        return float(value.removeprefix("!float:") if isinstance(value, str) else value)
    except (ValueError, OverflowError):
        return None


def place(key: str) -> tuple[str, str]:
    """Where an index has the value of a key: the column, and the path in it as SQLite writes it, `$."model"."dense"`.

    Raises
    ------
    UserError
        There is a quote in the key.
    """
    if '"' in key:
        raise UserError(f"{key}: no key has a quote in it")
    if key in FIELDS:
        return "record", f'$."{key}"'
    if key.startswith(METRIC):
        return "metrics", f'$."{key.removeprefix(METRIC)}"'
    path = "$"
    for step in re.split(r"(?<!\\)\.", key):
        name, items = re.fullmatch(r"(.*?)((?:\[\d+\])*)", step, re.DOTALL).groups()  # type: ignore[union-attr]
        path += '."{}"{}'.format(name.replace("\\.", "."), items)
    return "config", path


def _words(group: dict[str, Any]) -> list[str]:
    name, target = group.get("name"), group.get("_target_")
    words = [name] if isinstance(name, str) else []
    return [*words, target, *target.split(".")] if isinstance(target, str) else [*words, *group]


def _fits(value: str, wanted: str) -> bool:
    # A class `CrossEntropy` is the choice `cross_entropy`.
    return fnmatchcase(value, wanted) or value.lower() == wanted.lower().replace("_", "")
