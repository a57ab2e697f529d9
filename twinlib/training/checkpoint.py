"""What a training needs to go on after it was broken off, in files of numbers."""

import hashlib
import json
import os
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, Any

import numpy as np

_KEPT = 2
_STATE = "state"
# What the names of arrays begin with in the file: numpy knows no bfloat16 and would write bytes without a type.
_PLAIN, _BFLOAT16 = "plain/", "bfloat16/"


class Checkpoints:
    """The last checkpoints of one run: a numpy archive each, named by its epoch and the hash of its bytes.

    Parameters
    ----------
    folder
        Of this run alone; made when it is first written to. None writes nothing and finds nothing.
    seconds
        At least so long between two writes, so that short epochs do not pay; 0 writes each epoch.
    """

    def __init__(self, folder: Path | None, seconds: float = 10.0) -> None:
        self._folder = folder
        self._seconds = seconds
        self._written = time.monotonic()
        self._broken: set[Path] = set()

    def due(self) -> bool:
        """Whether the epoch that ends now shall be written."""
        return self._folder is not None and time.monotonic() - self._written >= self._seconds

    def write(self, epoch: int, arrays: Mapping[str, np.ndarray], state: Mapping[str, Any]) -> None:
        """Keep an epoch: all of it, or, when the file system refuses, nothing and a line on stderr.

        Parameters
        ----------
        arrays
            By any name; bfloat16 of `ml_dtypes` included.
        state
            Anything that JSON can hold.
        """
        if self._folder is None:
            return
        temporary = self._folder / f".{epoch:09d}.{os.getpid()}"
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            with temporary.open("wb") as file:
                hashed = _Hashed(file)
                np.savez(hashed, allow_pickle=False, **_packed(arrays, state))  # type: ignore[arg-type]
                file.flush()
                os.fsync(file.fileno())
            path = self._folder / f"{epoch:09d}-{hashed.digest}.npz"
            os.replace(temporary, path)
            _sync(self._folder)
            self._forget_all_but(path, epoch)
        except OSError as error:
            _say(f"no checkpoint of epoch {epoch}: {error.strerror or error} ({self._folder}); the training goes on")
        finally:
            temporary.unlink(missing_ok=True)
        self._written = time.monotonic()

    def latest(self) -> tuple[dict[str, np.ndarray], dict[str, Any]] | None:
        """Arrays and state of the newest good checkpoint; a broken one is named on stderr and left out."""
        for path in self._newest_first():
            try:
                return _read(path)
            except (OSError, ValueError) as error:
                self._broken.add(path)
                _say(f"checkpoint {path} is left out: {error}")
        return None

    def _newest_first(self) -> list[Path]:
        if self._folder is None or not self._folder.is_dir():
            return []
        return sorted(self._folder.glob("[0-9]*-*.npz"), key=_epoch, reverse=True)

    def _forget_all_but(self, path: Path, epoch: int) -> None:
        before = [each for each in self._newest_first() if _epoch(each) < epoch and each not in self._broken]
        for each in self._newest_first():
            if each != path and each not in before[: _KEPT - 1]:
                each.unlink(missing_ok=True)


class _Hashed:
    """A file that is written once from its beginning to its end, and the hash of what was written."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._hash = hashlib.blake2b(digest_size=16)

    def write(self, data: bytes) -> int:
        self._hash.update(data)
        return self._file.write(data)

    def flush(self) -> None:
        self._file.flush()

    def read(self) -> bytes:
        """Not asked for; numpy takes for a file what has it."""
        raise OSError("opened for writing")

    @property
    def digest(self) -> str:
        return self._hash.hexdigest()


def _packed(arrays: Mapping[str, np.ndarray], state: Mapping[str, Any]) -> dict[str, np.ndarray]:
    packed = {_STATE: np.frombuffer(json.dumps(state).encode(), np.uint8)}
    for name, array in arrays.items():
        if array.dtype.name == "bfloat16":
            packed[_BFLOAT16 + name] = array.view(np.uint16)
        else:
            packed[_PLAIN + name] = array
    return packed


def _read(path: Path) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    with path.open("rb") as file:
        found = hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=16)).hexdigest()
    if not path.stem.endswith(f"-{found}"):
        raise ValueError("its content is not what was written")
    with np.load(path, allow_pickle=False) as packed:
        state: dict[str, Any] = json.loads(packed[_STATE].tobytes())
        arrays = dict(_unpacked(packed))
    return arrays, state


def _unpacked(packed: Mapping[str, np.ndarray]) -> Iterator[tuple[str, np.ndarray]]:
    for name in packed:
        if name.startswith(_PLAIN):
            yield name.removeprefix(_PLAIN), packed[name]
        elif name.startswith(_BFLOAT16):
            import ml_dtypes

            yield name.removeprefix(_BFLOAT16), packed[name].view(ml_dtypes.bfloat16)


def _epoch(path: Path) -> int:
    return int(path.name.split("-")[0])


def _sync(folder: Path) -> None:
    """A file's name is on the disk only when its folder is."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
