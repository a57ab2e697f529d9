"""What a part of a module's code imports, names, reads, and reaches in ways that cannot be read off."""

import ast
import itertools
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

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

# Names by which code sees all that a module holds, or all subclasses of a class, without naming any of it.
VIEWS = {
    *("__dict__", "__globals__", "__subclasses__", "__init_subclass__", "__build_class__", "__prepare__", "__all__"),
    *("f_globals", "f_locals", "f_back", "_getframe", "currentframe", "getmembers", "getmodule"),
    *("get_objects", "get_referrers"),
}
VIEWS_BARE = {"globals", "locals", "vars", "dir", "__builtins__", "__name__", "__package__"}
VIEWS_MODULES = {"builtins"}
VIEWS_PAIRS = {("inspect", "stack"), ("inspect", "trace")}

_DOTTED = re.compile(r"\.*[^\W\d]\w*(\.[^\W\d]\w*)*")
_CHAIN = re.compile(r"[^\W\d]\w*(?:\.[^\W\d]\w*)*")
_WORD = re.compile(r"[^\W\d]\w*")


def words(text: str) -> list[str]:
    """Everything in a text that could be a name."""
    return _WORD.findall(text)


def dotted_names(text: str) -> set[str]:
    """Everything in a text that could be a dotted name."""
    return {found for found in _CHAIN.findall(text) if "." in found}


def text_of(node: ast.AST | None) -> str | None:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None


def aliases_of(nodes: Iterable[ast.AST]) -> dict[str, set[str]]:
    """What each name that an import binds, in whatever scope, stands for; relative ones with leading dots."""
    aliases: dict[str, set[str]] = {}
    for node in nodes:
        if isinstance(node, ast.Import):
            for alias in node.names:
                top = alias.name.partition(".")[0]
                aliases.setdefault(alias.asname or top, set()).add(alias.name if alias.asname else top)
        elif isinstance(node, ast.ImportFrom):
            for alias in node.names:
                aliases.setdefault(alias.asname or alias.name, set()).add(_imported(node, alias))
    return aliases


class Reach:
    """Everything that some statements of a module lead to; `syntax.Part` says what is what."""

    def __init__(self, nodes: Sequence[ast.AST], aliases: Mapping[str, set[str]], package: bool) -> None:
        self.imports: set[str] = set()
        self.uses: set[str] = set()
        self.texts: set[str] = set()
        self.words: set[str] = set()
        self.reads: set[tuple[int, str]] = set()
        self.unseen: set[tuple[int, str]] = set()
        self.sees_source = False
        self.sees_all = False
        self._aliases = aliases
        self._package = package
        # Parts of what is looked at as a whole, and what is harmless where it stands.
        done = {id(part) for node in nodes for part in _covered(node)}
        for node in nodes:
            self.words.update(_names_in(node))
            if id(node) not in done:
                self._read(node)

    def _read(self, node: ast.AST) -> None:
        if isinstance(node, ast.Import | ast.ImportFrom):
            self._import(node)
        elif isinstance(node, ast.Call):
            self._call(node)
        elif isinstance(node, ast.Attribute | ast.Name):
            self._chain(node)
        elif isinstance(node, ast.Constant):
            self._constant(node)
        elif isinstance(node, ast.Dict):
            for key, value in zip(node.keys, node.values, strict=True):
                self._target(text_of(key), value)
        elif isinstance(node, ast.keyword):
            self._target(node.arg, node.value)
        elif isinstance(node, ast.Assign):
            for target in node.targets:
                if isinstance(target, ast.Subscript):
                    self._target(text_of(target.slice), node.value)

    def _import(self, node: ast.Import | ast.ImportFrom) -> None:
        for alias in node.names:
            name = alias.name if isinstance(node, ast.Import) else _imported(node, alias)
            self.imports.add(name)
            self.sees_source |= name.partition(".")[0] in SEES_SOURCE_MODULES
            if isinstance(node, ast.Import) or alias.name not in IMPORTERS or alias.asname:
                self._look(name, node.lineno)

    def _call(self, node: ast.Call) -> None:
        name = _last(node.func)
        first = text_of(node.args[0]) if node.args else None
        if name in IMPORTERS and first is not None:
            self.imports.add(first)
            self.uses.add(first)
            self._look(first, node.lineno)
            if name == "__import__":
                self.uses.add(first.partition(".")[0])  # which is what it returns
            anchor = _argument(node, 1, "package")
            known = isinstance(anchor, ast.Name) and anchor.id in ("__package__", "__name__")
            if first.startswith(".") and not known:
                self.unseen.add((node.lineno, name))
        if name in READERS or name.startswith(READERS_BEGIN):
            path = _path(_argument(node, 0, "file", "path", "filename", "fname"))
            if path and (text_of(_argument(node, 1, "mode")) or "r")[0] not in "wax":
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
            self.uses.add(".".join([bound, *names]))
            self._look(".".join([bound, *names]), node.lineno)
        self._look(".".join([part.id, *names]), node.lineno, bare=not names)

    def _look(self, dotted: str, line: int, bare: bool = False) -> None:
        names = dotted.split(".")
        pairs = set(itertools.pairwise(names))
        self.sees_source |= not SEES_SOURCE.isdisjoint(names) or not SEES_SOURCE_PAIRS.isdisjoint(pairs)
        self.sees_all |= not (VIEWS | VIEWS_MODULES).isdisjoint(names) or not VIEWS_PAIRS.isdisjoint(pairs)
        for name in REACHES.intersection(names):
            self.unseen.add((line, name))
        for pair in REACHES_PAIRS & pairs:
            self.unseen.add((line, ".".join(pair)))
        if bare and dotted in REACHES_BARE:
            self.unseen.add((line, dotted))
        self.sees_all |= bare and dotted in VIEWS_BARE

    def _constant(self, node: ast.Constant) -> None:
        text = text_of(node)
        if text is None or not _DOTTED.fullmatch(text):
            return
        self.sees_source |= text in SEES_SOURCE
        self.sees_all |= text in VIEWS
        if "." in text:
            self.texts.add(text)
        elif self._package:
            # `__all__` of a star import, or a table of lazily loaded submodules
            self.texts.add("." + text)

    def _target(self, key: str | None, value: ast.expr) -> None:
        # A config made by the code, whose `_target_` is imported when it is built.
        if key == "_target_" and text_of(value) is None:
            self.unseen.add((value.lineno, "_target_"))


