"""The identities of many points, at the price of one and a hash for each of the others."""

import json
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from twinlib.identity.config import canonical, identity_part
from twinlib.identity.fingerprint import Identity, identify
from twinlib.identity.stat_cache import StatCache

FRESH = 1.0  # seconds


class Identities:
    """Gives what `identify` gives.

    The code, the data and the environment of a run depend on the texts in its config alone: names of code, paths. So
    points that differ in numbers share them. They are looked at again when a second has passed: a sweep that takes
    days notices an edited file at its next point.
    """

    def __init__(self, root: Path, cache: StatCache) -> None:
        self._root = root
        self._cache = cache
        self._known: dict[str, tuple[float, Identity]] = {}

    def of(self, config: Mapping[str, Any]) -> Identity:
        """The identity of the run that a resolved config describes.

        Raises
        ------
        UserError
            As `identify`.
        """
        form = canonical(identity_part(config), [])
        texts = json.dumps([_texts(form), config["inputs"], config["data"].get("path")], default=repr)
        looked, known = self._known.get(texts, (0.0, None))
        if known is not None and time.monotonic() - looked < FRESH:
            return replace(known, config=form)
        looked = time.monotonic()
        identity = identify(config, self._root, self._cache)
        self._known[texts] = looked, identity
        return identity


def _texts(form: Any) -> Any:
    """A canonical tree with a null for every number and truth value."""
    if isinstance(form, dict):
        return {key: _texts(value) for key, value in form.items()}
    if isinstance(form, list):
        return [_texts(value) for value in form]
    return form if isinstance(form, str) else None
