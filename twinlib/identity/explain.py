"""What is different between two identities, down to the key, the module, the file, the distribution."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from twinlib.identity.config import leaves
from twinlib.identity.fingerprint import PARTS, Identity


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
    found = [each for part in PARTS for each in differences_in(part, getattr(new, part), getattr(old, part))]
    return [fine for coarse in found for fine in (_by_file(coarse, new, old) if coarse.part == "data" else [coarse])]


def differences_in(part: str, new: Mapping[str, Any], old: Mapping[str, Any]) -> list[Difference]:
    """What is different in one of `fingerprint.PARTS`; however many files of one input count as one."""
    if part == "config":
        new, old = _settings(new), _settings(old)
        new, old = _without_emptied(new, old), _without_emptied(old, new)
    return _compare(part, new, old)


def sentence(difference: Difference) -> str:
    """One line for people, such as `config: lr is 0.0003, was 0.001`."""
    start, change = f"{difference.part}: {difference.what}", difference.change
    if difference.part in ("code", "data"):
        return start + {"changed": " has changed", "added": " is new", "removed": " is gone"}[change]
    old, new = _shown(difference.part, difference.old), _shown(difference.part, difference.new)
    if change == "changed":
        return f"{start} is {new}, was {old}"
    return f"{start} is {new}, was not there" if change == "added" else f"{start} is gone, was {old}"


def _settings(config: Mapping[str, Any]) -> dict[str, Any]:
    return dict(leaves(config, split_lists=False)) if config else {}


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
