"""Compose the configs of thousands of points: through Hydra once for each choice of groups, then values on top."""

import copy
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hydra import version
from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra._internal.config_repository import IConfigRepository
from hydra._internal.defaults_list import create_defaults_list
from hydra._internal.utils import create_config_search_path
from hydra.core.config_loader import ConfigLoader
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override, OverrideType
from hydra.core.utils import setup_globals
from hydra.types import RunMode
from omegaconf import DictConfig, ListConfig, OmegaConf, open_dict

from twinlib.config import mistakes, schema
from twinlib.config.check import check
from twinlib.config.compose import resolved
from twinlib.errors import UserError

KeyPath = tuple[str | int, ...]

# `${a.b}` or `${..b}`: no resolver, no index, nothing nested.
REFERENCE = re.compile(r"\$\{(\.*)([A-Za-z_]\w*(?:\.\w+)*)\}")


class Composer:
    """Gives for any overrides what `twinlib.config.compose.compose` gives, the same errors included.

    Hydra needs most of its time for the defaults list and the files in it, which depend on the overrides of groups
    alone. So each choice of groups is composed once. Every other override is applied to a copy of that by Hydra's own
    function, in the given order; and where it only replaces a value that nothing else reads, even resolving the copy
    is saved. Overrides of Hydra's own keys leave the whole point to Hydra.

    The files in `conf/` are taken to stay as they are. For one thread at a time.

    Parameters
    ----------
    root
        The project folder; it holds `conf/`.
    config_name
        The file in `conf/` to start from.
    loader
        Hydra's loader of a running `train.py`, which knows about `--config-dir`; without it, one is made for `conf/`.
    """

    def __init__(self, root: Path, config_name: str = "config", loader: ConfigLoader | None = None) -> None:
        self.conf = root / "conf"
        self.config_name = config_name
        schema.register()
        loader = loader or _loader(self.conf)
        assert isinstance(loader, ConfigLoaderImpl)
        self.loader: ConfigLoader = loader
        self._loader = loader
        self._parser = OverridesParser.create()
        self._parsed: dict[str, Override] = {}
        self._is_group: dict[str, bool] = {}
        self._repository: IConfigRepository | None = None
        self._bases: dict[tuple[str, ...], _Base | UserError] = {}

    def compose(self, overrides: list[str]) -> dict[str, Any]:
        """The resolved, checked config of one run.

        Raises
        ------
        UserError
            A key, a value or a file is wrong; the message names it and the nearest right one.
        """
        try:
            return self._compose(overrides)
        except mistakes.COMPOSING as error:
            raise mistakes.explained(error, self.conf) from error

    def _compose(self, overrides: list[str]) -> dict[str, Any]:
        parsed = [self._parse(line) for line in overrides]
        if any(override.key_or_group.split(".")[0] == "hydra" for override in parsed):
            config = self._loader.load_configuration(self.config_name, overrides, RunMode.RUN, from_shell=False)
            return resolved(_without_hydra(config))
        ConfigLoaderImpl.validate_sweep_overrides_legal(parsed, RunMode.RUN, from_shell=False)
        groups = tuple(str(override.input_line) for override in parsed if self._chooses_group(override))
        base = self._base(groups)
        return base.with_values([override for override in parsed if not self._chooses_group(override)])

    def _parse(self, line: str) -> Override:
        if line not in self._parsed:
            self._parsed[line] = self._parser.parse_overrides([line])[0]
        return self._parsed[line]

    def _chooses_group(self, override: Override) -> bool:
        # Hydra's rule: hydra._internal.defaults_list.Overrides.
        if isinstance(override.value(), dict):
            return False
        key = override.key_or_group
        if key not in self._is_group:
            if self._repository is None:
                self._repository = self._loader._parse_overrides_and_create_caching_repo(self.config_name, [])[1]
            self._is_group[key] = self._repository.group_exists(key)
        return self._is_group[key]

    def _base(self, groups: tuple[str, ...]) -> "_Base":
        if groups not in self._bases:
            try:
                self._bases[groups] = _Base(self._up_to_values(list(groups)))
            except mistakes.COMPOSING as error:
                self._bases[groups] = mistakes.explained(error, self.conf)
        base = self._bases[groups]
        if isinstance(base, UserError):
            raise UserError(*base.args)
        return base

    def _up_to_values(self, groups: list[str]) -> DictConfig:
        """The first half of Hydra's `ConfigLoaderImpl._load_configuration_impl`: all that comes before the values."""
        self._loader.ensure_main_config_source_available()
        parsed, repository = self._loader._parse_overrides_and_create_caching_repo(self.config_name, groups)
        defaults = create_defaults_list(repository, self.config_name, parsed, prepend_hydra=True, skip_missing=False)
        config = self._loader._compose_config_from_defaults_list(defaults.defaults, repository)
        OmegaConf.set_struct(config, True)
        OmegaConf.set_readonly(config.hydra, False)
        return config


