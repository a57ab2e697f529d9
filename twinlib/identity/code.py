"""The code part of an identity: every module of the project that a run can reach, found without importing any."""

import os
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from twinlib.errors import UserError
from twinlib.identity import syntax
from twinlib.identity.bytecode import is_current
from twinlib.identity.data import walk
from twinlib.identity.modules import Module, Modules
from twinlib.identity.stat_cache import StatCache, stamp

_SHELF = "code"


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
    texts: Sequence[str],
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
    texts
        Strings that may be such names as well.
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
    for text in texts:
        walker.reach_text(text)
    for dep in deps:
        walker.reach_declared(dep, "code_deps")
    walker.follow()
    return walker.closure(data)


class _Walker:
    def __init__(self, root: Path, cache: StatCache) -> None:
        self.modules = Modules(root, cache)
        self.doubts: list[str] = []
        self._root = root
        self._cache = cache
        self._maker = [*sys.version_info[:2], *stamp(Path(syntax.__file__).stat())]
        self._texts: dict[str, syntax.Text] = {}
        self._reached: dict[str, syntax.Text] = {}
        self._pending: list[tuple[Module, syntax.Text]] = []
        self._outside: set[str] = set()
        self._files: dict[str, str] = {}
        self._declared: list[Path] = []
        self._reads: list[tuple[str, str]] = []
        self._sees_source = False

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
        if module is None:
            provider = self.modules.provider(dotted.partition(".")[0])
            return provider.regular or bool(provider.versions)
        return not rest or self._may_bind(module, rest[0])

    def reach_text(self, dotted: str) -> None:
        """The same for a string that may be such a name, or something else."""
        module, rest = self._locate(dotted)
        if module is None or not rest or self._may_bind(module, rest[0]):
            self.reach(dotted)

    def reach_declared(self, dep: str, where: str) -> None:
        """The same for an entry of `code_deps` or `__code_deps__`; a package counts with all its modules."""
        module, rest = self._locate(dep)
        path = self._root / dep
        if module is not None and not rest:
            self.reach(dep)
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

    def follow(self) -> None:
        """Reach all that the reached modules reach."""
        while self._pending:
            module, text = self._pending.pop()
            where = self._shown(module.path or module.name)
            for name in text.imports:
                self.reach(_absolute(name, module))
            for name in text.texts:
                self.reach_text(_absolute(name, module))
            for dep in text.deps or ():
                self.reach_declared(dep, f"{where}: __code_deps__")
            self._sees_source |= text.sees_source
            self._reads += [(f"{where}:{line}", path) for line, path in text.reads]
            if text.error is not None:
                self.doubts.append(f"{where}: cannot be parsed: {text.error}")
            if text.unseen and text.deps is None:
                self.doubts.append(_doubt(where, text.unseen))

    def closure(self, data: Sequence[Path]) -> Closure:
        self._take_reads(data)
        hashes = {name: text.source if self._sees_source else text.tree for name, text in self._reached.items()}
        versions: dict[str, str] = {}
        for top in sorted(self._outside):
            versions.update(self.modules.provider(top).versions)
        return Closure(hashes | self._files, versions, tuple(self.doubts))

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
        if not module.is_source:
            return True
        text = self._text(module.path)
        return name in text.binds or "*" in text.binds or text.error is not None

    def _take(self, module: Module) -> None:
        if module.name in self._reached:
            return
        if module.path is None:
            # A namespace package has no code; but what else installed packages put into it counts.
            self._outside.add(module.name.partition(".")[0])
            return
        text = self._text(module.path)
        self._reached[module.name] = text
        self._pending.append((module, text))

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
                self._pending.append((Module("", str(file)), self._text(str(file))))

    def _take_file(self, name: str, path: Path) -> None:
        try:
            self._files[f"file:{name}"] = self._cache.file_hash(path, "sha256")
        except OSError as error:
            raise UserError(f"{path} cannot be read: {error.strerror}") from error

    def _take_reads(self, data: Sequence[Path]) -> None:
        """Files that the code names in calls that read them."""
        known = [path.resolve() for path in (*data, *self._declared)]
        for where, name in sorted(set(self._reads)):
            path = self._root / name
            try:
                is_folder, is_file = path.is_dir(), path.is_file()
            except (OSError, ValueError):  # a text that can be no path
                continue
            if any(path.resolve().is_relative_to(other) for other in known):
                continue
            if is_file:
                self._take_file(name, path)
            elif is_folder:
                self.doubts.append(
                    f"{where}: what lies in {name!r} is not in the identity; name the folder in `inputs` or `code_deps`"
                )

    def _text(self, path: str) -> syntax.Text:
        if path not in self._texts:
            try:
                self._texts[path] = self._read(Path(path))
            except OSError as error:
                raise UserError(f"{path} cannot be read: {error.strerror}") from error
        return self._texts[path]

    def _read(self, path: Path) -> syntax.Text:
        if path.suffix != ".py":
            digest = self._cache.file_hash(path, "sha256")
            return syntax.Text(tree=digest, source=digest)
        valid = [*stamp(path.stat()), *self._maker]
        known = self._cache.get(_SHELF, str(path), valid)
        if known is not None:
            return syntax.Text.from_json(known)
        read = time.time_ns()
        with path.open("rb") as file:
            source = file.read()
            valid = [*stamp(os.fstat(file.fileno())), *self._maker]
        text = syntax.read(source, package=path.stem == "__init__")
        if is_current(path, source):
            self._cache.put(_SHELF, str(path), valid, text.to_json(), changed=valid[2], read=read)
        else:
            self.doubts.append(f"{self._shown(str(path))}: Python runs old bytecode of it; delete its __pycache__")
        return text

    def _shown(self, path: str) -> str:
        inside = path.startswith(f"{self._root}/")
        return os.path.relpath(path, self._root) if inside else path


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
    if name == "__code_deps__":
        return f"{where}:{line}: __code_deps__ must be one list of texts, written out at the top level"
    names = ", ".join(dict.fromkeys(name for _, name in unseen))
    remedy = 'say what in `__code_deps__ = ["module"]` at its top level, `[]` if nothing that can change a result'
    if name in ("environ", "environb", "getenv"):
        remedy += "; a setting can be passed through the config, ${oc.env:NAME}"
    return f"{where}:{line}: {names}: reaches what cannot be read off the code; {remedy}"
