"""What one source file says: the hash of its syntax tree, what it imports, and what it reaches that cannot be read off.

Everything errs on one side: a module too much is a run too much, a module too few is a wrong result.
"""

import ast
import hashlib
import itertools
import re
import warnings
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

# Names, bare or as an attribute of anything, by which a module reaches code, files or settings that its text does not
# show. Such a module says what it reaches in `__code_deps__`.
REACHES = {
    *("import_module", "__import__", "exec_module", "load_module", "reload_module", "SourceFileLoader"),
    *("spec_from_file_location", "spec_from_loader", "module_from_spec", "entry_points", "iter_modules"),
    *("walk_packages", "extend_path", "run_path", "run_module", "addsitedir", "meta_path", "path_hooks"),
    *("CDLL", "PyDLL", "cdll", "pydll", "LoadLibrary", "dlopen", "FFI", "load_library", "load_op_library"),
    *("cpp_extension", "subprocess", "Popen", "popen", "posix_spawn", "Unpickler", "read_pickle"),
    *("__file__", "__path__", "__loader__", "__spec__", "getfile", "getsourcefile", "getabsfile"),
    *("environ", "environb", "getenv", "find_spec", "__code_deps__"),
}
# The same for names too common to stand alone: as a bare name, or after the name they belong to.
REACHES_BARE = {"exec", "eval"}
REACHES_PAIRS = {
    *(("builtins", name) for name in ("exec", "eval")),
    *(("sys", name) for name in ("path", "modules")),
    *(("os", name) for name in ("system", "execv", "execve", "execvp", "execl", "spawnv", "spawnl")),
    *(("importlib", name) for name in ("resources", "metadata", "reload", "machinery")),
    *(("utils", name) for name in ("get_class", "get_method", "get_object", "get_static_method")),
    # What is unpickled names the classes that it is made of.
    *((module, name) for module in ("pickle", "cloudpickle", "dill", "joblib") for name in ("load", "loads")),
    *(("pkgutil", "get_data"), ("pydoc", "locate"), ("torch", "hub"), ("numpy", "ctypeslib")),
}
# Of these, a call with a text as its first argument can be read off.
IMPORTERS = {
    "import_module",
    "__import__",
    "get_class",
    "get_method",
    "get_object",
    "get_static_method",
    "locate",
    "find_spec",
}
# Names by which code sees what the syntax tree leaves out: docstrings, comments, line numbers.
SEES_SOURCE = {
    *("__doc__", "getdoc", "getcomments", "getsource", "getsourcelines", "findsource", "getframeinfo"),
    *("f_lineno", "tb_lineno", "co_firstlineno", "co_lines", "extract_stack", "__code__"),
}
SEES_SOURCE_PAIRS = {("torch", "jit")}  # it reads type comments
SEES_SOURCE_MODULES = {"linecache", "tokenize", "ply"}
# Calls whose first argument is a file or folder that is read, by their name or its beginning.
READERS = {
    *("Path", "File", "join", "glob", "iglob", "listdir", "scandir", "walk", "connect", "memmap", "imread"),
    *("genfromtxt", "fromfile", "from_pretrained"),
}
READERS_BEGIN = ("open", "read", "load")

_DOTTED = re.compile(r"\.*[^\W\d]\w*(\.[^\W\d]\w*)*")


@dataclass(frozen=True)
class Text:
    """What one source file says.

    `tree` and `source` are hashes of the normalised syntax tree and of all bytes. `imports` are dotted names, with
    leading dots where they are relative: modules, or things in modules. `texts` are strings of the code that could be
    such names, `reads` files that it names. `binds` are the names that it gives to anything; with `*` among them it may
    have any name at all. `deps` is its `__code_deps__`. `unseen` has line and name of everything
    that reaches further than can be read off. `error` says why it could not be parsed.
    """

    tree: str
    source: str
    imports: tuple[str, ...] = ()
    texts: tuple[str, ...] = ()
    binds: tuple[str, ...] = ()
    reads: tuple[tuple[int, str], ...] = ()
    deps: tuple[str, ...] | None = None
    unseen: tuple[tuple[int, str], ...] = ()
    sees_source: bool = False
    error: str | None = None

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, tree: dict[str, Any]) -> "Text":
        return cls(**tree)


