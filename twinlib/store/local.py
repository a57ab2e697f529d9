"""The run store: one folder per run, published at once or not at all."""

import errno
import os
import re
import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from twinlib.errors import UserError
from twinlib.store.faults import explained
from twinlib.store.record import RECORD, Damaged, Record, entry_of

if TYPE_CHECKING:
    from twinlib.identity.stat_cache import StatCache
    from twinlib.store.remote import Remote

FOLDER = re.compile(r"[A-Za-z0-9_=,+][A-Za-z0-9_.=,+-]*-[0-9a-f]{12}")


def folder_name(label: str, fingerprint: str) -> str:
    """`<label>-<hash12>`: the label for people, cut and cleaned so that any file system and shell takes it."""
    readable = re.sub(r"[^A-Za-z0-9_.=,+-]+", "-", label)[:80].strip("-.")
    return f"{readable or 'run'}-{fingerprint[:12]}"


class Store:
    """Records in the folder `path`, and a second store that is read through and written back.

    In `path` lie the records, and next to them `.draft` (runs that are not finished, or never were), `.damaged`
    (what was found instead of a record, moved aside) and `.locks`. Nothing of it is deleted here.

    Parameters
    ----------
    path
        Is made when something is written.
    remote
        Any URL that fsspec knows.
    cache
        Remembers the hashes of files that have not changed.
    """

    def __init__(self, path: Path, remote: str | None = None, cache: "StatCache | None" = None) -> None:
        self.path = path
        self.remote = remote
        self._cache = cache

    def find(self, fingerprint: str, label: str) -> Record | None:
        """The record of a run, every file of it checked; None if there is none, here or in the remote store.

        A damaged record is none, and a remote store that does not answer has none: both are said on stderr.

        Raises
        ------
        UserError
            The store cannot be read, or what the remote store has cannot be written here.
        """
        with explained(self.path):
            record = self._find_here(fingerprint, label)
        if record is not None or self.remote is None:
            return record
        from twinlib.store.remote import Unreachable

        try:
            return self.pull(fingerprint)
        except Unreachable as error:
            _warn(f"{error}; going on without it")
            return None

    def names(self) -> list[str]:
        """Folder names of all records, good or not."""
        with explained(self.path):
            try:
                return sorted(folder.name for folder in self.path.iterdir() if FOLDER.fullmatch(folder.name))
            except FileNotFoundError:
                return []

    def records(self) -> Iterator[Record]:
        """All records by folder name. Their files are there with their sizes; `Record.verify` looks at the content."""
        for name in self.names():
            try:
                yield Record.read(self.path / name)
            except (Damaged, PermissionError) as error:
                _warn(f"skipped {self.path / name}: {error}")

    def draft(self, label: str, fingerprint: str) -> Path:
        """A new folder for the files of a run, which nobody sees until `publish`."""
        folder = self.path / ".draft" / f"{folder_name(label, fingerprint)}.{os.urandom(4).hex()}"
        with explained(self.path):
            folder.mkdir(parents=True)
        return folder

    def publish(
        self,
        draft: Path,
        *,
        fingerprint: str,
        label: str,
        name: str | None,
        metrics: dict[str, float],
        objective: str,
        seconds: float,
    ) -> Record:
        """Make a draft the record of a run, and write it back to the remote store.

        The first record of a run stays: if there is a good one by now, it is returned and the draft goes. A damaged
        one is moved to `.damaged`. A remote store that does not answer is said on stderr; `push` can follow later.

        Raises
        ------
        UserError
            The store cannot be written, or the draft holds what cannot be in a record; names the draft, which stays.
        """
        try:
            with explained(self.path):
                record = self._find_here(fingerprint, label)
                if record is None:
                    record = Record(
                        folder=draft,
                        fingerprint=fingerprint,
                        name=name,
                        created=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
                        seconds=seconds,
                        host=os.uname().nodename,
                        objective=objective,
                        metrics=dict(metrics),
                        files={file: entry_of(draft, file) for file in sorted(_files_in(draft)) if file != RECORD},
                    )
                    (draft / RECORD).write_text(record.to_json())
                    record = self._commit(record, folder_name(label, fingerprint))
                else:
                    shutil.rmtree(draft, ignore_errors=True)
        except Damaged as error:
            raise UserError(f"{draft} cannot become a record: {error}") from error
        except UserError as error:
            raise UserError(f"{error}; the result stays in {draft}") from error
        if self.remote is not None:
            from twinlib.store.remote import Unreachable

            try:
                self.push(record)
            except Unreachable as error:
                _warn(f"{error}; the record stays here, `twin push` sends it later")
        return record

    def push(self, record: Record) -> None:
        """Send a record to the remote store, unless it has a good one of this run.

        Raises
        ------
        UserError
            There is no remote store, it does not answer, or the record is damaged.
        """
        try:
            with explained(record.folder):
                record.verify(self._cache)
        except Damaged as error:
            raise UserError(f"{record.folder} is damaged, run it again: {error}") from error
        self._remote().push(record)

    def pull(self, fingerprint: str) -> Record | None:
        """Copy a record from the remote store; None if it has no good one (a damaged one is said on stderr).

        Parameters
        ----------
        fingerprint
            The whole of it or its first 12 characters or more.

        Raises
        ------
        UserError
            There is no remote store, it does not answer, or its record cannot be written here.
        """
        from twinlib.store.remote import Unfinished

        remote = self._remote()
        for name in remote.names():
            if not _may_be(name, fingerprint):
                continue
            with explained(self.path):
                draft = self.draft(name[:-13], name[-12:])
                try:
                    record = remote.fetch(name, draft)
                    if not record.fingerprint.startswith(fingerprint):
                        raise Damaged(f"it is of the run {record.fingerprint}")
                    return self._commit(record, name)
                except Unfinished:
                    continue
                except Damaged as error:
                    _warn(f"damaged record, not used: {name} in store.remote: {error}")
                finally:
                    shutil.rmtree(draft, ignore_errors=True)
        return None

    def remote_names(self) -> list[str]:
        """Folder names of the records in the remote store; their last 12 characters are what `pull` takes."""
        return [name for name in self._remote().names() if FOLDER.fullmatch(name)]

    def _remote(self) -> "Remote":
        from twinlib.store.remote import Remote

        if self.remote is None:
            raise UserError("store.remote is not set; name a second store, such as store.remote=s3://bucket/runs")
        return Remote(self.remote)

    def _find_here(self, fingerprint: str, label: str) -> Record | None:
        for name in self._candidates(fingerprint, label):
            try:
                return self._good(self.path / name, fingerprint)
            except Damaged as error:
                _warn(f"damaged record, not used: {self.path / name}: {error}")
        return None

    def _candidates(self, fingerprint: str, label: str) -> Iterator[str]:
        expected = folder_name(label, fingerprint)
        if os.path.lexists(self.path / expected):
            yield expected
        # The label is no part of the identity: the same run may lie under another.
        yield from (name for name in self.names() if _may_be(name, fingerprint) and name != expected)

    def _good(self, folder: Path, fingerprint: str) -> Record:
        record = Record.read(folder)
        if record.fingerprint != fingerprint:
            raise Damaged(f"it is of the run {record.fingerprint}")
        record.verify(self._cache)
        return record

    def _commit(self, record: Record, name: str) -> Record:
        """Make the draft in `record.folder` the record `name`, safe from a loss of power, by one rename."""
        draft, target = record.folder, self.path / name
        Record.read(draft)
        for file in [*record.files, RECORD]:
            _sync(draft / file)
        for folder in {(draft / file).parent for file in [*record.files, RECORD]}:
            _sync(folder)
        while True:
            try:
                draft.rename(target)
            except OSError as error:
                if error.errno not in (errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR):
                    raise
            else:
                _sync(self.path)
                return replace(record, folder=target)
            try:
                standing = self._good(target, record.fingerprint)
            except Damaged:
                self._set_aside(target, record.fingerprint)
            else:
                shutil.rmtree(draft, ignore_errors=True)
                return standing

    def _set_aside(self, folder: Path, fingerprint: str) -> None:
        aside = self.path / ".damaged" / f"{folder.name}.{os.urandom(4).hex()}"
        aside.parent.mkdir(exist_ok=True)
        with suppress(FileNotFoundError):  # another process has moved it
            folder.rename(aside)
            # Between our look and the move another process may have put a good record there: it goes back.
            with suppress(Damaged, OSError):
                self._good(aside, fingerprint)
                aside.rename(folder)


def _may_be(name: str, fingerprint: str) -> bool:
    return bool(FOLDER.fullmatch(name)) and name.endswith("-" + fingerprint[:12])


def _files_in(folder: Path, prefix: str = "") -> Iterator[str]:
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                yield from _files_in(Path(entry.path), f"{prefix}{entry.name}/")
            else:
                yield prefix + entry.name


def _sync(path: Path) -> None:
    """Wait until a file or the names in a folder are on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):  # some network file systems cannot for folders
            raise
    finally:
        os.close(descriptor)


def _warn(text: str) -> None:
    print(text, file=sys.stderr)
