"""A second store at any URL that fsspec knows: the same layout and the same commit rule as the local one."""

import hashlib
import math
import os
import random
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from fsspec import get_filesystem_class
from fsspec.core import url_to_fs

from twinlib.errors import UserError
from twinlib.store.record import LARGEST, RECORD, Damaged, FileEntry, Record

_CHUNK = 2**20  # bytes
_IDLE = 60.0  # seconds after which a connection may have been dropped on its way
_used: dict[str, float] = {}  # when each URL was last used
# A server that keeps its callers waiting for nothing is not called by each point of a sweep.
_PATIENCE = 5.0  # seconds for an answer, after which none is awaited …
_PAUSE = 60.0  # … for so long
_silent: dict[str, float] = {}  # when each URL was last found silent

# Where a rename is one step. Elsewhere `mv` copies, and what is written is seen when it is whole.
_RENAMES = {"file", "local", "sftp", "ssh"}
# Where folders do not exist; to make one would make a bucket out of a misspelt name.
_NO_FOLDERS = {"s3", "s3a", "gs", "gcs", "abfs", "abfss", "az"}
# `sshfs` trusts every host unless it is told otherwise; () is what `ssh` does: the known_hosts of ~/.ssh.
_SSH = {"known_hosts": (), "connect_timeout": 30, "keepalive_interval": 15}  # seconds
_OPTIONS: dict[str, dict[str, Any]] = {"sftp": _SSH, "ssh": _SSH}
_EXTRAS = {"sftp": "sftp", "ssh": "sftp", "s3": "s3", "s3a": "s3"}  # of our distribution, by protocol


class Unreachable(UserError):
    """The remote store does not answer, or refuses."""


class Missing(Damaged):
    """A file is not there."""


class Unfinished(Damaged):
    """Another one is writing the record, or was cut off before its `record.json`."""


