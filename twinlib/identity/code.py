"""The code part of an identity: everything in the project that a run can reach, found without importing anything.

A module that is imported counts with all that runs on import. A function or class that does nothing by then (see
`definitions`) counts when its name stands, in whatever meaning, in code that counts or in the config. So a neighbour
in the same file may change. Where code could come to a definition without its name, all definitions count: those of a
module that is declared, named by a text or handled as an object, and those of all modules when something looks at
whatever there is.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from twinlib.errors import UserError
from twinlib.identity import reach
from twinlib.identity.data import walk
from twinlib.identity.modules import Module, Modules
from twinlib.identity.sources import Sources
from twinlib.identity.stat_cache import StatCache
from twinlib.identity.syntax import Part, Text

# Files that can hold names of modules and functions: configs that the code reads on its own.
_CONFIGS = (".yaml", ".yml", ".json", ".toml")
_LARGEST_CONFIG = 1_000_000  # bytes
_KERNEL = ("/dev/", "/proc/", "/sys/")  # what looks like files there is none


@dataclass(frozen=True)
class Closure:
    """What a run's code consists of.

    `hashes` has the modules of the project by name, and files that code names as `file:<path>`; `versions` the
    distributions that they import; `doubts` the reasons why something may be missing from both.
    """

    hashes: dict[str, str]
    versions: dict[str, str]
    doubts: tuple[str, ...]


def closure(
    targets: Mapping[str, str],
    words: str,
    deps: Sequence[str],
    root: Path,
    cache: StatCache,
    data: Sequence[Path] = (),
) -> Closure:
    """Follow the imports of `targets`, lazy ones included, through the modules of the project.

    Parameters
    ----------
    targets
        Dotted names of functions and classes that must exist, by the config key that names them.
    words
        All of the config: a text that may name modules and definitions.
    deps
        What the code reaches in ways that cannot be read off: modules (a package with all its modules), or files and
        folders relative to `root`.
    root
        The project folder.
    data
        Files and folders whose content is in the identity already.

    Raises
    ------
    UserError
        An entry of `deps` is neither a module nor a file, or a file cannot be read.
    """
    walker = _Walker(root, cache)
    for module in walker.modules.shadows():
        walker.reach(module)
    for key, target in targets.items():
        if not walker.reach_target(target):
            walker.doubts.append(f"{key}: {target} cannot be found; correct the name, or install what has it")
    walker.reach_in(words)
    for dep in deps:
        walker.reach_declared(dep, "code_deps")
    for path in data:
        walker.reach_in_file(path)
    walker.follow(data)
    return walker.closure()


class _Walker:
    def __init__(self, root: Path, cache: StatCache) -> None:
        self.modules = Modules(root, cache)
        self.doubts: list[str] = []
        self._root = root
        self._cache = cache
        self._sources = Sources(root, cache)
        self._reached: dict[str, tuple[Module, Text]] = {}
        self._counted: dict[str, set[int]] = {}  # parts that count, by module
        self._waiting: dict[str, list[tuple[Module, Part, int]]] = {}  # definitions, by name
        self._words: set[str] = set()
        self._handled: set[str] = set()
        self._everything = False
        self._sees_source = False
        self._pending: list[tuple[Module, Part]] = []
        self._outside: set[str] = set()
        self._files: dict[str, str] = {}
        self._declared: list[Path] = []
        self._reads: set[tuple[str, str]] = set()
        self._unseen: dict[str, set[tuple[int, str]]] = {}

    def reach(self, dotted: str) -> None:
        """Count the module of this name or, of `module.attribute`, the module; and the packages it lies in."""
        prefix = ""
        for part in dotted.split("."):
            prefix = f"{prefix}.{part}" if prefix else part
            module = self.modules.find(prefix)
            if module is None:
                if prefix == part:
                    self._outside.add(part)
                return
            self._take(module)

    def reach_target(self, dotted: str) -> bool:
        """The same for what must exist; False if it does not."""
        module, rest = self._locate(dotted)
        self.reach(dotted)
        self._mention(reach.words(dotted))
        if module is None:
            provider = self.modules.provider(dotted.partition(".")[0])
            return provider.regular or bool(provider.versions)
        return not rest or self._may_bind(module, rest[0])

    def reach_text(self, dotted: str) -> None:
        """The same for a text that may be such a name, or something else."""
        module, rest = self._locate(dotted)
        if module is None or not rest or self._may_bind(module, rest[0]):
            self.reach(dotted)
        if module is not None and not rest:
            self._handle(module)

    def reach_in(self, text: str) -> None:
        """The same for everything in a text that could be a name."""
        for dotted in reach.dotted_names(text):
            self.reach_text(dotted)
        self._mention(reach.words(text))

    def reach_in_file(self, path: Path) -> None:
        """The same for a config that the code reads."""
        if path.suffix in _CONFIGS and path.is_file() and path.stat().st_size <= _LARGEST_CONFIG:
            self.reach_in(path.read_text(errors="replace"))

    def reach_declared(self, dep: str, where: str) -> None:
        """The same for an entry of `code_deps` or `__code_deps__`; a package counts with all its modules."""
        module, rest = self._locate(dep)
        path = self._root / dep
        if module is not None and not rest:
            self.reach(dep)
            self._handle(module)
            for name in self.modules.below(module):
                self.reach(name)
            if module.path is not None:
                return
        if path.exists():
            self._take_path(dep, path)
        elif module is None and self.modules.provider(dep.partition(".")[0]).versions:
            self._outside.add(dep.partition(".")[0])
        elif module is None or rest:
            raise UserError(f"{where}: {dep} is neither a module nor a file in {self._root}")

    def follow(self, data: Sequence[Path]) -> None:
        """Reach all that the reached parts reach; and the files that they read, unless they belong to the data."""
        while self._pending or self._reads:
            while self._pending:
                self._follow(*self._pending.pop())
            self._take_reads(data)

    def closure(self) -> Closure:
        hashes = {}
        for name, (_, text) in self._reached.items():
            counted = [tree for number in sorted(self._counted[name]) for tree in text.parts[number].trees]
            hashes[name] = text.source if self._sees_source else hashlib.sha256(" ".join(counted).encode()).hexdigest()
        versions: dict[str, str] = {}
        for top in sorted(self._outside):
            versions.update(self.modules.provider(top).versions)
        unseen = [_doubt(where, sorted(found)) for where, found in self._unseen.items()]
        doubts = [*self.doubts, *self._sources.doubts, *unseen]
        return Closure(hashes | self._files, versions, tuple(sorted(set(doubts))))

    def _follow(self, module: Module, part: Part) -> None:
        where = self._sources.shown(module.path or module.name)
        self._mention(part.words.split())
        for name in part.imports:
            dotted = _absolute(name, module)
            self.reach(dotted)
            if dotted.endswith(".*") and self._locate(dotted)[0]:
                self._see_everything()
        for name in part.uses:
            dotted = _absolute(name, module)
            self.reach(dotted)
            self._handle_meaning(dotted, set())
        for name in part.texts:
            self.reach_text(_absolute(name, module))
        if part.sees_all or part.sees_source:
            self._see_everything()
        self._sees_source |= part.sees_source
        self._reads |= {(f"{where}:{line}", path) for line, path in part.reads}
        if part.unseen and self._sources.text(str(module.path)).deps is None:
            self._unseen.setdefault(where, set()).update(part.unseen)

    def _locate(self, dotted: str) -> tuple[Module | None, list[str]]:
        """The innermost module of the project that a dotted name goes through, and the rest of the name."""
        parts = dotted.split(".")
        for end in range(len(parts), 0, -1):
            if module := self.modules.find(".".join(parts[:end])):
                return module, parts[end:]
        return None, parts

    def _may_bind(self, module: Module, name: str) -> bool:
        if module.path is None:
            return False
        binds = self._sources.text(module.path).binds
        return name in binds or "*" in binds

    def _take(self, module: Module) -> None:
        if module.name in self._reached:
            return
        if module.path is None:
            # A namespace package has no code; but what else installed packages put into it counts.
            self._outside.add(module.name.partition(".")[0])
            return
        text = self._sources.text(module.path)
        self._reached[module.name] = module, text
        self._counted[module.name] = set()
        where = self._sources.shown(module.path)
        if text.error is not None:
            self.doubts.append(f"{where}: cannot be parsed: {text.error}")
        for number, part in enumerate(text.parts):
            waits = part.name and part.name not in self._words and not any(map(self.modules.find, part.outside))
            if waits and not self._everything:
                self._waiting.setdefault(str(part.name), []).append((module, part, number))
            else:
                self._count(module, part, number)
        for dep in text.deps or ():
            self.reach_declared(dep, f"{where}: __code_deps__")
        if any(module.name.startswith(f"{package}.") for package in self._handled):
            self._handle(module)

    def _count(self, module: Module, part: Part, number: int) -> None:
        if number not in self._counted[module.name]:
            self._counted[module.name].add(number)
            self._pending.append((module, part))

    def _mention(self, words: Sequence[str]) -> None:
        """Count the definitions that have one of these names."""
        for word in set(words) - self._words:
            self._words.add(word)
            for found in self._waiting.pop(word, ()):
                self._count(*found)

    def _see_everything(self) -> None:
        self._everything = True
        while self._waiting:
            for found in self._waiting.popitem()[1]:
                self._count(*found)

    def _handle(self, module: Module) -> None:
        """Count all definitions of a module that code has as an object, and of all modules that it leads to."""
        if module.name in self._handled:
            return
        self._handled.add(module.name)
        self._take(module)
        if module.name in self._reached:
            _, text = self._reached[module.name]
            for number, part in enumerate(text.parts):
                self._count(module, part, number)
            for meanings in (text.aliases or {}).values():
                for name in meanings:
                    self._handle_meaning(_absolute(name, module), set())
        for below, _ in list(self._reached.values()):
            if below.name.startswith(f"{module.name}."):
                self._handle(below)

    def _handle_meaning(self, dotted: str, seen: set[str]) -> None:
        """The same if a name stands for a module, be it by the imports of other modules."""
        module, rest = self._locate(dotted)
        if module is None or dotted in seen:
            return
        if not rest:
            return self._handle(module)
        if module.path is not None:
            for name in (self._sources.text(module.path).aliases or {}).get(rest[0], ()):
                meaning = ".".join([_absolute(name, module), *rest[1:]])
                self._handle_meaning(meaning, seen | {dotted})

    def _take_path(self, dep: str, path: Path) -> None:
        self._declared.append(path)
        if not path.is_dir():
            files = {dep: path}
        else:
            files = {f"{dep.rstrip('/')}/{name}": path / name for name, _ in walk(path)}
        for name, file in files.items():
            if "__pycache__" in name or name.endswith(".pyc"):
                continue
            self._take_file(name, file)
            if file.suffix == ".py":
                script = Module("", str(file))
                self._pending += [(script, part) for part in self._sources.text(str(file)).parts]

    def _take_file(self, name: str, path: Path) -> None:
        try:
            self._files[f"file:{name}"] = self._cache.file_hash(path, "sha256")
        except OSError as error:
            raise UserError(f"{path} cannot be read: {error.strerror}") from error
        self.reach_in_file(path)

    def _take_reads(self, data: Sequence[Path]) -> None:
        """Files that the code names in calls that read them."""
        known = [path.resolve() for path in (*data, *self._declared)]
        reads, self._reads = self._reads, set()
        for where, name in sorted(reads):
            path = self._root / name
            try:
                is_folder, is_file = path.is_dir(), path.is_file()
            except (OSError, ValueError):  # a text that can be no path
                continue
            if name.startswith(_KERNEL) or any(path.resolve().is_relative_to(other) for other in known):
                continue
            if is_file:
                self._take_file(name, path)
            elif is_folder:
                self.doubts.append(
                    f"{where}: what lies in {name!r} is not in the identity; name the folder in `inputs` or `code_deps`"
                )


def _absolute(name: str, module: Module) -> str:
    """A dotted name as it is meant in a module."""
    relative = name.lstrip(".")
    level = len(name) - len(relative)
    if level == 0:
        return name
    package = module.name.split(".")[: None if module.is_package else -1]
    package = package[: len(package) - level + 1]
    return ".".join([*package, relative]) if package else relative


def _doubt(where: str, unseen: Sequence[tuple[int, str]]) -> str:
    line, name = unseen[0]
    if any(name == "__code_deps__" for _, name in unseen):
        return f"{where}:{line}: __code_deps__ must be one list of texts, written out at the top level"
    names = ", ".join(dict.fromkeys(name for _, name in unseen))
    remedy = 'say what in `__code_deps__ = ["module"]` at its top level, `[]` if nothing that can change a result'
    if name in ("environ", "environb", "getenv"):
        remedy += "; a setting can be passed through the config, ${oc.env:NAME}"
    return f"{where}:{line}: {names}: reaches what cannot be read off the code; {remedy}"
