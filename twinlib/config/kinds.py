"""Is a value of a config of the kind that an argument is annotated with? Read off the source, as `signature` does."""

import ast
from collections.abc import Mapping
from typing import Any

_SINGLE = {"bool": "true or false", "int": "a whole number", "float": "a number", "str": "a text"}
_MANY = {
    "Sequence": "a list",
    "list": "a list",
    "tuple": "a list",
    "Mapping": "keys with values",
    "dict": "keys with values",
}


def needed(value: Any, annotation: ast.expr | None) -> str | None:
    """What would fit instead of `value`; None where it fits or the annotation says nothing that a config could meet.

    Whole numbers are numbers; what is built from a `_target_` may be of any kind.
    """
    if isinstance(value, Mapping) and "_target_" in value:
        return None
    wanted = []
    for part in _parts(annotation):
        words = _misfit(value, part)
        if words is None:
            return None
        wanted.append(words)
    return " or ".join(dict.fromkeys(wanted)) or None


def _parts(annotation: ast.expr | None) -> list[ast.expr]:
    """The types of a union."""
    if isinstance(annotation, ast.BinOp) and isinstance(annotation.op, ast.BitOr):
        return [*_parts(annotation.left), *_parts(annotation.right)]
    return [annotation] if annotation is not None else []


def _misfit(value: Any, kind: ast.expr) -> str | None:
    if isinstance(kind, ast.Constant) and kind.value is None:
        return None if value is None else "null"
    if isinstance(kind, ast.Name) and kind.id in _SINGLE:
        return None if _is(value, kind.id) else _SINGLE[kind.id]
    inner = kind.slice if isinstance(kind, ast.Subscript) else None
    kind = kind.value if isinstance(kind, ast.Subscript) else kind
    if not isinstance(kind, ast.Name) or kind.id not in _MANY:
        return None
    words = _MANY[kind.id]
    if words == "keys with values":
        if not isinstance(value, Mapping):
            return f"{words}, as {{KEY: VALUE}}"
        each = inner.elts[1] if isinstance(inner, ast.Tuple) else None
        wrong_keys = [
            f"{words}; {key} has to be {found}" for key, item in value.items() if (found := needed(item, each))
        ]
        return wrong_keys[0] if wrong_keys else None
    if not isinstance(value, list | tuple):
        return f"{words}, as [ONE, TWO]"
    first = (
        inner.elts[0] if isinstance(inner, ast.Tuple) and len(inner.elts) == 2 and _endless(inner.elts[1]) else inner
    )
    if isinstance(first, ast.Tuple):
        return None
    wrong = next((found for each in value if (found := needed(each, first))), None)
    return f"{words}, each of it {wrong}" if wrong else None


def _is(value: Any, kind: str) -> bool:
    if isinstance(value, bool) or kind == "bool":
        return isinstance(value, bool) and kind == "bool"
    return isinstance(value, {"int": int, "float": int | float, "str": str}[kind])


def _endless(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is Ellipsis
