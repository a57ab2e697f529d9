"""Is the code that this process has loaded still on disk? Imported before anything that a run could depend on."""

from pathlib import Path

import twinlib
from twinlib.errors import UserError


def _stamps() -> dict[str, tuple[int, ...]]:
    stamps: dict[str, tuple[int, ...]] = {}
    for file in Path(twinlib.__file__).parent.rglob("*.py"):
        found = file.stat()
        stamps[str(file)] = found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino
    return stamps


_LOADED = _stamps()


def require_unchanged() -> None:
    """Refuse to compute with modules of twinlib that were loaded before they were edited.

    Asked after the identity is computed: it then stands for what is loaded. Modules of the project are loaded later.

    Raises
    ------
    UserError
        A file of twinlib was changed, added or removed since this process, or the one it was forked from, began.
    """
    now = _stamps()
    changed = sorted(file for file in _LOADED.keys() | now.keys() if _LOADED.get(file) != now.get(file))
    if changed:
        raise UserError(f"{changed[0]} was changed as this run began; run the same command again")
