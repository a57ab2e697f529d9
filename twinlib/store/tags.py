"""Names that people give to runs which shall be kept: `runs/.tags/<name>` holds a fingerprint."""

import os
import re
from pathlib import Path

from twinlib.errors import UserError
from twinlib.store.faults import explained

FOLDER = ".tags"
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.+-]{0,99}")


def tags(store: Path) -> dict[str, str]:
    """All tags of a store: name -> fingerprint."""
    with explained(store):
        found = sorted(path for path in (store / FOLDER).glob("*") if _NAME.fullmatch(path.name))
        return {path.name: path.read_text().strip() for path in found}


def write(store: Path, name: str, fingerprint: str) -> None:
    """Give a run a name; a tag of this name is moved.

    Raises
    ------
    UserError
        The name does not suit, or the store cannot be written.
    """
    if not _NAME.fullmatch(name):
        raise UserError(f"{name}: no name for a tag; use letters, digits and _ . + -")
    path = store / FOLDER / name
    draft = path.with_name(f".{name}.{os.getpid()}")
    with explained(store):
        path.parent.mkdir(parents=True, exist_ok=True)
        draft.write_text(fingerprint + "\n")
        draft.replace(path)


def remove(store: Path, name: str) -> None:
    """Take a tag away; the run stays until `twin gc`.

    Raises
    ------
    UserError
        There is no such tag.
    """
    if name not in tags(store):
        raise UserError(f"{name}: no such tag; list them with: twin tag")
    with explained(store):
        (store / FOLDER / name).unlink(missing_ok=True)
