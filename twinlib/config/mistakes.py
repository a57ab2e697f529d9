"""What Hydra and OmegaConf say when a config cannot be composed, as one line that names the key and the remedy."""

from collections.abc import Iterable
from difflib import get_close_matches
from pathlib import Path
from traceback import walk_tb

from hydra.errors import HydraException, MissingConfigException, OverrideParseException
from omegaconf import DictConfig
from omegaconf.errors import ConfigAttributeError, ConfigKeyError, OmegaConfBaseException
from yaml import MarkedYAMLError, YAMLError

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
        file = str(error).split("'")[1]
        return UserError(f"{file}.yaml: the first line of an experiment has to be `# @package _global_`")
    for link in chain:
        if isinstance(link, MissingConfigException) and link.missing_cfg_file:
            return UserError(_missing_file(link.missing_cfg_file, conf))
        if isinstance(link, MarkedYAMLError) and link.problem_mark:
            mark = link.problem_mark
            return UserError(f"{mark.name}, line {mark.line + 1}: {link.context}: {link.problem}")
        if isinstance(link, OverrideParseException):
            return UserError(f"{link.override}: cannot be read; write key=value, or key=value,value in a sweep")
        if isinstance(link, ConfigAttributeError | ConfigKeyError):
            key, parent = str(link.key), link.parent_node
            known = list(parent) if isinstance(parent, DictConfig) else []
            if str(link.full_key).startswith("sweeper."):  # nothing reads a key that is added to it
                remedy = nearest(key, map(str, known)) or "; sweeper=grid has no keys, sweeper=optuna has"
                return UserError(f"{link.full_key}: no such key{remedy}")
            more = f" (a new one is added as +{link.full_key}=…)" if link.object_type is dict else ""
            return UserError(f"{link.full_key or key}: no such key{nearest(key, map(str, known))}{more}")
        if isinstance(link, OmegaConfBaseException) and link.full_key:
            return UserError(f"{link.full_key}: {_first_line(link)}")
    return UserError(" ".join(line.strip() for line in str(chain[-1]).splitlines() if line.strip()) or repr(chain[-1]))


def nearest(word: str, known: Iterable[str]) -> str:
    """The remedy for a mistyped word: the nearest known ones, or all of them when there are few."""
    known = sorted(set(known))
    close = get_close_matches(word, known, n=3, cutoff=0.6)
    if close:
        return "; did you mean " + " or ".join(close) + "?"
    return "; there are " + ", ".join(known) if 0 < len(known) <= 40 else ""


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
