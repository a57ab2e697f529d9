"""Do the keys of a `_target_` node fit the function or class it names? Read off the source, nothing is imported."""

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import twinlib
from twinlib.config.build import refuse_foreign
from twinlib.config.kinds import needed
from twinlib.config.mistakes import nearest
from twinlib.errors import UserError


@dataclass(frozen=True)
class Signature:
    names: tuple[str, ...]
    required: tuple[str, ...]
    open: bool  # takes **kwargs
    kinds: Mapping[str, ast.expr]  # annotations


def check_targets(config: Mapping[str, Any], root: Path) -> None:
    """Refuse keys that the named function does not take, missing ones that it needs, and values of another kind.

    Only the project's own code and twinlib are looked at; a package's functions speak for themselves when built.

    Raises
    ------
    UserError
        Names the key, the function and the nearest argument; or a `_target_` that a config may not call.
    """
    refuse_foreign(config)
    for key, node in _nodes(config, ""):
        target = str(node["_target_"])
        signature = _signature(key, target, root)
        if signature is None:
            continue
        given = [name for name in node if name not in ("_target_", "_partial_")]
        for name in given:
            if name not in signature.names and not signature.open:
                raise UserError(f"{key}.{name}: {target} takes no such key{nearest(name, signature.names)}")
            if words := needed(node[name], signature.kinds.get(name)):
                raise UserError(f"{key}.{name}={node[name]}: has to be {words}")
        if not node.get("_partial_"):
            for name in signature.required:
                if name not in given:
                    raise UserError(f"{key}.{name}: is missing, {target} needs it")


def _nodes(tree: Any, key: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    if isinstance(tree, Mapping):
        if "_target_" in tree:
            yield key, tree
        for name, value in tree.items():
            yield from _nodes(value, f"{key}.{name}" if key else str(name))


def _signature(key: str, target: str, root: Path) -> Signature | None:
    module, _, name = target.rpartition(".")
    source = _source(module, root)
    if source is None:
        return None
    tree = ast.parse(source.read_bytes(), filename=str(source))
    found = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef | ast.ClassDef)}
    if name in found:
        return _with_passed_on(found[name], found)
    if name in _bound(tree) or "*" in _bound(tree) or "__getattr__" in found:
        return None  # re-exported or made at run time: the build will tell
    public = [other for other in found if not other.startswith("_")]
    raise UserError(f"{key}._target_: {module} has no {name}{nearest(name, public)}")


def _bound(tree: ast.Module) -> set[str]:
    """Names that imports and assignments bind anywhere in a module."""
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.alias):
            names.add(node.asname or node.name.split(".")[0])
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.add(node.id)
    return names


def _source(module: str, root: Path) -> Path | None:
    path = Path(*module.split("."))
    for place in (root, Path(twinlib.__file__).parents[1]):
        for candidate in (place / path / "__init__.py", (place / path).with_suffix(".py")):
            if candidate.is_file() and not {"site-packages"} & set(candidate.relative_to(place).parts):
                return candidate
    return None


def _of(node: ast.FunctionDef | ast.ClassDef) -> Signature | None:
    if isinstance(node, ast.FunctionDef):
        return _of_function(node, skip=0) if not node.decorator_list else None
    for item in node.body:
        if isinstance(item, ast.FunctionDef) and item.name == "__init__":
            return _of_function(item, skip=1)
    return None if node.bases or node.decorator_list else Signature((), (), False, {})


def _with_passed_on(node: ast.FunctionDef | ast.ClassDef, found: Mapping[str, Any]) -> Signature | None:
    """A function that returns `Other(…, **settings)` of its own module takes what that one takes."""
    own = _of(node)
    last = node.body[-1]
    if own is None or not isinstance(node, ast.FunctionDef) or not isinstance(last, ast.Return):
        return own
    call, kwarg = last.value, node.args.kwarg
    if kwarg is None or not isinstance(call, ast.Call) or not isinstance(call.func, ast.Name):
        return own
    passed = any(each.arg is None and ast.unparse(each.value) == kwarg.arg for each in call.keywords)
    other = _of(found[call.func.id]) if passed and call.func.id in found else None
    if other is None:
        return own
    names = tuple(dict.fromkeys(own.names + other.names))
    return Signature(names, own.required, other.open, {**other.kinds, **own.kinds})


def _of_function(node: ast.FunctionDef, skip: int) -> Signature:
    spec = node.args
    positional = [argument.arg for argument in spec.posonlyargs + spec.args][skip:]
    optional = positional[len(positional) - len(spec.defaults) :] if spec.defaults else []
    keywords = [argument.arg for argument in spec.kwonlyargs]
    needed = [argument.arg for argument, default in zip(spec.kwonlyargs, spec.kw_defaults, strict=True) if not default]
    required = [name for name in positional if name not in optional] + needed
    arguments = spec.posonlyargs + spec.args + spec.kwonlyargs
    kinds = {argument.arg: argument.annotation for argument in arguments if argument.annotation is not None}
    return Signature(tuple(positional + keywords), tuple(required), spec.kwarg is not None, kinds)
