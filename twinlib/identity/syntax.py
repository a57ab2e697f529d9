"""What one source file says: its syntax tree in hashes, and what each part of it leads to.

Everything errs on one side: a part too much is a run too much, a part too few is a wrong result.
"""

import ast
import hashlib
import itertools
import warnings
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from typing import Any

from twinlib.identity.definitions import Definition, Definitions, header
from twinlib.identity.reach import Reach, aliases_of, text_of


@dataclass(frozen=True)
class Part:
    """Some statements of a module, and what they lead to.

    Parameters
    ----------
    trees
        Hash of the syntax tree of each statement.
    name
        Of a definition that does nothing until something names it; None for what counts in any case.
    imports
        Dotted names of modules, or of things in modules, with leading dots where they are relative.
    uses
        The same for what the code does something with.
    texts
        Strings that could be such names.
    words
        All names in it, and in its strings, separated by blanks.
    reads
        Line and name of files that it reads.
    unseen
        Line and name of what reaches further than can be read off.
    sees_source
        Whether it can see docstrings, comments or line numbers.
    sees_all
        Whether it can see everything that a module holds without naming it.
    outside
        Top-level modules that must not be the project's, or else the definition counts in any case.
    """

    trees: tuple[str, ...]
    name: str | None = None
    imports: tuple[str, ...] = ()
    uses: tuple[str, ...] = ()
    texts: tuple[str, ...] = ()
    words: str = ""
    reads: tuple[tuple[int, str], ...] = ()
    unseen: tuple[tuple[int, str], ...] = ()
    sees_source: bool = False
    sees_all: bool = False
    outside: tuple[str, ...] = ()


@dataclass(frozen=True)
class Text:
    """What one source file says.

    `source` is the hash of all its bytes. `parts` are in the order of the file. `binds` are the names that it gives to
    anything; with `*` among them it may have any name at all. `aliases` says what those stand for that an import binds.
    `deps` is its `__code_deps__`. `error` says why it could not be parsed.
    """

    source: str
    parts: tuple[Part, ...]
    binds: tuple[str, ...] = ()
    aliases: dict[str, list[str]] | None = None
    deps: tuple[str, ...] | None = None
    error: str | None = None

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, tree: dict[str, Any]) -> "Text":
        # JSON has no tuples, and these go into sets.
        pairs = [{key: tuple(map(tuple, part[key])) for key in ("reads", "unseen")} for part in tree["parts"]]
        return cls(
            **{**tree, "parts": tuple(Part(**{**part, **own}) for part, own in zip(tree["parts"], pairs, strict=True))}
        )


def opaque(digest: str, error: str | None = None) -> Text:
    """A file of which only the bytes are known, so that it may do anything."""
    return Text(digest, (Part((digest,), sees_all=True),), ("*",), error=error)


def read(source: bytes, package: bool) -> Text:
    """Read one file; `package` when it is an `__init__`, whose code means something else in another place."""
    kind = "package" if package else "module"
    raw = hashlib.sha256(kind.encode() + b"\n" + source).hexdigest()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about the file, such as an invalid escape: for its author, not for us
            tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        return opaque(raw, str(error))
    _drop_texts(tree)
    nodes = list(ast.walk(tree))
    aliases = aliases_of(nodes)
    deps, declaration = _deps(tree)
    waiting = Definitions(tree, aliases)
    headers = [node for one in tree.body if waiting.waits(one) for node in header(one, ast.Attribute)]
    parts = [_part((kind,), Reach(headers, aliases, package))]
    for statements in _grouped(tree, waiting):
        try:
            trees = tuple(_hash(ast.dump(statement)) for statement in statements)
        except (ValueError, RecursionError):
            trees = (raw,)  # an expression too deep or an integer too long to write down: then every byte counts
        first = statements[0]
        public = _public_names(first)
        within = [node for one in statements for node in ast.walk(one) if id(node) not in declaration]
        part = _part(trees, Reach(within if public is None else public, aliases, package))
        if public is not None:
            part = replace(part, words="")  # what a list of public names names, it does nothing with
        elif isinstance(first, Definition) and waiting.waits(first):
            part = replace(part, name=first.name, outside=tuple(sorted(waiting.outside(first))))
        parts.append(part)
    if deps is not None:
        # A table of names to be imported is what the declaration is about.
        parts = [replace(part, texts=()) for part in parts]
    return Text(
        source=raw,
        parts=tuple(parts),
        binds=tuple(sorted(set(_binds(nodes)))),
        aliases={name: sorted(meanings) for name, meanings in aliases.items()},
        deps=deps,
    )


