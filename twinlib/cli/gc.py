"""`twin gc`: remove what nobody refers to, after saying what."""

import json
import os
from collections.abc import Sequence
from pathlib import Path

from twinlib import lookup
from twinlib.errors import UserError
from twinlib.store import garbage
from twinlib.store.tags import tags
from twinlib.sweep import manifest


def gc(words: Sequence[str], as_json: bool, yes: bool) -> None:
    """Say what can go from the store; with `yes` remove it."""
    if wrong := [word for word in words if not lookup.names_store(word)]:
        raise UserError(f"{wrong[0]}: twin gc looks at the whole store; keep a run with: twin tag NAME {wrong[0]}")
    root = lookup.project()
    store = lookup.open_store(root, words)
    found = garbage.rubbish(store.path, referred(root, store.path, words))
    if yes:
        for rubbish in found:
            garbage.remove(rubbish)
    if as_json:
        rows = [{"path": str(rubbish.path), "why": rubbish.why, "size": rubbish.size} for rubbish in found]
        print(json.dumps({"removed": yes, "rubbish": rows}, indent=1))
        return
    for rubbish in found:
        print(f"{_size(rubbish.size):>9}  {os.path.relpath(rubbish.path)}: {rubbish.why}")
    total = f"{len(found)} in all, {_size(sum(rubbish.size for rubbish in found))}"
    if not found:
        print("nothing to remove")
    elif yes:
        print(f"removed: {total}")
    else:
        print(f"{total}; nothing is removed yet, do it with: twin gc --yes")


def referred(root: Path, store: Path, overrides: Sequence[str] = ()) -> set[str]:
    """The fingerprints that a sweep, an experiment as it is now, or a tag refers to.

    Raises
    ------
    UserError
        Something cannot be read, so that nobody knows what it refers to.
    """
    kept = set(tags(store).values())
    for path in sorted((store / manifest.FOLDER).glob(f"*/{manifest.MANIFEST}")):
        try:
            sweep = manifest.read(path.parent)
        except (OSError, ValueError) as error:
            raise UserError(f"{path}: cannot be read ({error}); remove the folder of this sweep first") from error
        kept |= {point.fingerprint for point in sweep.points if point.fingerprint is not None}
    for name in lookup.experiments(root):
        try:
            kept.add(lookup.described([f"experiment={name}", *overrides], root).identity.fingerprint)
        except UserError as error:
            raise UserError(f"experiments/{name}.yaml: not known to which run it refers: {error}") from error
    return kept


def _size(count: int) -> str:
    for unit in ("B", "kB", "MB"):
        if count < 1000:
            return f"{count:.0f} {unit}"
        count //= 1000
    return f"{count:,} GB"
