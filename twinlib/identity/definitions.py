"""Which functions and classes of a module do nothing at all until something names them.

Only at the top level of a module, and only where Python runs no code of the project's or a package's own when it comes
to the definition: no decorator, no metaclass, no base class that could take note of its subclasses, no call in a
default or an annotation. All other statements count whenever the module is imported.
"""

import ast
import builtins
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef

# Base classes that do not learn of their subclasses: their type is `type`, and no class above them has an
# `__init_subclass__`.
QUIET_BASES = {
    "torch.nn.Module",
    "lightning.LightningModule",
    "lightning.pytorch.LightningModule",
    "keras.Model",
    "keras.Layer",
    "keras.layers.Layer",
    *(name for name, found in vars(builtins).items() if isinstance(found, type) and issubclass(found, Exception)),
    "object",
}
_DECORATORS = {"property", "staticmethod", "classmethod"}
_GENERICS = {"list", "dict", "tuple", "set", "frozenset", "type"}
_TYPES = {"bool", "bytes", "complex", "float", "int", "str", *_GENERICS}


class Definitions:
    """The definitions of a module that wait to be named.

    Parameters
    ----------
    tree
        The module, without docstrings.
    aliases
        What each name that an import binds stands for.
    """

    def __init__(self, tree: ast.Module, aliases: Mapping[str, set[str]]) -> None:
        self._aliases = aliases
        self._bound = Counter(_bound_names(tree))
        self._classes = {node.name: node for node in tree.body if isinstance(node, ast.ClassDef)}

    def waits(self, statement: ast.stmt) -> bool:
        """Whether a statement of the module's top level is such a definition."""
        if not isinstance(statement, Definition) or statement.decorator_list or _is_special(statement.name):
            return False
        if isinstance(statement, ast.ClassDef):
            return self._is_quiet_class(statement)
        return self._is_quiet_header(statement)

    def outside(self, statement: Definition) -> set[str]:
        """Top-level modules that have to be other people's for a definition to wait."""
        operands: list[ast.expr] = list(statement.bases) if isinstance(statement, ast.ClassDef) else []
        for expression in header(statement, ast.Subscript | ast.BinOp):
            for node in ast.walk(expression):
                if isinstance(node, ast.Subscript):
                    operands.append(node.value)
                elif isinstance(node, ast.BinOp):
                    operands += [node.left, node.right]
        return {meaning.partition(".")[0] for node in operands if (meaning := self._meaning(node))}

    def _is_quiet_class(self, node: ast.ClassDef) -> bool:
        if node.keywords or getattr(node, "type_params", []):
            return False
        return all(self._is_quiet_base(base, node) for base in node.bases) and all(
            map(self._is_quiet_in_class, node.body)
        )

    def _is_quiet_base(self, base: ast.expr, node: ast.ClassDef) -> bool:
        if isinstance(base, ast.Name) and base.id in self._classes:
            # A class of this module, from before; a name that may stand for something else is bound twice.
            known = self._classes[base.id]
            return self._bound[base.id] == 1 and known.lineno < node.lineno and self.waits(known)
        return self._meaning(base) in QUIET_BASES or self._is_builtin(base, QUIET_BASES)

    def _is_quiet_in_class(self, node: ast.stmt) -> bool:
        if isinstance(node, ast.Pass) or (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)):
            return True
        if isinstance(node, ast.Assign):
            return all(isinstance(target, ast.Name) for target in node.targets) and _is_quiet(node.value)
        if isinstance(node, ast.AnnAssign):
            value = node.value is None or _is_quiet(node.value)
            return isinstance(node.target, ast.Name) and value and self._is_quiet_annotation(node.annotation)
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) or node.name == "__init_subclass__":
            return False
        decorators = all(
            isinstance(one, ast.Name) and self._is_builtin(one, _DECORATORS) for one in node.decorator_list
        )
        return decorators and self._is_quiet_header(node)

    def _is_quiet_header(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
        arguments = node.args
        every = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs, arguments.vararg, arguments.kwarg]
        annotations = [node.returns, *(argument.annotation for argument in every if argument)]
        defaults = [*arguments.defaults, *arguments.kw_defaults]
        return (
            not getattr(node, "type_params", [])
            and all(_is_quiet(default) for default in defaults if default)
            and all(self._is_quiet_annotation(annotation) for annotation in annotations if annotation)
        )

    def _is_quiet_annotation(self, node: ast.expr) -> bool:
        if isinstance(node, ast.Subscript):
            return self._is_foreign(node.value) and self._is_quiet_annotation(node.slice)
        if isinstance(node, ast.BinOp):
            return self._is_foreign(node.left) and self._is_foreign(node.right)
        if isinstance(node, ast.Tuple | ast.List):
            return all(map(self._is_quiet_annotation, node.elts))
        if isinstance(node, ast.Attribute):
            return self._meaning(node) is not None
        return _is_quiet(node)

    def _is_foreign(self, node: ast.expr) -> bool:
        """Whether an operator on it, as in `int | None` or `Callable[..., int]`, is other people's code."""
        if isinstance(node, ast.Subscript | ast.BinOp):
            return self._is_quiet_annotation(node)
        if isinstance(node, ast.Constant) or self._is_builtin(node, _TYPES):
            return True
        return not (self._meaning(node) or ".").startswith(".")

    def _meaning(self, node: ast.expr) -> str | None:
        """What a dotted name stands for that begins with an import, if that can be only one thing."""
        names: list[str] = []
        while isinstance(node, ast.Attribute):
            names.insert(0, node.attr)
            node = node.value
        if not isinstance(node, ast.Name) or self._bound["*"]:
            return None
        meanings = self._aliases.get(node.id, set())
        return ".".join([*meanings, *names]) if len(meanings) == self._bound[node.id] == 1 else None

    def _is_builtin(self, node: ast.expr, names: set[str]) -> bool:
        return isinstance(node, ast.Name) and node.id in names and self._bound[node.id] == self._bound["*"] == 0