class _Base:
    """One choice of groups, composed, before any value is applied."""

    def __init__(self, config: DictConfig) -> None:
        self._config = config
        self._scratch = _without_hydra(copy.deepcopy(config))
        self._raw = OmegaConf.to_container(self._scratch, resolve=False)
        self._read = _keys_read(self._raw)
        self._replacements: dict[str, tuple[KeyPath, Any] | None] = {}
        self._resolved: dict[str, Any] | None = None
        if self._read is not None:
            try:
                self._resolved = resolved(self._scratch)
            except Exception:  # a value that is missing or wrong here may be given by the point, which will tell
                self._resolved = None

    def with_values(self, overrides: list[Override]) -> dict[str, Any]:
        """The resolved, checked config with these values in place."""
        replacements = self._all_replacements(overrides)
        if self._resolved is None or replacements is None:
            return self._applied(overrides)
        config = copy.deepcopy(self._resolved)
        for (*parents, last), value in replacements.items():
            node: Any = config
            for key in parents:
                node = node[key]
            node[last] = copy.deepcopy(value)
        check(config)
        return config

    def _applied(self, overrides: list[Override]) -> dict[str, Any]:
        config = copy.deepcopy(self._config)
        ConfigLoaderImpl._apply_overrides_to_config(overrides, config)
        for override in overrides:  # as Hydra does; it refuses a line with a malformed ${
            config.hydra.overrides.task.append(override.input_line)
        return resolved(_without_hydra(config))

    def _all_replacements(self, overrides: list[Override]) -> dict[KeyPath, Any] | None:
        replacements = {}
        for override in overrides:
            line = str(override.input_line)
            if line not in self._replacements:
                self._replacements[line] = self._replacement(override)
            replacement = self._replacements[line]
            if replacement is None:
                return None
            replacements[replacement[0]] = replacement[1]
        return replacements

    def _replacement(self, override: Override) -> tuple[KeyPath, Any] | None:
        """The key and the value, as the key's type has it, of an override that changes nothing but that value.

        None if it adds or deletes, replaces a mapping or an item of a list, writes or replaces a `${…}`, or if a
        `${…}` anywhere reads the key: then other values change too.
        """
        key, value = override.key_or_group, override.value()
        path = tuple(key.split("."))
        old = _at(self._raw, path)
        if (
            self._read is None
            or override.type != OverrideType.CHANGE
            or not (_is_plain(value) and _is_plain(old))
            or isinstance(value, list) != isinstance(old, list)
            or any(path[: len(read)] == read or read[: len(path)] == path for read in self._read)
        ):
            return None
        try:
            # What a plain value becomes depends on the type of its key alone, not on the values set before it.
            ConfigLoaderImpl._apply_overrides_to_config([override], self._scratch)
        except mistakes.COMPOSING:
            return None
        new = OmegaConf.select(self._scratch, key)
        return path, OmegaConf.to_container(new) if isinstance(new, ListConfig) else new


def _loader(conf: Path) -> ConfigLoader:
    # As `hydra.initialize_config_dir`, which refuses to be called where another Hydra runs.
    version.setbase("1.3")
    setup_globals()
    return ConfigLoaderImpl(create_config_search_path(str(conf.absolute())))


def _without_hydra(config: DictConfig) -> DictConfig:
    with open_dict(config):
        del config["hydra"]
    return config


def _at(tree: Any, path: tuple[str, ...]) -> Any:
    for key in path:
        if not isinstance(tree, dict) or key not in tree:
            return "???"
        tree = tree[key]
    return tree


def _is_plain(value: Any) -> bool:
    if isinstance(value, str):
        return "${" not in value and value != "???"
    if isinstance(value, list):
        return all(_is_plain(item) for item in value)
    return value is None or isinstance(value, bool | int | float)


def _keys_read(tree: Any) -> set[KeyPath] | None:
    """The keys that the `${…}` in an unresolved tree read; None if one of them cannot be read off its text.

    A key that is read through an interpolated node is covered as well: that node's own `${…}` names a parent of it.
    """
    read: set[KeyPath] = set()
    for path, text in _texts(tree, ()):
        if "${" in REFERENCE.sub("", text):
            return None
        for dots, key in REFERENCE.findall(text):
            if len(dots) > len(path):
                return None
            # One dot is the container of the text, two dots the one around it.
            start = path[: len(path) - len(dots)] if dots else ()
            read.add((*start, *key.split(".")))
    return read


def _texts(tree: Any, path: KeyPath) -> Iterator[tuple[KeyPath, str]]:
    if isinstance(tree, str):
        yield path, tree
    elif isinstance(tree, dict | list):
        for key, value in tree.items() if isinstance(tree, dict) else enumerate(tree):
            yield from _texts(value, (*path, key))