def _imported(node: ast.ImportFrom, alias: ast.alias) -> str:
    start = "." * node.level + (node.module or "")
    return f"{start}.{alias.name}" if node.module else f"{start}{alias.name}"


def _names_in(node: ast.AST) -> Iterator[str]:
    """All names that a node itself holds, texts included."""
    for _, value in ast.iter_fields(node):
        for item in value if isinstance(value, list) else [value]:
            if isinstance(item, str):
                yield from words(item)


def _covered(node: ast.AST) -> Iterator[ast.AST]:
    """Parts of a node that are looked at together with it."""
    if isinstance(node, ast.Attribute):
        part = node.value
        while isinstance(part, ast.Attribute):
            yield part
            part = part.value
        if isinstance(part, ast.Name):
            yield part
    elif (
        isinstance(node, ast.Call) and _last(node.func) in IMPORTERS and node.args and text_of(node.args[0]) is not None
    ):
        yield node.func
        yield from filter(_is_own_name, node.args[1:])
    elif isinstance(node, ast.Call) and _last(node.func) == "getLogger":
        yield from filter(_is_own_name, node.args)
    elif isinstance(node, ast.FormattedValue) and _is_own_name(node.value):
        yield node.value
    elif isinstance(node, ast.Assign):
        # `os.environ["X"] = "1"` reads nothing.
        for target in node.targets:
            if isinstance(target, ast.Subscript) and _last(target.value) == "environ":
                yield target.value


def _is_own_name(node: ast.AST) -> bool:
    return isinstance(node, ast.Name) and node.id in ("__name__", "__package__")


def _last(node: ast.AST) -> str:
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def _argument(node: ast.Call, position: int, *keywords: str) -> ast.AST | None:
    if len(node.args) > position:
        return node.args[position]
    return next((keyword.value for keyword in node.keywords if keyword.arg in keywords), None)


def _path(node: ast.AST | None) -> str | None:
    """The file that an argument names, or the folder that a pattern or a text made at run time begins with."""
    if isinstance(node, ast.JoinedStr) and node.values:
        return (text_of(node.values[0]) or "").rpartition("/")[0] or None
    text = text_of(node) or ""
    start = re.split(r"[*?\[]", text)[0]
    return text if start == text else start.rpartition("/")[0]
