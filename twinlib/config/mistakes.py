"""What Hydra and OmegaConf say when a config cannot be composed, as one line that names the key and the remedy."""

import re
from collections.abc import Iterable
from difflib import get_close_matches
from pathlib import Path
from traceback import walk_tb

from hydra.errors import HydraException, MissingConfigException, OverrideParseException
from omegaconf import DictConfig
from omegaconf.errors import ConfigAttributeError, ConfigKeyError, OmegaConfBaseException
from yaml import MarkedYAMLError, YAMLError

from twinlib.config.file_mistakes import HEADER, file_of, mistake_in, shown
from twinlib.errors import UserError

COMPOSING = (HydraException, OmegaConfBaseException, YAMLError, ValueError, KeyError)


def explained(error: Exception, conf: Path) -> UserError:
    """The mistake behind an error that Hydra raised while it composed the config in `conf`.

    An error of one of Python's own types that was not raised by Hydra or OmegaConf is no mistake of a user: it is
    raised again.
    """
    if isinstance(error, ValueError | KeyError) and not _from_hydra(error):
        raise error
    chain = list(_chain(error))
    if "@experiment." in str(error):
        return UserError(_header_missing(str(error).split("'")[1], conf))
    file = file_of(error, conf)
    if file is None:
        return UserError(_of_chain(chain, conf))
    return mistake_in(file, conf) or UserError(_with_file(_of_chain(chain, conf), shown(file, conf)))


def _of_chain(chain: list[BaseException], conf: Path) -> str:
    for link in chain:
        if isinstance(link, MissingConfigException) and link.missing_cfg_file:
            return _missing_file(link.missing_cfg_file, conf)
        if isinstance(link, MarkedYAMLError) and link.problem_mark:
            mark = link.problem_mark
            said = ": ".join(part for part in (link.context, link.problem) if part)
            return f"{shown(Path(mark.name), conf)}, line {mark.line + 1}: {said}"
        if isinstance(link, OverrideParseException):
            key, _, value = link.override.partition("=")
            if "=" in value and '"' not in value:  # as in the name of a run's folder
                return (
                    f"{link.override}: cannot be read; with a = in it the value stands in quotes: '{key}=\"{value}\"'"
                )
            return f"{link.override}: cannot be read; write key=value, or key=value,value in a sweep"
        if isinstance(link, ConfigAttributeError | ConfigKeyError):
            key, parent = str(link.key), link.parent_node
            known = list(parent) if isinstance(parent, DictConfig) else []
            if str(link.full_key).startswith("sweeper."):  # nothing reads a key that is added to it
                remedy = nearest(key, map(str, known)) or "; sweeper=grid has no keys, sweeper=optuna has"
                return f"{link.full_key}: no such key{remedy}"
            more = f" (a new one is added as +{link.full_key}=…)" if link.object_type is dict else ""
            return f"{link.full_key or key}: no such key{nearest(key, map(str, known))}{more}"
        if isinstance(link, OmegaConfBaseException) and link.full_key:
            return _wrong_value(str(link.full_key), _first_line(link))
    said = " ".join(line.strip() for line in str(chain[-1]).splitlines() if line.strip()) or repr(chain[-1])
    return _wrong_choice(said, chain, conf) or said


def nearest(word: str, known: Iterable[str]) -> str:
    """The remedy for a mistyped word: the nearest known ones, or all of them when there are few."""
    known = sorted(set(known))
    close = get_close_matches(word, known, n=3, cutoff=0.6)
    if close:
        return "; did you mean " + " or ".join(close) + "?"
    return "; there are " + ", ".join(known) if 0 < len(known) <= 40 else ""


