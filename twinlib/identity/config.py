"""The config part of an identity: a resolved tree as canonical JSON."""

import json
import math
from collections.abc import Iterator, Mapping
from typing import Any

from twinlib.errors import UserError

# Where a run happens, who watches it and where its result lies cannot change the result. The content of the data is a
# part of its own, so their paths are here too. Every other key counts, with its value.
NOT_IN_IDENTITY = (
    "name",
    "tracking",
    "store",
    "launcher",
    "sweeper",
    "hydra",
    "export",
    "progress",
    "workers",
    "pictures",
    "predict",
    "data.path",
    "inputs",
    "strategy.accelerator",
    "strategy.devices",
    "strategy.nodes",
    "strategy.address",
    "checkpoint_seconds",
)


def identity_part(tree: Mapping[str, Any]) -> dict[str, Any]:
    """The tree without the keys of `NOT_IN_IDENTITY`."""
    part = dict(tree)
    for key in NOT_IN_IDENTITY:
        group, _, name = key.rpartition(".")
        if not group:
            part.pop(name, None)
        elif isinstance(part.get(group), Mapping):
            part[group] = {other: value for other, value in part[group].items() if other != name}
    return part


def canonical(tree: Mapping[str, Any], doubts: list[str] | None = None) -> dict[str, Any]:
    """The tree in the one form that stands for all equal ones: plain dicts with text keys, lists, JSON's scalars.

    Numbers stay what they are, an int is no float and no bool. What JSON cannot hold exactly becomes a text that
    begins with `!`: `!float:nan`, or `!int:1` for a key that is an int.

    Parameters
    ----------
    doubts
        Gets a line for each value that has no canonical form. Without it such a value is a UserError.
    """
    problems: list[str] = []
    form: dict[str, Any] = _form(tree, "", problems)
    if doubts is None and problems:
        raise UserError(problems[0])
    if doubts is not None:
        doubts += problems
    return form


def canonical_json(tree: Mapping[str, Any]) -> str:
    """One text for all equal trees: sorted keys, shortest form of every number."""
    return as_json(canonical(tree))


def as_json(form: Mapping[str, Any]) -> str:
    """The text of a tree that is canonical already."""
    # Not in ASCII: escapes would write one character beyond the 16-bit range and its two surrogates alike.
    return json.dumps(form, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def leaves(form: Any, key: str = "", split_lists: bool = True) -> Iterator[tuple[str, Any]]:
    """Every value of a canonical tree that holds no others, with its key, as `a.b[0].c`; empty dicts and lists too.

    Without `split_lists` a list of plain values is one value.
    """
    if isinstance(form, dict) and form:
        for name, value in form.items():
            yield from leaves(value, _join(key, name), split_lists)
    elif isinstance(form, list) and form and (split_lists or any(isinstance(item, dict | list) for item in form)):
        for number, value in enumerate(form):
            yield from leaves(value, f"{key}[{number}]", split_lists)
    else:
        yield key, form


def _form(value: Any, key: str, problems: list[str]) -> Any:
    # Exact types: an enum or a NumPy scalar that looks like an int is something else to the code that gets it.
    kind = type(value)
    if value is None or kind is bool or kind is int:
        return value
    if kind is float:
        return value if math.isfinite(value) else f"!float:{value}"
    if kind is str:
        return f"!str:{value}" if value.startswith("!") else value
    if isinstance(value, Mapping):
        return {_key(name, key, problems): _form(item, _join(key, name), problems) for name, item in value.items()}
    if kind is list or kind is tuple:
        return [_form(item, f"{key}[{number}]", problems) for number, item in enumerate(value)]
    problems.append(f"{key}: a {kind.__name__} cannot be compared between runs; give a number, a text or a list")
    return f"!{kind.__name__}"


def _key(name: Any, key: str, problems: list[str]) -> str:
    if type(name) is str:
        return f"!str:{name}" if name.startswith("!") else name
    if name is None or type(name) in (bool, int, float):
        return f"!{type(name).__name__}:{name!r}"
    problems.append(f"{key}: a {type(name).__name__} as a key cannot be compared between runs; use a text")
    return f"!{type(name).__name__}"


def _join(key: str, name: Any) -> str:
    # A dot in a name is no step down.
    part = str(name).replace(".", "\\.")
    return f"{key}.{part}" if key else part
