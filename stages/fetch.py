"""One file from any URL, checked against the hash that it must have."""

import fcntl
import hashlib
import importlib.util
import os
import re
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from twinlib.errors import UserError

CHUNK = 2**20
ATTEMPTS = 3  # in a row without a new byte
PAUSE = 2.0  # seconds before another attempt


def fetch(url: str, sha256: str | None, target: Path) -> None:
    """Bring the content of `url` to the file `target`, or nothing.

    What has arrived is kept in a hidden file next to the target. After a break, also in a later call, the rest
    of it is asked for when the server can send a part of a file; otherwise it starts anew. When several
    processes fetch the same target, one works and the others wait. A target with the right hash is left alone.

    Parameters
    ----------
    url
        Anything that fsspec opens (https://, s3://, file://, a path, …), or `package://name/path` for a file
        that an installed package ships.
    sha256
        64 hexadecimal digits.

    Raises
    ------
    UserError
        There is no usable hash, the content has another one, or the URL cannot be read. The message never
        holds what may be secret in a URL.
    """
    shown = without_secrets(url)
    if not (isinstance(sha256, str) and re.fullmatch("[0-9a-f]{64}", sha256)):
        raise UserError(f"{shown}: sha256 is {sha256!r}; pin 64 hexadecimal digits, as sha256sum prints them")
    source = _package_file(url) if url.startswith("package://") else url
    try:
        if _has_hash(target, sha256):
            return
        target.parent.mkdir(parents=True, exist_ok=True)
        partial = target.with_name(f".{target.name}.{sha256[:12]}.partial")
        with _alone(partial) as file:
            if _has_hash(target, sha256):  # thanks to the process that we waited for
                partial.unlink()
                return
            in_pieces = _download(source, file, target.name)
            if in_pieces and not _has_hash(partial, sha256):  # the pieces may be of different versions
                file.truncate(0)
                _download(source, file, target.name)
            if not _has_hash(partial, sha256):
                found = _sha256(partial)
                partial.unlink()
                raise UserError(f"{shown}: sha256 is {found}, but {sha256} is pinned; nothing is kept")
            os.fsync(file.fileno())
            partial.replace(target)
    except OSError as error:
        raise UserError(f"{target}: {_reason(error)}") from None


def without_secrets(text: str) -> str:
    """The text with every URL in it stripped of user, password and query, where tokens may stand."""
    return re.sub(r"\?\S+", "?…", re.sub(r"//[^/\s]*@", "//", text))


def _package_file(url: str) -> str:
    """The path of a file in an installed package, found without importing it."""
    name, _, inner = url.removeprefix("package://").partition("/")
    spec = importlib.util.find_spec(name) if name.isidentifier() else None
    if spec is None:
        raise UserError(f"{url}: no package {name} is installed; install it or give another URL")
    for folder in spec.submodule_search_locations or ():
        file = Path(folder, inner).resolve()
        if file.is_file() and file.is_relative_to(Path(folder).resolve()):
            return str(file)
    raise UserError(f"{url}: the installed package {name} has no such file")


@contextmanager
def _alone(partial: Path) -> Iterator[IO[bytes]]:
    """The partial file, open to append, while no other process has it; the system frees it for a killed one."""
    while True:
        with partial.open("ab") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                print(f"waiting for another process that fetches {partial.parent}", file=sys.stderr)
                fcntl.flock(file, fcntl.LOCK_EX)
            # Whoever had it may have renamed or removed it: then this lock guards nothing.
            if partial.exists() and os.path.samestat(partial.stat(), os.fstat(file.fileno())):
                yield file
                return


def _download(url: str, file: IO[bytes], name: str) -> bool:
    """Append what the file lacks, in several attempts; says whether it was put together from pieces."""
    failures, in_pieces = 0, False
    while True:
        before = _size(file)
        in_pieces = in_pieces or before > 0
        try:
            _append(url, file, name)
            return in_pieces
        except Exception as error:  # every protocol has its own kinds for a broken connection
            arrived = _size(file)
            failures = 1 if arrived > before else failures + 1
            if failures == ATTEMPTS or _is_final(error):
                kept = f"; {arrived} bytes are kept, run it again to go on" if arrived else ""
                raise UserError(f"{without_secrets(url)}: {_reason(error)}{kept}") from None
        time.sleep(PAUSE)


def _append(url: str, file: IO[bytes], name: str) -> None:
    from tqdm import tqdm

    source, size = _open(url, file)
    with (
        source,
        tqdm(total=size, initial=_size(file), unit="B", unit_scale=True, desc=name, disable=None) as bar,
    ):
        while chunk := source.read(CHUNK):
            file.write(chunk)
            bar.update(len(chunk))
    file.flush()


def _open(url: str, file: IO[bytes]) -> tuple[Any, int | None]:
    """The source from where the file ends, and its whole size; empties the file if the source cannot do that."""
    import fsspec

    have = _size(file)
    if not url.startswith(("http://", "https://")):
        fs, path = fsspec.url_to_fs(url)
        source = fs.open(path, "rb")
        source.seek(have)
        return source, fs.info(path)["size"]

    import aiohttp

    # No limit on the whole download (aiohttp's is five minutes); the proxy that the system names.
    timeout = aiohttp.ClientTimeout(total=None, sock_connect=30, sock_read=60)
    fs, path = fsspec.url_to_fs(url, client_kwargs={"timeout": timeout, "trust_env": True})
    size = fs.info(path)["size"]
    if size is None or have >= size:
        file.truncate(0)
        have = 0
    # One stream (block_size=0) of the bytes as they are stored; 206 is the answer of a server that sends a part.
    headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={have}-"} if have else {})
    source = fs.open(path, "rb", size=size, block_size=0, headers=headers)
    if have and source.r.status != 206:
        file.truncate(0)
    return source, size


def _size(file: IO[bytes]) -> int:
    file.flush()
    return os.fstat(file.fileno()).st_size


def _is_final(error: Exception) -> bool:
    """Another attempt cannot help: no such file, no such protocol."""
    if isinstance(error, FileNotFoundError):  # fsspec says so of a refused connection, too
        return not isinstance(error.__cause__, OSError)
    return isinstance(error, ValueError | ImportError | PermissionError)


def _reason(error: Exception) -> str:
    cause = error.__cause__ or error
    return without_secrets(" ".join(str(cause).split())) or type(cause).__name__


def _has_hash(file: Path, sha256: str) -> bool:
    return file.is_file() and _sha256(file) == sha256


def _sha256(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
