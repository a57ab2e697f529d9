"""Which record a person means: by its folder, by the beginning of its hash, or by an experiment."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from twinlib.errors import UserError
from twinlib.store.local import Store
from twinlib.store.record import RECORD, Damaged, Record
from twinlib.store.tags import tags

if TYPE_CHECKING:
    from twinlib.identity.fingerprint import Identity


def project(start: Path | None = None) -> Path:
    """The nearest folder, upwards from `start` or the working directory, that holds `conf/config.yaml`.

    Raises
    ------
    UserError
        There is none.
    """
    start = (start or Path.cwd()).absolute()
    for folder in (start, *start.parents):
        if (folder / "conf" / "config.yaml").is_file():
            return folder
    raise UserError(f"{start}: no project here or above; go to the folder that holds conf/config.yaml")


def open_store(root: Path, overrides: Sequence[str] = ()) -> Store:
    """The run store of a project; `overrides` such as `store.path=…` name another one."""
    from twinlib import run
    from twinlib.config.compose import compose
    from twinlib.identity.stat_cache import StatCache

    named = [override for override in overrides if names_store(override)]
    return run.open_store(compose(named, root), root, StatCache(root / ".twin"))


def names_store(override: str) -> bool:
    """Whether an override is about the store only, and not about a run."""
    return override.lstrip("+~").startswith(("store=", "store."))


def find(run: str | Path | None, root: Path, overrides: Sequence[str] = ()) -> Record:
    """The one record that `run` means.

    Parameters
    ----------
    run
        A record's folder, its name, the beginning of its name or of its hash, its tag, or the name of an experiment;
        None: the experiment that `overrides` describe.
    overrides
        As after `train.py`; all but those of the store go with experiments only.

    Raises
    ------
    UserError
        No record or more than one is meant, or it is damaged; the message names the nearest ones.
    """
    if run is None or str(run) in experiments(root):
        named = [] if run is None else [f"experiment={run}"]
        return _computed([*named, *overrides], root)
    if other := [override for override in overrides if not names_store(override)]:
        raise UserError(f"{other[0]}: {run} is no experiment, and only an experiment takes settings")
    folder = Path(run)
    if (folder / RECORD).is_file():
        return _whole(folder.absolute())
    store = open_store(root, overrides)
    meant = tags(store.path).get(str(run), str(run))
    return _whole(store.path / _meant(meant, store, root))


@dataclass(frozen=True)
class Described:
    """A run as its settings describe it, computed or not."""

    config: dict[str, Any]
    identity: "Identity"
    label: str
    store: Store


def described(overrides: Sequence[str], root: Path) -> Described:
    """Compose the settings that would stand after `train.py`, and identify the run.

    Raises
    ------
    UserError
        A setting is wrong, or data are missing.
    """
    from twinlib.config.compose import compose

    return identified(compose(list(overrides), root), root)


def identified(config: dict[str, Any], root: Path) -> Described:
    """The same of settings that were composed already."""
    from twinlib import run
    from twinlib.identity.fingerprint import identify
    from twinlib.identity.stat_cache import StatCache

    run.require_inputs(config, root)
    cache = StatCache(root / ".twin")
    identity = identify(config, root, cache)
    return Described(config, identity, run.label(identity), run.open_store(config, root, cache))


def experiments(root: Path) -> list[str]:
    """The names of all experiments of a project."""
    folder = root / "experiments"
    return sorted(path.relative_to(folder).with_suffix("").as_posix() for path in folder.rglob("*.yaml"))


def _computed(overrides: list[str], root: Path) -> Record:
    run = described(overrides, root)
    record = None if run.identity.doubts else run.store.find(run.identity.fingerprint, run.label)
    if record is None:
        name = run.config["name"] or "this run"
        if run.config["sweeper"].get("space"):
            command = " ".join(["python train.py -m", *overrides])
            raise UserError(f"{name}: a search, whose runs are those of its sweep; start it with: {command}")
        command = " ".join(["python train.py", *overrides])
        raise UserError(f"{name}: not computed yet; compute it with: {command}")
    return record


def _meant(run: str, store: Store, root: Path) -> str:
    """The name of the one record's folder. It has 12 digits of the hash: few records have to be read."""
    names = store.names()
    found = [run] if run in names else [name for name in names if name.startswith(run) or _has(store, name, run)]
    if len(found) == 1:
        return found[0]
    if found:
        shown = ", ".join(found[:5]) + (", …" if len(found) > 5 else "")
        raise UserError(f"{run}: {len(found)} runs begin so: {shown}; give more of the name or the hash")
    from twinlib.config.mistakes import nearest

    known = [*experiments(root), *names]
    raise UserError(f"{run}: no such run and no such experiment{nearest(run, known) or '; list them with: twin runs'}")


def _has(store: Store, name: str, run: str) -> bool:
    """Whether the hash of a record begins so."""
    if not name[-12:].startswith(run[:12]):
        return False
    try:
        return len(run) <= 12 or Record.read(store.path / name).fingerprint.startswith(run)
    except (Damaged, PermissionError):
        return True  # said when it is looked at


def _whole(folder: Path) -> Record:
    try:
        record = Record.read(folder)
        record.verify()
    except Damaged as error:
        raise UserError(f"{folder}: the record is damaged ({error}); compute the run again") from error
    except PermissionError as error:
        raise UserError(f"{folder}: cannot be read; ask its owner for the permission") from error
    return record


def importable(root: Path) -> None:
    """Let the modules of a project be imported, as they are when `train.py` runs."""
    if str(root) not in sys.path:
        sys.path.insert(0, str(root))
