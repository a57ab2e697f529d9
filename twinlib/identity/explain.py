"""What is different between two identities, down to the key, the module, the file, the distribution."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from twinlib.identity.config import leaves
from twinlib.identity.fingerprint import Identity


@dataclass(frozen=True)
class Difference:
    """One thing that is not the same.

    `part` is one of `fingerprint.PARTS`; `what` a config key, a module, `data.path: images/3.png`, a distribution.
    `old` and `new` are values, hashes or versions; None on the side where the thing is not there.
    """

    part: str
    what: str
    change: Literal["changed", "added", "removed"]
    old: Any
    new: Any


def differences(new: Identity, old: Identity) -> list[Difference]:
    """What `new` has that `old` has not, and the other way round; nothing only if their fingerprints are equal."""
    found = _coarse(new, old)
    return [fine for coarse in found for fine in (_by_file(coarse, new, old) if coarse.part == "data" else [coarse])]


def nearest(new: Identity, candidates: Iterable[Identity]) -> Identity | None:
    """The candidate with the fewest differences, the first of equals; however many files of one input count as one."""
    return min(candidates, key=lambda old: len(_coarse(new, old)), default=None)


def sentence(difference: Difference) -> str:
    """One line for people, such as `config: lr is 0.0003, was 0.001`."""
    start, change = f"{difference.part}: {difference.what}", difference.change
    if difference.part in ("code", "data"):
        return start + {"changed": " has changed", "added": " is new", "removed": " is gone"}[change]
    old, new = _shown(difference.part, difference.old), _shown(difference.part, difference.new)
    if change == "changed":
        return f"{start} is {new}, was {old}"
    return f"{start} is {new}, was not there" if change == "added" else f"{start} is gone, was {old}"


def _coarse(new: Identity, old: Identity) -> list[Difference]:
    """Differences with every input as one thing."""
    after, before = _settings(new), _settings(old)
    return [
        *_compare("config", _without_emptied(after, before), _without_emptied(before, after)),
        *_compare("code", new.code, old.code),
        *_compare("data", new.data, old.data),
        *_compare("environment", new.environment, old.environment),
    ]


def _settings(identity: Identity) -> dict[str, Any]:
    return dict(leaves(identity.config, split_lists=False))


def _without_emptied(settings: dict[str, Any], others: dict[str, Any]) -> dict[str, Any]:
    """Without the nodes that are empty here and hold something there: what they hold says it already."""
    return {
        key: value
        for key, value in settings.items()
        if value not in ({}, []) or not any(other.startswith((f"{key}.", f"{key}[")) for other in others)
    }


def _compare(part: str, new: Mapping[str, Any], old: Mapping[str, Any], prefix: str = "") -> list[Difference]:
    found = []
    for key in sorted(new.keys() | old.keys()):
        before, after = old.get(key), new.get(key)
        if key not in old:
            found.append(Difference(part, prefix + key, "added", None, after))
        elif key not in new:
            found.append(Difference(part, prefix + key, "removed", before, None))
        elif _json(before) != _json(after):
            found.append(Difference(part, prefix + key, "changed", before, after))
    return found


def _by_file(coarse: Difference, new: Identity, old: Identity) -> list[Difference]:
    key = coarse.what
    if coarse.change != "changed":
        return [coarse]
    before, after = old.data_files.get(key, {}), new.data_files.get(key, {})
    if not before or not after or "." in before or "." in after:  # no list of files, or a file itself
        return [coarse]
    return _compare("data", after, before, prefix=f"{key}: ")


def _shown(part: str, value: Any) -> str:
    return _json(value) if part == "config" else str(value)


def _json(value: Any) -> str:
    # Unlike `==` it tells 1, 1.0 and true apart, in lists as well.
    return json.dumps(value, sort_keys=True, ensure_ascii=False)