def _wrong_value(key: str, said: str) -> str:
    """OmegaConf's words about a value, with the remedy."""
    if found := re.match(r"Value '(.*?)' (?:of type .*)?could not be converted to (Float|Integer)", said):
        return f"{key}={found[1]}: {'give a number, as 1e-3' if found[2] == 'Float' else 'give a whole number'}"
    if found := re.match(r"Value '(.*)' is not a valid bool", said):
        return f"{key}={found[1]}: give true or false"
    if "is not Optional" in said or said.startswith("Incompatible value 'None'"):
        return f"{key}: has to have a value; give one, or leave the key out"
    if found := re.search(r"Cannot assign (\w+) to Dict|(\w+) is not a subclass of", said):
        return f"{key}: is {found[1] or found[2]}; give it keys with values, as {key}.KEY=VALUE or {{KEY: VALUE}}"
    if re.match(r"Cannot convert '\w+' to string", said):
        return f"{key}: has to be a text"
    if "is not a ListConfig" in said:
        return f"{key}: has to be a list, as [one, two]"
    return f"{key}: {said}"


def _wrong_choice(said: str, chain: Iterable[BaseException], conf: Path) -> str | None:
    """Hydra's words about a group or about defaults, with a remedy that holds in an experiment."""
    if found := re.match(r"Multiple values for (\S+)\. To override a value use 'override \S+: (.*)'", said):
        return f"{found[1]}: is chosen twice; under defaults write `- override /{found[1]}: {found[2]}`"
    if found := re.match(r"In '(.+)': Could not override 'experiment/([^@']+)", said):
        file = shown(conf / f"{found[1]}.yaml", conf)
        return f"{file}: {found[2]}: begins with a slash under defaults: `- override /{found[2]}: NAME`"
    if found := re.match(r"Invalid defaults list in '(.+)', defaults must be a list", said):
        file = shown(conf / f"{found[1]}.yaml", conf)
        return f"{file}: defaults: has to be a list, as [override /model: linear]"
    if said.startswith("Config group override must be a string or a list"):
        for link in chain:
            for frame, _ in walk_tb(link.__traceback__):
                if (override := frame.f_locals.get("override")) is not None:
                    group = override.get_key_element()
                    names = nearest("", (path.stem for path in (conf / group).glob("*.yaml")))
                    return f"{override.input_line}: has to be a name of conf/{group}{names}"
    return None


def _header_missing(option: str, conf: Path) -> str:
    return f"{shown(conf / f'{option}.yaml', conf)}: the first line of an experiment has to be `{HEADER}`"


def _with_file(said: str, file: str) -> str:
    return said if said.startswith(file) else f"{file}: {said}"


def _from_hydra(error: BaseException) -> bool:
    """Whether Hydra or OmegaConf, not our code, raised an error or called what raised it."""
    if isinstance(error, HydraException | OmegaConfBaseException | YAMLError):
        return True
    packages = [frame.f_globals.get("__name__", "").split(".")[0] for frame, _ in walk_tb(error.__traceback__)]
    return [name for name in packages if name in ("hydra", "omegaconf", "twinlib")][-1:] not in ([], ["twinlib"])


def _missing_file(file: str, conf: Path) -> str:
    group, _, option = file.rpartition("/")
    top = group.split("/")[0]
    if not (conf / top).is_dir():
        groups = [entry.name for entry in conf.iterdir() if entry.is_dir() and entry.name != "hydra"]
        return f"{top}: no such group{nearest(top, groups)}"
    # `model: linear` under the defaults of an experiment is looked for beside the experiment.
    if top == "experiment" and (conf / group.rpartition("/")[2]).is_dir() and group != top:
        chosen = group.rpartition("/")[2]
        return f"{chosen}: begins with a slash under the defaults of an experiment: `- override /{chosen}: {option}`"
    # Hydra lists one folder; a mistyped field should still find its experiment.
    folder = (conf / top).resolve()
    options = [str(path.relative_to(folder).with_suffix("")) for path in folder.rglob("*.yaml")]
    wanted = file[len(top) + 1 :] or option
    return f"{top}={wanted}: no such {top}{nearest(wanted, options)}"


def _chain(error: BaseException) -> Iterable[BaseException]:
    link: BaseException | None = error
    while link is not None:
        yield link
        link = link.__cause__ or link.__context__


def _first_line(error: BaseException) -> str:
    lines = str(error).splitlines()
    return lines[0] if lines else type(error).__name__