def read(source: bytes, package: bool) -> Text:
    """Read one file; `package` when it is an `__init__`, whose code means something else in another place."""
    kind = b"package\n" if package else b"module\n"
    raw = hashlib.sha256(kind + source).hexdigest()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about the file, such as an invalid escape: for its author, not for us
            tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        return Text(tree=raw, source=raw, error=str(error))
    reader = _Reader(tree, package)
    _drop_texts(tree)
    try:
        normal = hashlib.sha256(kind + ast.dump(tree).encode(errors="surrogatepass")).hexdigest()
    except (ValueError, RecursionError):
        normal = raw  # an expression too deep or an integer too long to write down: then every byte counts
    return Text(
        tree=normal,
        source=raw,
        imports=tuple(sorted(reader.imports)),
        texts=tuple(sorted(reader.texts)),
        binds=tuple(sorted(reader.binds)),
        reads=tuple(sorted(reader.reads)),
        deps=reader.deps,
        unseen=tuple(sorted(reader.unseen)),
        sees_source=reader.sees_source,
    )


def _drop_texts(tree: ast.AST) -> None:
    """Take away docstrings and all other statements that are nothing but a string."""
    for node in ast.walk(tree):
        for field in ("body", "orelse", "finalbody"):
            statements = getattr(node, field, None)
            if isinstance(statements, list):
                kept = [statement for statement in statements if not _is_text(statement)]
                if len(kept) < len(statements):
                    setattr(node, field, kept or [ast.Pass()])


def _is_text(statement: ast.AST) -> bool:
    return isinstance(statement, ast.Expr) and _text(statement.value) is not None


def _text(node: ast.AST | None) -> str | None:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None


