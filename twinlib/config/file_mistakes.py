"""What is wrong with a file of `conf/` or `experiments/`, as one line that names the file, the key and the remedy."""

import re
from dataclasses import fields, is_dataclass
from pathlib import Path
from traceback import walk_tb
from typing import Any, get_origin

import yaml

from twinlib.config.schema import Config
from twinlib.errors import UserError

HEADER = "# @package _global_"
# Hydra's words where it merges a file: "In 'experiment/mnist/mine': ValidationError raised while composing config".
_MERGED = re.compile(r"In '([^']+)': \w+ raised while composing config")
_GLOBAL = re.compile(r"\s*#\s*@package\s+_global_\s*(\n|$)")


def file_of(error: BaseException, conf: Path) -> Path | None:
    """The file at which Hydra was when it raised an error; None if it was at none, as with a command line."""
    if merged := _MERGED.match(str(error)):
        return conf / f"{merged[1].removesuffix('.yaml')}.yaml"
    for frame, _ in walk_tb(error.__traceback__):
        if frame.f_globals.get("__name__") == "hydra._internal.core_plugins.file_config_source":
            path = frame.f_locals.get("full_path")
            return None if path is None else Path(path)
    return None


def shown(file: Path, conf: Path) -> str:
    """A file as seen from the project folder: `experiments/mnist/mine.yaml`, though `conf/experiment` links to it."""
    file, project = file.resolve(), conf.absolute().parent
    for folder in (project, project.resolve()):
        if file.is_relative_to(folder):
            return str(file.relative_to(folder))
    return str(file)


def mistake_in(file: Path, conf: Path) -> UserError | None:
    """What a look at a file alone tells: its encoding, its first line, keys whose value is of another kind."""
    name = shown(file, conf)
    try:
        text = file.read_text(encoding="utf-8")
    except OSError:
        return None
    except UnicodeDecodeError as error:
        line = file.read_bytes()[: error.start].count(b"\n") + 1
        return UserError(f"{name}, line {line}: is not in UTF-8; save the file in this encoding")
    if text.startswith("\ufeff"):
        return UserError(f"{name}: begins with a byte order mark; save the file as UTF-8 without it")
    experiment = file.resolve().is_relative_to((conf / "experiment").resolve())
    if experiment and not _GLOBAL.match(text):
        return UserError(f"{name}: the first line of an experiment has to be `{HEADER}`")
    try:
        tree = yaml.safe_load(text)
    except yaml.YAMLError:  # has been said by Hydra's own parser, with the line
        return None
    if tree is not None and not isinstance(tree, dict):
        kind = "a list" if isinstance(tree, list) else "no mapping"
        return UserError(f"{name}: is {kind}; write lines of the form `key: value`")
    return _wrong_kind(name, tree or {}, conf) if experiment else None


def _wrong_kind(name: str, tree: dict[Any, Any], conf: Path) -> UserError | None:
    if not isinstance(tree.get("defaults", []), list):
        return UserError(f"{name}: defaults: has to be a list, as [override /model: linear]")
    for field in fields(Config):
        value = tree.get(field.name, {})
        if isinstance(value, dict) or not (is_dataclass(field.type) or get_origin(field.type) is dict):
            continue
        remedy = "give it keys with values, as {key: value}"
        if (conf / field.name).is_dir():
            choice = str(value).replace("'", "") if isinstance(value, str | list) else "NAME"
            remedy = f"to choose one write `- override /{field.name}: {choice}` under defaults"
        return UserError(f"{name}: {field.name}: is {'empty' if value is None else value}; {remedy}")
    return None