def header(statement: ast.AST, kind: Any) -> Iterator[Any]:
    """The outermost expressions of a kind that Python evaluates when it comes to a definition."""
    for field, value in ast.iter_fields(statement):
        for node in value if isinstance(value, list) else [value]:
            if isinstance(node, kind):
                yield node
            elif isinstance(node, ast.AST) and (field != "body" or isinstance(statement, ast.ClassDef)):
                yield from header(node, kind)


def _is_special(name: str) -> bool:
    """Names that Python looks for by itself, such as `__getattr__` of a module."""
    return name.startswith("__") and name.endswith("__")


def _is_quiet(node: ast.expr) -> bool:
    """Whether an expression does nothing but give a value."""
    if isinstance(node, ast.UnaryOp):
        return isinstance(node.operand, ast.Constant)
    if isinstance(node, ast.Tuple | ast.List):
        return all(map(_is_quiet, node.elts))
    if isinstance(node, ast.Dict):
        return all(isinstance(key, ast.Constant) for key in node.keys) and all(map(_is_quiet, node.values))
    return isinstance(node, ast.Constant | ast.Name)


def _bound_names(tree: ast.Module) -> Iterator[str]:
    """Every name as often as anything in the module binds it, in whatever scope; `*` for a star import."""
    for node in ast.walk(tree):
        if isinstance(node, Definition):
            yield node.name
        elif isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
            yield node.id
        elif isinstance(node, ast.arg):
            yield node.arg
        elif isinstance(node, ast.alias):
            yield node.asname or node.name.partition(".")[0]
        elif isinstance(node, ast.ExceptHandler | ast.MatchAs | ast.MatchStar) and node.name:
            yield node.name
        elif isinstance(node, ast.MatchMapping) and node.rest:
            yield node.rest