class _Reader:
    """One pass for the names that imports bind, one for everything that uses them."""

    def __init__(self, tree: ast.Module, package: bool) -> None:
        self.imports: set[str] = set()
        self.texts: set[str] = set()
        self.binds: set[str] = set()
        self.reads: set[tuple[int, str]] = set()
        self.unseen: set[tuple[int, str]] = set()
        self.sees_source = False
        self.deps: tuple[str, ...] | None = None
        self._package = package
        self._aliases: dict[str, set[str]] = {}
        nodes = list(ast.walk(tree))
        declared = self._read_deps(tree)
        for node in nodes:
            if isinstance(node, ast.Import | ast.ImportFrom):
                self._import(node)
        # Parts of what has been looked at as a whole, and what is only written.
        done = {id(part) for node in nodes for part in _covered(node)} | declared
        for node in nodes:
            self._bind(node)
            if id(node) not in done:
                self._use(node)
        if self.deps is not None:
            self.texts = set()  # a table of names to be imported is what the declaration is about

    def _read_deps(self, tree: ast.Module) -> set[int]:
        done: set[int] = set()
        for statement in tree.body:
            match statement:
                case ast.Assign(targets=[ast.Name(id="__code_deps__") as name], value=value):
                    pass
                case ast.AnnAssign(target=ast.Name(id="__code_deps__") as name, value=value):
                    pass
                case _:
                    continue
            items: list[Any] = value.elts if isinstance(value, ast.List | ast.Tuple) else [None]
            deps = [_text(item) for item in items]
            if None not in deps:
                self.deps = tuple(str(dep) for dep in deps)
                done |= {id(name)} | {id(item) for item in items}
        return done

    def _import(self, node: ast.Import | ast.ImportFrom) -> None:
        if isinstance(node, ast.Import):
            for alias in node.names:
                self.imports.add(alias.name)
                bound = alias.name if alias.asname else alias.name.partition(".")[0]
                self._aliases.setdefault(alias.asname or bound, set()).add(bound)
                self.sees_source |= alias.name.partition(".")[0] in SEES_SOURCE_MODULES
                self._look(alias.name, node.lineno)
            return
        start = "." * node.level + (node.module or "")
        self.sees_source |= start.partition(".")[0] in SEES_SOURCE_MODULES
        for alias in node.names:
            name = f"{start}.{alias.name}" if node.module else f"{start}{alias.name}"
            self.imports.add(name)
            self._aliases.setdefault(alias.asname or alias.name, set()).add(name)
            if alias.name not in IMPORTERS or alias.asname:
                self._look(name, node.lineno)

    def _bind(self, node: ast.AST) -> None:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            self.binds.add("*" if node.name == "__getattr__" else node.name)
        elif isinstance(node, ast.alias):
            self.binds.add(node.asname or node.name.partition(".")[0])
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            self.binds.add(node.id)
        elif isinstance(node, ast.Name) and node.id in ("globals", "setattr", "vars"):
            self.binds.add("*")

    def _use(self, node: ast.AST) -> None:
        if isinstance(node, ast.Call):
            self._call(node)
        elif isinstance(node, ast.Attribute | ast.Name):
            self._chain(node)
        elif isinstance(node, ast.Constant):
            self._constant(node)
        elif isinstance(node, ast.Dict):
            for key, value in zip(node.keys, node.values, strict=True):
                self._target(_text(key), value)
        elif isinstance(node, ast.keyword):
            self._target(node.arg, node.value)
        elif isinstance(node, ast.Assign):
            for target in node.targets:
                if isinstance(target, ast.Subscript):
                    self._target(_text(target.slice), node.value)

    def _call(self, node: ast.Call) -> None:
        name = _last(node.func)
        first = _text(node.args[0]) if node.args else None
        if name in IMPORTERS and first is not None:
            self.imports.add(first)
            anchor = _argument(node, 1, "package")
            known = isinstance(anchor, ast.Name) and anchor.id in ("__package__", "__name__")
            if first.startswith(".") and not known:
                self.unseen.add((node.lineno, name))
        if name in READERS or name.startswith(READERS_BEGIN):
            path = _path(_argument(node, 0, "file", "path", "filename", "fname"))
            if path and (_text(_argument(node, 1, "mode")) or "r")[0] not in "wax":
                self.reads.add((node.lineno, path))

    def _chain(self, node: ast.Attribute | ast.Name) -> None:
        names: list[str] = []
        part: ast.AST = node
        while isinstance(part, ast.Attribute):
            names.insert(0, part.attr)
            part = part.value
        if not isinstance(part, ast.Name):
            self._look(".".join(["", *names]), node.lineno)
            return
        for bound in sorted(self._aliases.get(part.id, ())):
            self.imports.add(".".join([bound, *names]))
            self._look(".".join([bound, *names]), node.lineno)
        self._look(".".join([part.id, *names]), node.lineno, bare=not names)
        if part.id == "__code_deps__":
            self.deps = None

    def _look(self, dotted: str, line: int, bare: bool = False) -> None:
        names = dotted.split(".")
        pairs = set(itertools.pairwise(names))
        if not SEES_SOURCE.isdisjoint(names) or not SEES_SOURCE_PAIRS.isdisjoint(pairs):
            self.sees_source = True
        for name in REACHES.intersection(names):
            self.unseen.add((line, name))
        for pair in REACHES_PAIRS & pairs:
            self.unseen.add((line, ".".join(pair)))
        if bare and dotted in REACHES_BARE:
            self.unseen.add((line, dotted))

    def _constant(self, node: ast.Constant) -> None:
        text = _text(node)
        if text is None or not _DOTTED.fullmatch(text):
            return
        if text == "__doc__":
            self.sees_source = True
        if "." in text:
            self.texts.add(text)
        elif self._package:
            # `__all__` of a star import, or a table of lazily loaded submodules
            self.texts.add("." + text)

    def _target(self, key: str | None, value: ast.expr) -> None:
        # A config made by the code, whose `_target_` is imported when it is built.
        if key == "_target_" and _text(value) is None:
            self.unseen.add((value.lineno, "_target_"))


def _covered(node: ast.AST) -> Iterator[ast.AST]:
    """Parts of a node that are looked at together with it."""
    if isinstance(node, ast.Attribute):
        part = node.value
        while isinstance(part, ast.Attribute):
            yield part
            part = part.value
        if isinstance(part, ast.Name):
            yield part
    elif isinstance(node, ast.Call) and _last(node.func) in IMPORTERS and node.args and _text(node.args[0]) is not None:
        yield node.func
    elif isinstance(node, ast.Assign):
        # `os.environ["X"] = "1"` reads nothing.
        for target in node.targets:
            if isinstance(target, ast.Subscript) and _last(target.value) == "environ":
                yield target.value


def _last(node: ast.AST) -> str:
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def _argument(node: ast.Call, position: int, *keywords: str) -> ast.AST | None:
    if len(node.args) > position:
        return node.args[position]
    return next((keyword.value for keyword in node.keywords if keyword.arg in keywords), None)


def _path(node: ast.AST | None) -> str | None:
    """The file that an argument names, or the folder that a pattern or a text made at run time begins with."""
    if isinstance(node, ast.JoinedStr) and node.values:
        return (_text(node.values[0]) or "").rpartition("/")[0] or None
    text = _text(node) or ""
    start = re.split(r"[*?\[]", text)[0]
    return text if start == text else start.rpartition("/")[0]
