"""Keep passwords and keys out of what a tracker stores or sends."""

import os
import re
from collections.abc import Mapping
from typing import Any

HIDDEN = "***"

_WORDS = r"(?:password|passwd|secret|token|credentials?|(?:api|access|private)[_\-]?key|signature|sig)"
_KEY = re.compile(rf"(?:^|[_\-.]){_WORDS}(?:$|[_\-.])", re.IGNORECASE)
_USER = re.compile(r"(://[^/@:\s]*):[^/@\s]+@")  # s3://key:secret@host
_QUERY = re.compile(rf"([?&][^=&\s]*{_WORDS}[^=&\s]*=)[^&\s]+", re.IGNORECASE)  # https://host/file?sig=secret


def without_secrets(tree: Mapping[str, Any], environ: Mapping[str, str] = os.environ) -> dict[str, Any]:
    """A copy of a config in which what looks like a secret is `***`.

    Hidden are texts at keys such as `token` or `api_key`, passwords and signatures within URLs, and the values of
    secret environment variables wherever they turn up.
    """
    # A short value ("1", "yes") is no secret, and would turn up everywhere.
    known = [value for name, value in environ.items() if _KEY.search(name) and len(value) >= 8]
    return {str(key): _hide(str(key), value, known) for key, value in tree.items()}


def _hide(key: str, value: Any, known: list[str]) -> Any:
    if isinstance(value, Mapping):
        return {str(inner): _hide(str(inner), below, known) for inner, below in value.items()}
    if isinstance(value, list | tuple):
        return [_hide(key, item, known) for item in value]
    if not isinstance(value, str):
        return value
    if _KEY.search(key):
        return HIDDEN
    for secret in known:
        value = value.replace(secret, HIDDEN)
    return _QUERY.sub(rf"\1{HIDDEN}", _USER.sub(rf"\1:{HIDDEN}@", value))
