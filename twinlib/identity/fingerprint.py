"""The identity of a run: everything that can change its result, and one hash over it."""

import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from twinlib.errors import UserError
from twinlib.identity import config as configs
from twinlib.identity import environment
from twinlib.identity.code import closure
from twinlib.identity.data import content_hash, file_hashes, tree_hash
from twinlib.identity.stat_cache import StatCache

PARTS = ("config", "code", "data", "environment")
Files = dict[str, dict[str, str]]


@dataclass(frozen=True)
class Identity:
    """What makes a run the run it is.

    Parameters
    ----------
    config
        The canonical tree of the keys that can change a result.
    code
        Hash of each module of the project, by its name, and of files that the code names, as `file:<path>`.
    data
        Content hash of each input, as DVC computes it, by its config key: `data.path`, `inputs.<name>`.
    environment
        Versions: of Python, of the fingerprint itself, of each distribution that the code imports.
    doubts
        Why something may be missing from all this. With a doubt a run must not be cached.
    """

    config: dict[str, Any]
    code: dict[str, str]
    data: dict[str, str]
    environment: dict[str, str]
    doubts: tuple[str, ...] = ()
    files: Files | Callable[[], Files] = field(default_factory=dict, repr=False, compare=False)

    @cached_property
    def data_files(self) -> Files:
        """The md5 of each file of each input, by config key and path in it; `.` for an input that is one file.

        Raises
        ------
        UserError
            The data are not those that the identity was made of.
        """
        return self.files() if callable(self.files) else self.files

    @cached_property
    def parts(self) -> dict[str, str]:
        """One hash for each part."""
        return {part: _hash(configs.as_json(getattr(self, part))) for part in PARTS}

    @cached_property
    def fingerprint(self) -> str:
        """One hash for all, 64 hexadecimal digits: equal for two runs that have the same result."""
        return _hash(configs.as_json(self.parts))

    def to_json(self) -> dict[str, Any]:
        return {part: getattr(self, part) for part in PARTS} | {
            "data_files": self.data_files,
            "doubts": list(self.doubts),
        }

    @classmethod
    def from_json(cls, tree: Mapping[str, Any]) -> "Identity":
        return cls(
            config=tree["config"],
            code=tree["code"],
            data=tree["data"],
            environment=tree["environment"],
            doubts=tuple(tree["doubts"]),
            files=tree["data_files"],
        )


def identify(config: Mapping[str, Any], root: Path, cache: StatCache | None = None) -> Identity:
    """Compute the identity of the run that a resolved config describes.

    Parameters
    ----------
    root
        The project folder. Relative paths start there, and its modules are the code that counts.
    cache
        Of stats; the project's own by default.

    Raises
    ------
    UserError
        An input is missing or cannot be read, or `code_deps` names nothing.
    """
    root = root.absolute()
    cache = cache or StatCache(root / ".twin")
    doubts: list[str] = []
    part = configs.canonical(configs.identity_part(config), doubts)
    paths = _inputs(config, root, doubts)
    targets = {key: str(value) for key, value in configs.leaves(part) if key.rpartition(".")[2] == "_target_"}
    paths |= _paths_in(part, root, paths, doubts)
    words = "\n".join(f"{key} {value}" if type(value) is str else key for key, value in configs.leaves(part))
    found = closure(targets, words, _code_deps(config), root, cache, tuple(paths.values()))
    data = {key: content_hash(path, cache) for key, path in paths.items()}
    cache.save()

    def files() -> Files:
        hashes = {key: file_hashes(path, cache) for key, path in paths.items()}
        cache.save()
        for key, names in hashes.items():
            if data[key] != names.get(".", tree_hash(names)):
                raise UserError(f"{key}: {paths[key]} has changed meanwhile; run again")
        return hashes

    return Identity(
        config=part,
        code=dict(sorted(found.hashes.items())),
        data=data,
        environment=dict(sorted(found.versions.items())) | environment.python(),
        doubts=(*doubts, *found.doubts),
        files=files,
    )


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()


def _inputs(config: Mapping[str, Any], root: Path, doubts: list[str]) -> dict[str, Path]:
    """The inputs that the config names as such."""
    named = {f"inputs.{name}": path for name, path in (config.get("inputs") or {}).items()}
    data = config.get("data")
    if isinstance(data, Mapping) and data.get("path") is not None:
        named["data.path"] = data["path"]
    paths = {}
    for key, path in named.items():
        if type(path) is str and "://" not in path:
            paths[key] = root / path
        else:
            doubts.append(f"{key}: {path!r} is no path of a file or folder; fetch it first, in a stage of dvc.yaml")
    return paths


def _paths_in(part: dict[str, Any], root: Path, inputs: Mapping[str, Path], doubts: list[str]) -> dict[str, Path]:
    """Files that other keys name: a file with weights to start from, say. Their content counts as well."""
    known = [path.resolve() for path in inputs.values()]
    paths = {}
    for key, text in _texts_like_paths(part):
        path = root / text
        try:
            is_folder, is_file = path.is_dir(), path.is_file()
        except (OSError, ValueError):  # too long for a path, or with a null character
            continue
        if any(path.resolve().is_relative_to(other) for other in known):
            continue
        if is_file:
            paths[key] = path
        elif is_folder:
            doubts.append(f"{key}: what lies in the folder {text} is not in the identity; name it in `inputs`")
    return paths


def _texts_like_paths(part: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for key, value in configs.leaves(part):
        may_be_path = type(value) is str and ("/" in value or "." in value)
        if may_be_path and not key.startswith("code_deps[") and not key.endswith("_target_"):
            yield key, value.removeprefix("!str:")


def _code_deps(config: Mapping[str, Any]) -> list[str]:
    deps = config.get("code_deps") or []
    if not isinstance(deps, list | tuple) or not all(type(dep) is str for dep in deps):
        raise UserError(f"code_deps: {deps!r} is no list of texts")
    return list(deps)
