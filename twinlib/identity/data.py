"""The hash of a file or folder by its content, as DVC computes it: `<md5>`, or `<md5>.dir` for a folder.

A folder's hash covers the names of its files and their content, not their order, times or rights, and no empty folder.
Links are followed. Only there it differs from DVC's, which leaves out what lies in a linked folder.
"""

import hashlib
import json
import os
import stat
import time
from pathlib import Path

from twinlib.errors import UserError
from twinlib.identity.stat_cache import StatCache, hash_file, stamp

Found = list[tuple[str, os.stat_result]]


def content_hash(path: Path, cache: StatCache) -> str:
    """Hash of a file or folder; an unchanged folder costs one walk over its stats.

    Raises
    ------
    UserError
        Something in it is missing, cannot be read, is neither file nor folder, or is written at this moment.
    """
    top = path.absolute()
    if not _is_folder(top):
        return _file_hash(top, cache)
    read = time.time_ns()
    found = walk(top)
    listing = _listing(found)
    known: str | None = cache.get("folders", str(top), listing)
    if known is None:
        known = tree_hash(_file_hashes(top, found, cache))
        newest = max((file.st_ctime_ns for _, file in found), default=0)
        cache.put("folders", str(top), listing, known, changed=newest, read=read)
    return known


def file_hashes(path: Path, cache: StatCache) -> dict[str, str]:
    """The md5 of each file of a folder by its path in it; of a single file, under the name `.`.

    Raises
    ------
    UserError
        As `content_hash`.
    """
    top = path.absolute()
    if not _is_folder(top):
        return {".": _file_hash(top, cache)}
    return _file_hashes(top, walk(top), cache)


def tree_hash(hashes: dict[str, str]) -> str:
    """DVC's hash of a folder whose files have these hashes."""
    tree = [{"md5": hashes[name], "relpath": name} for name in sorted(hashes)]
    return hashlib.md5(json.dumps(tree).encode(), usedforsecurity=False).hexdigest() + ".dir"


def walk(top: Path) -> Found:
    """Path in `top` and stat of every file below it, sorted; links are followed.

    Raises
    ------
    UserError
        Something cannot be read or is neither file nor folder, or a link leads back to a folder it lies in.
    """
    found: Found = []
    # A way that never ends passes one link twice, so the links on the way are enough to know.
    pending: list[tuple[str, frozenset[str]]] = [("", frozenset())]
    while pending:
        prefix, links = pending.pop()
        try:
            with os.scandir(f"{top}/{prefix}") as entries:
                for entry in entries:
                    name = prefix + entry.name
                    if not entry.is_dir():
                        file = entry.stat()
                        if not stat.S_ISREG(file.st_mode):
                            raise UserError(f"{entry.path} is neither a file nor a folder; take it away")
                        found.append((name, file))
                    elif entry.is_symlink():
                        target = str(Path(entry.path).resolve())
                        if target in links:
                            raise UserError(f"{entry.path} is a link that leads back to itself; take it away")
                        pending.append((name + "/", links | {target}))
                    else:
                        pending.append((name + "/", links))
        except OSError as error:
            raise UserError(f"{error.filename or top} cannot be read: {error.strerror}") from error
    found.sort(key=lambda file: file[0])
    return found


def _is_folder(path: Path) -> bool:
    try:
        return stat.S_ISDIR(path.stat().st_mode)
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}") from error


def _listing(found: Found) -> str:
    """One hash over the names and stamps of all files."""
    text = "\0".join(
        [f"{name}\0{file.st_size} {file.st_mtime_ns} {file.st_ctime_ns} {file.st_ino}" for name, file in found]
    )
    return hashlib.sha256(text.encode(errors="surrogateescape")).hexdigest()


def _file_hash(path: Path, cache: StatCache) -> str:
    try:
        return cache.file_hash(path, "md5")
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}") from error


def _file_hashes(top: Path, found: Found, cache: StatCache) -> dict[str, str]:
    shelf = f"folder {top}"
    hashes = {}
    for name, file in found:
        known: str | None = cache.get(shelf, name, stamp(file))
        if known is None:
            read = time.time_ns()
            try:
                known, valid = hash_file(top / name, "md5")
            except OSError as error:
                raise UserError(f"{top / name} cannot be read: {error.strerror}") from error
            if valid != stamp(file):
                raise UserError(f"{top / name} is written while it is read; try again when its writer is done")
            cache.put(shelf, name, valid, known, changed=valid[2], read=read)
        hashes[name] = known
    cache.keep_only(shelf, set(hashes))
    return hashes