class Remote:
    """Records at `<url>/<folder name>/`; the files of a record are written first, its `record.json` last.

    Raises
    ------
    UserError
        No package for the URL's protocol is installed.
    Unreachable
        By every method.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        began = time.monotonic()
        if began - _silent.get(url, -math.inf) < _PAUSE:
            raise self._unreachable(TimeoutError("did not answer a moment ago"))
        protocol = re.split(r"://|::", url)[0] if "://" in url else "file"
        try:
            kind = get_filesystem_class(protocol)
            if protocol in ("sftp", "ssh") and not kind.__module__.startswith("sshfs"):
                raise ImportError("needs the package sshfs")
            if time.monotonic() - _used.get(url, -math.inf) > _IDLE:
                kind.clear_instance_cache()
            self._files, self._root = url_to_fs(url, **_OPTIONS.get(protocol, {}))
        except (ValueError, ImportError) as error:  # no such protocol, or the package for it is not installed
            extra = _EXTRAS.get(protocol) if isinstance(error, ImportError) else None
            remedy = f"; install it: pip install 'twinlib[{extra}]'" if extra else ""
            raise UserError(f"store.remote: {self._shown(url)}: {error}{remedy}") from error
        except Exception as error:  # some connect at once
            if time.monotonic() - began > _PATIENCE:
                _silent[url] = time.monotonic()
            raise self._unreachable(error) from error
        self._renames, self._has_folders = protocol in _RENAMES, protocol not in _NO_FOLDERS

    def names(self) -> list[str]:
        """The names of all folders that may be records."""
        with self._calls():
            self._files.invalidate_cache()
            try:
                paths = self._files.ls(self._root, detail=False)
            except FileNotFoundError:
                return []
        return sorted(path.rstrip("/").rpartition("/")[2] for path in paths)

    def fetch(self, name: str, folder: Path) -> Record:
        """Copy the record `name` into an empty local folder, its `record.json` last.

        Raises
        ------
        Unfinished
            It has no `record.json`.
        Damaged
            It is not as it was written.
        """
        text = self._record_json(name)
        if text is None:
            raise Unfinished(f"{RECORD} is missing")
        record = Record.parse(text, folder)
        for file, entry in record.files.items():
            target = folder / file
            target.parent.mkdir(parents=True, exist_ok=True)
            with target.open("xb") as out:
                for chunk in self._checked(name, file, entry):
                    out.write(chunk)
        (folder / RECORD).write_bytes(text)
        return record

    def push(self, record: Record) -> None:
        """Write a local record to the remote; a good one of the same fingerprint that is there already stays."""
        text = (record.folder / RECORD).read_bytes()
        name = record.folder.name
        there = self._record_json(name)
        if there is not None:
            if self._is_good(name, there, record, same=there == text):
                return
            self._set_aside(name)
        for _ in range(5):
            started = time.monotonic()
            with self._calls():
                for file in record.files:
                    self._upload(record.folder / file, self._path(name, file))
                self._commit(name, text)
            # Two that push one run at the same time could leave files of one with the record.json of the other. The
            # one that wrote record.json last comes last here, too: it sees what is wrong, and writes again.
            if self._record_json(name) != text or self._is_good(name, text, record, same=False):
                return
            time.sleep(random.random() * (time.monotonic() - started))  # or the two could go on for ever
        raise self._unreachable(OSError("what is written there does not stay as it was written"))

    def _upload(self, source: Path, target: str) -> None:
        if self._has_folders:
            self._files.makedirs(target.rpartition("/")[0], exist_ok=True)
        self._files.put_file(str(source), target)

    def _commit(self, name: str, text: bytes) -> None:
        """Write `record.json`, of which nobody ever sees a part."""
        target = self._path(name, RECORD)
        if self._renames:
            draft = self._path(name, f".{RECORD}.{os.urandom(4).hex()}")
            self._files.pipe_file(draft, text)
            self._files.mv(draft, target)
        else:
            self._files.pipe_file(target, text)

    def _is_good(self, name: str, text: bytes, record: Record, same: bool) -> bool:
        """Whether a record of the run is there; of the `same` record as ours only the sizes are looked at."""
        try:
            there = Record.parse(text, record.folder)
            if same:
                with self._calls():
                    self._files.invalidate_cache()
                    found = self._files.find(self._path(name), detail=True)
                sizes = {path: info["size"] for path, info in found.items()}
                return all(sizes.get(self._path(name, file)) == entry.size for file, entry in there.files.items())
            for file, entry in there.files.items():
                for _ in self._checked(name, file, entry):
                    pass
        except Damaged:
            return False
        return there.fingerprint == record.fingerprint

    def _set_aside(self, name: str) -> None:
        with self._calls(), suppress(FileNotFoundError):  # another has moved it
            if self._has_folders:
                self._files.makedirs(self._path(".damaged"), exist_ok=True)
            self._files.mv(self._path(name), self._path(".damaged", f"{name}.{os.urandom(4).hex()}"), recursive=True)

    def _record_json(self, name: str) -> bytes | None:
        text = b""
        try:
            for chunk in self._chunks(name, RECORD):
                text += chunk
                if len(text) > LARGEST:
                    break  # which makes it unreadable
        except Missing:
            return None
        return text

    def _checked(self, name: str, file: str, entry: FileEntry) -> Iterator[bytes]:
        """The content of a file in pieces; Damaged after the last one if it is another than recorded."""
        digest, size = hashlib.sha256(), 0
        for chunk in self._chunks(name, file):
            digest.update(chunk)
            size += len(chunk)
            if size > entry.size:
                break  # what never ends must not fill the disk
            yield chunk
        if FileEntry(size, digest.hexdigest()) != entry:
            raise Damaged(f"{file} has another content than recorded")

    def _chunks(self, name: str, file: str) -> Iterator[bytes]:
        with self._calls():
            self._files.invalidate_cache()
            try:
                source = self._files.open(self._path(name, file), "rb")
            except FileNotFoundError as error:
                raise Missing(f"{file} is missing") from error
            with source:
                while chunk := source.read(_CHUNK):
                    yield chunk

    def _path(self, *parts: str) -> str:
        return "/".join([self._root.rstrip("/"), *parts])

    @contextmanager
    def _calls(self) -> Iterator[None]:
        try:
            yield
        except (UserError, Damaged):
            raise
        except Exception as error:  # each file system has errors of its own, with no class in common
            self._files.clear_instance_cache()  # the next `Remote` connects anew
            raise self._unreachable(error) from error
        _used[self._url] = time.monotonic()

    def _unreachable(self, error: Exception) -> Unreachable:
        reason = str(error) or type(error).__name__
        line = reason.replace(self._url, self._shown(self._url)).partition("\n")[0]
        return Unreachable(f"store.remote: {self._shown(self._url)}: {line}")

    @staticmethod
    def _shown(url: str) -> str:
        return re.sub(r"//[^/@]*@", "//", url)  # it may hold a password
