"""Source files as `syntax` reads them, remembered until they change."""

import hashlib
import os
import sys
import time
from pathlib import Path

from twinlib.errors import UserError
from twinlib.identity import definitions, reach, syntax
from twinlib.identity.bytecode import is_current
from twinlib.identity.stat_cache import StatCache, stamp

_SHELF = "code"
_MAKERS = (syntax, reach, definitions)  # what is remembered of a file is what these made of it


class Sources:
    """The code files of a project. `doubts` names those that Python would not run as they are."""

    def __init__(self, root: Path, cache: StatCache) -> None:
        self.doubts: list[str] = []
        self._root = root
        self._cache = cache
        made_by = [*sys.version_info[:2], *(stamp(Path(str(maker.__file__)).stat()) for maker in _MAKERS)]
        self._maker = hashlib.sha256(repr(made_by).encode()).hexdigest()[:16]
        self._texts: dict[str, syntax.Text] = {}

    def text(self, path: str) -> syntax.Text:
        """What a file says; of an extension module or bytecode nothing but its hash is known.

        Raises
        ------
        UserError
            It cannot be read.
        """
        if path not in self._texts:
            try:
                self._texts[path] = self._read(Path(path))
            except OSError as error:
                raise UserError(f"{path} cannot be read: {error.strerror}") from error
        return self._texts[path]

    def shown(self, path: str) -> str:
        """A path for people: relative to the project where it lies in it."""
        return os.path.relpath(path, self._root) if path.startswith(f"{self._root}/") else path

    def _read(self, path: Path) -> syntax.Text:
        if path.suffix != ".py":
            return syntax.opaque(self._cache.file_hash(path, "sha256"))
        valid = [*stamp(path.stat()), self._maker]
        known = self._cache.get(_SHELF, str(path), valid)
        if known is not None:
            return syntax.Text.from_json(known)
        read = time.time_ns()
        with path.open("rb") as file:
            source = file.read()
            found = stamp(os.fstat(file.fileno()))
        text = syntax.read(source, package=path.stem == "__init__")
        if is_current(path, source):
            self._cache.put(_SHELF, str(path), [*found, self._maker], text.to_json(), changed=found[2], read=read)
        else:
            self.doubts.append(f"{self.shown(str(path))}: Python runs old bytecode of it; delete its __pycache__")
        return text