def _hash(text: str) -> str:
    return hashlib.blake2b(text.encode(errors="surrogatepass"), digest_size=16).hexdigest()


def _part(trees: tuple[str, ...], reach: Reach) -> Part:
    return Part(
        trees=trees,
        imports=tuple(sorted(reach.imports)),
        uses=tuple(sorted(reach.uses)),
        texts=tuple(sorted(reach.texts)),
        words=" ".join(sorted(reach.words)),
        reads=tuple(sorted(reach.reads)),
        unseen=tuple(sorted(reach.unseen)),
        sees_source=reach.sees_source,
        sees_all=reach.sees_all,
    )


def _grouped(tree: ast.Module, waiting: Definitions) -> Iterator[list[ast.stmt]]:
    """The statements of a module in order: what needs a part of its own alone, the others as long as they follow."""
    for alone, statements in itertools.groupby(
        tree.body, lambda one: waiting.waits(one) or _public_names(one) is not None
    ):
        if alone:
            yield from ([statement] for statement in statements)
        else:
            yield list(statements)


def _public_names(statement: ast.stmt) -> list[ast.AST] | None:
    """The texts in `__all__ = ["a", "b"]`; None if it is another statement."""
    match statement:
        case ast.Assign(targets=[ast.Name(id="__all__")], value=ast.List(elts=names) | ast.Tuple(elts=names)):
            return list(names) if all(text_of(name) is not None for name in names) else None
    return None


def _deps(tree: ast.Module) -> tuple[tuple[str, ...] | None, set[int]]:
    """What a module declares, and the nodes of the declaration; it counts only if it stands there once, written out."""
    found, nodes = [], set[int]()
    for statement in tree.body:
        match statement:
            case (
                ast.Assign(targets=[ast.Name(id="__code_deps__")], value=ast.List(elts=items) | ast.Tuple(elts=items))
                | ast.AnnAssign(target=ast.Name(id="__code_deps__"), value=ast.List(elts=items) | ast.Tuple(elts=items))
            ):
                found.append([text_of(item) for item in items])
                nodes |= {id(node) for node in ast.walk(statement)}
    mentions = sum(isinstance(node, ast.Name) and node.id == "__code_deps__" for node in ast.walk(tree))
    if len(found) == mentions == 1 and None not in found[0]:
        return tuple(str(item) for item in found[0]), nodes
    return None, set()


def _binds(nodes: list[ast.AST]) -> Iterator[str]:
    for node in nodes:
        if isinstance(node, Definition):
            yield "*" if node.name == "__getattr__" else node.name
        elif isinstance(node, ast.alias):
            yield node.asname or node.name.partition(".")[0]
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id
        elif isinstance(node, ast.Name) and node.id in ("globals", "setattr", "vars"):
            yield "*"


def _drop_texts(tree: ast.AST) -> None:
    """Take away docstrings and all other statements that are nothing but a string."""
    for node in ast.walk(tree):
        for field in ("body", "orelse", "finalbody"):
            statements = getattr(node, field, None)
            if isinstance(statements, list):
                kept = [statement for statement in statements if not _is_text(statement)]
                if len(kept) < len(statements):
                    setattr(node, field, kept if kept or isinstance(node, ast.Module) else [ast.Pass()])


def _is_text(statement: ast.AST) -> bool:
    return isinstance(statement, ast.Expr) and text_of(statement.value) is not None
