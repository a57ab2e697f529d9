"""From the name of a module to its file, by Python's rules and without importing anything."""

import os
import sys
from dataclasses import dataclass
from importlib.machinery import BYTECODE_SUFFIXES, EXTENSION_SUFFIXES, SOURCE_SUFFIXES
from pathlib import Path

import twinlib
from twinlib.identity.environment import Environment, Provider
from twinlib.identity.stat_cache import StatCache

# In the order in which Python tries them in one folder.
_SUFFIXES = (*EXTENSION_SUFFIXES, *SOURCE_SUFFIXES, *BYTECODE_SUFFIXES)
_RUN_AT_START = ("sitecustomize", "usercustomize")


@dataclass(frozen=True)
class Module:
    """A module whose code counts. `path` is None for a namespace package; `folders` are where submodules lie."""

    name: str
    path: str | None
    folders: tuple[str, ...] = ()

    @property
    def is_package(self) -> bool:
        return bool(self.folders)

    @property
    def is_source(self) -> bool:
        return self.path is not None and self.path.endswith(tuple(SOURCE_SUFFIXES))


class Modules:
    """The modules of a project: those in `root`, twinlib, and what is installed but has no version that stands for it.

    Folders are listed once, so that a name costs no system call of its own.
    """

    def __init__(self, root: Path, cache: StatCache) -> None:
        self._root = os.fspath(root)
        self._home = os.fspath(Path(twinlib.__file__).parents[1])
        self._environment = Environment(root, cache)
        self._names: dict[str, frozenset[str]] = {}
        self._found: dict[str, Module | None] = {}

    def find(self, name: str) -> Module | None:
        """The module of this name, if it is one whose code counts."""
        if name not in self._found:
            self._found[name] = self._find(name)
        return self._found[name]

    def provider(self, top: str) -> Provider:
        """Who provides a top-level module that `find` does not know, or knows as a namespace package."""
        if top in sys.stdlib_module_names:
            return Provider(regular=True)
        return self._environment.provider(top) if top.isidentifier() else Provider()

    def shadows(self) -> list[str]:
        """Modules of the project that hide others of the same name, from installed packages as well."""
        tops = {name.partition(".")[0] for name in self.names(self._root)}
        hiding = [top for top in sorted(tops) if top in _RUN_AT_START or self._is_elsewhere(top)]
        return [top for top in hiding if self._regular(top, top, self._root)]

    def below(self, module: Module) -> list[str]:
        """The names of all modules of a package, of its packages and so on."""
        names: set[str] = set()
        for folder in module.folders:
            for entry in self.names(folder) - {"__pycache__"}:
                leaf = entry.partition(".")[0]
                if leaf.isidentifier() and leaf != "__init__":
                    names.add(f"{module.name}.{leaf}")
        found = [submodule for name in sorted(names) if (submodule := self.find(name))]
        return [name for submodule in found for name in (submodule.name, *self.below(submodule))]

    def names(self, folder: str) -> frozenset[str]:
        """What lies in a folder; nothing if it is none."""
        if folder not in self._names:
            try:
                self._names[folder] = frozenset(os.listdir(folder))  # noqa: PTH208 (this is the hot path)
            except OSError:
                self._names[folder] = frozenset()
        return self._names[folder]

    def _is_elsewhere(self, top: str) -> bool:
        return top in sys.stdlib_module_names or bool(self.provider(top).versions)

    def _find(self, name: str) -> Module | None:
        parent, _, leaf = name.rpartition(".")
        if not parent:
            return self._find_top(name)
        package = self.find(parent)
        if package is None:
            return None
        for folder in package.folders:
            if module := self._regular(name, leaf, folder):
                return module
        return self._namespace(name, leaf, package.folders)

    def _find_top(self, name: str) -> Module | None:
        places = (self._root, self._home) if name == "twinlib" else (self._root,)
        for folder in places:
            if module := self._regular(name, name, folder):
                return module
        provider = self.provider(name)
        if provider.regular and not provider.origin:
            return None
        if provider.origin:
            return Module(name, provider.origin, provider.folders)
        return self._namespace(name, name, places, provider.folders)

    def _regular(self, name: str, leaf: str, folder: str) -> Module | None:
        names = self.names(folder)
        if leaf in names:
            inside = self.names(f"{folder}/{leaf}")
            for suffix in _SUFFIXES:
                if f"__init__{suffix}" in inside:
                    return Module(name, f"{folder}/{leaf}/__init__{suffix}", (f"{folder}/{leaf}",))
        for suffix in _SUFFIXES:
            if leaf + suffix in names:
                return Module(name, f"{folder}/{leaf}{suffix}")
        return None

    def _namespace(self, name: str, leaf: str, places: tuple[str, ...], others: tuple[str, ...] = ()) -> Module | None:
        folders = [f"{place}/{leaf}" for place in places if leaf in self.names(place) and Path(place, leaf).is_dir()]
        folders += [folder for folder in others if folder not in folders]
        return Module(name, None, tuple(folders)) if folders else None
