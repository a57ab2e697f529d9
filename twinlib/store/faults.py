"""From the error of a file system to one line that says what a user can do about it."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from twinlib.errors import UserError

_PERMISSION = "get permission for it, or set {key} to a folder of your own"
_SPACE = "free some space, or set {key} to a larger disk"
_FOLDER = "set {key} to a folder"
_REMEDIES = {
    errno.EACCES: _PERMISSION,
    errno.EPERM: _PERMISSION,
    errno.EROFS: _PERMISSION,
    errno.ENOSPC: _SPACE,
    errno.EDQUOT: _SPACE,
    errno.ENOTDIR: _FOLDER,
    errno.EEXIST: _FOLDER,
    errno.ELOOP: _FOLDER,
}


@contextmanager
def explained(path: Path, key: str = "store.path") -> Iterator[None]:
    """Turn what a user can put right (permission, space, not a folder) into a UserError.

    Parameters
    ----------
    path
        Named in the message where the error itself names no file.
    key
        Of the config, that says where the file is.
    """
    try:
        yield
    except OSError as error:
        remedy = _REMEDIES.get(error.errno or 0)
        if remedy is None:
            raise
        raise UserError(f"{error.filename or path}: {str(error.strerror).lower()}; {remedy.format(key=key)}") from error
