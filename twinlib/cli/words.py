"""Tell settings (`lr=3e-4`) from everything else on the command line."""

import re
from collections.abc import Iterable

# A key of the config, with Hydra's prefixes and packages. A record's folder name has a `-` before its first `=`.
_SETTING = re.compile(r"(?:~[\w./@]+|(?:\+{0,2})[A-Za-z_][\w./@]*=.*)", re.DOTALL)


def split(words: Iterable[str]) -> tuple[list[str], list[str]]:
    """The words that are no settings, and the settings, each in their order."""
    named: list[str] = []
    settings: list[str] = []
    for word in words:
        (settings if _SETTING.fullmatch(word) else named).append(word)
    return named, settings
