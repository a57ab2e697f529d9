"""Bytecode that Python would run in place of a source file, although it was made from another text.

Python compares a source's size and its mtime in whole seconds. A file that is changed and gets its mtime back, or that
is edited twice within a second, runs as what it was before; the fingerprint would stand for a text that never ran.
"""

import importlib.util
import marshal
import warnings
from pathlib import Path


def is_current(path: Path, source: bytes) -> bool:
    """Whether Python runs exactly `source` when it imports `path`; old bytecode is removed where that is possible."""
    cached = Path(importlib.util.cache_from_source(str(path)))
    try:
        content = cached.read_bytes()
        found = path.stat()
    except OSError:
        return True
    made_from = b"".join(
        (value & 0xFFFFFFFF).to_bytes(4, "little") for value in (0, int(found.st_mtime), found.st_size)
    )
    unchecked = content[4:8] == b"\1\0\0\0"
    if content[:4] != importlib.util.MAGIC_NUMBER or (content[4:16] != made_from and not unchecked):
        return True  # Python sees by itself that it is out of date
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            if marshal.loads(content[16:]) == compile(source, str(path), "exec", dont_inherit=True):
                return True
        cached.unlink()
    except (SyntaxError, ValueError, EOFError, TypeError, RecursionError):
        return True  # the import fails by itself
    except OSError:
        return False
    return True
