"""What is imported from outside the project: which distribution a module belongs to, and in which version."""

import hashlib
import importlib
import json
import re
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from typing import TYPE_CHECKING

from twinlib.identity.stat_cache import StatCache, stamp

if TYPE_CHECKING:
    from importlib.metadata import Distribution  # slow to import, and not needed when the cache knows

SCHEMA = "1"  # of the fingerprint: another one when its meaning changes, so that no old record matches

# Builds of one version for other devices; what runs on which is not part of the identity.
_BUILD = re.compile(r"\+(pt\d+)?(cpu|cu\d+|rocm[\d.]+|xpu)$")


@dataclass(frozen=True)
class Provider:
    """Where a top-level module outside the project comes from.

    `versions` has the distributions it belongs to. Code that belongs to none, or that is installed in editable form,
    has no version that stands for it: then `origin`, its file, and `folders`, of a package, say where to read it.
    `regular` is False for what is missing, and for a namespace package, in which the project may have a part.
    """

    regular: bool = False
    versions: Mapping[str, str] = field(default_factory=dict)
    origin: str | None = None
    folders: tuple[str, ...] = ()


def python() -> dict[str, str]:
    """What counts of the interpreter and of the fingerprint itself."""
    # Under -O the assertions are gone, and what stands in `if __debug__`.
    optimized = f" -{'O' * sys.flags.optimize}" if sys.flags.optimize else ""
    return {"python": f"{sys.version_info.major}.{sys.version_info.minor}{optimized}", "fingerprint": SCHEMA}


class Environment:
    """What can be imported beside the modules in `root`, the project.

    Answers are kept in the cache until a folder of `sys.path` or the metadata of a distribution changes.
    """

    def __init__(self, root: Path, cache: StatCache) -> None:
        self._root = root.resolve()
        self._path = [entry for entry in sys.path if Path(entry).resolve() != self._root]
        self._cache = cache
        self._shelf = f"environment {self._path}"  # a script and a command have different paths, and take turns
        self._read = time.time_ns()
        stamps = [_stamp(entry) for entry in self._path]
        self._state = hashlib.sha256(json.dumps(stamps).encode()).hexdigest()
        self._newest = max((found[2] for found in stamps if found), default=0)
        self._known: dict[str, Provider] = {}
        self._owners: Mapping[str, list[Distribution]] | None = None

    def provider(self, top: str) -> Provider:
        """Who provides a top-level module."""
        if top not in self._known:
            self._known[top] = self._remembered(top) or self._ask(top)
        return self._known[top]

    def _remembered(self, top: str) -> Provider | None:
        value = self._cache.get(self._shelf, top, self._state)
        if value is None or any(_stamp(path) != found for path, found in value["metadata"]):
            return None
        return Provider(**value["provider"])

    def _ask(self, top: str) -> Provider:
        if self._owners is None:
            importlib.invalidate_caches()
            self._owners = self._all_owners()
        owners = self._owners.get(top, [])
        spec = self._spec(top)
        if spec is None:
            provider = Provider()
        else:
            regular = spec.origin is not None
            if owners and not any(_editable(owner) for owner in owners):
                provider = Provider(regular, {_name(owner): _version(owner) for owner in owners})
            else:
                provider = Provider(regular, {}, spec.origin, tuple(spec.submodule_search_locations or ()))
        metadata = [(path, _stamp(path)) for owner in owners for path in _metadata(owner)]
        newest = max([self._newest, *(found[2] for _, found in metadata if found)])
        value = {"provider": asdict(provider), "metadata": metadata}
        self._cache.put(self._shelf, top, self._state, value, changed=newest, read=self._read)
        return provider

    def _all_owners(self) -> "dict[str, list[Distribution]]":
        """Which distributions each top-level module belongs to: what they declare, and what they list as installed."""
        from importlib.metadata import distributions

        owners: dict[str, list[Distribution]] = {}
        names: set[str] = set()
        for distribution in distributions(path=self._path):
            name = _name(distribution)
            if name in names or not name:
                continue  # hidden by one that comes earlier in the path; or left over from one that was removed
            names.add(name)
            tops = set((distribution.read_text("top_level.txt") or "").split())
            for line in (distribution.read_text("RECORD") or "").splitlines():
                tops.add(line.lstrip('"').partition("/")[0].partition(".")[0].partition(",")[0])
            for top in tops:
                owners.setdefault(top, []).append(distribution)
        return owners

    def _spec(self, top: str) -> ModuleSpec | None:
        for finder in sys.meta_path:
            spec = PathFinder.find_spec(top, self._path) if finder is PathFinder else finder.find_spec(top, None)
            if spec is not None and not self._is_ours(spec):
                return spec
        return None

    def _is_ours(self, spec: ModuleSpec) -> bool:
        places = spec.submodule_search_locations or ([spec.origin] if spec.origin else [])
        return any(Path(place).resolve().parent == self._root for place in places)


def _stamp(path: str) -> list[int] | None:
    try:
        return stamp(Path(path).stat())
    except OSError:
        return None


def _name(distribution: "Distribution") -> str:
    try:
        metadata = distribution.metadata
    except FileNotFoundError:  # what the package importlib_metadata, once imported, says of a folder that is left over
        return ""
    return re.sub(r"[-_.]+", "-", metadata["Name"]).lower() if "Name" in metadata else ""


def _version(distribution: "Distribution") -> str:
    version = _BUILD.sub("", distribution.version)
    if distribution.read_text("direct_url.json") is None:
        return version
    # Installed from a folder, a repository or a file: other contents can have the same version.
    listed = (distribution.read_text("RECORD") or "").splitlines()
    files = [line for line in listed if not re.search(r"^\.\.|\.dist-info/|__pycache__", line)]
    return f"{version} ({hashlib.sha256(chr(10).join(sorted(files)).encode()).hexdigest()[:12]})"


def _editable(distribution: "Distribution") -> bool:
    direct_url = json.loads(distribution.read_text("direct_url.json") or "{}")
    return bool(direct_url.get("dir_info", {}).get("editable"))


def _metadata(distribution: "Distribution") -> Iterator[str]:
    """The files that name a distribution's version, of a wheel or of an old-style installation."""
    folder = distribution._path  # type: ignore[attr-defined]
    for name in ("METADATA", "PKG-INFO", "direct_url.json"):
        yield str(folder / name)
