"""The checkpoints of a run that is not finished, and whether a later start may go on from them."""

import shutil
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from twinlib.errors import UserError
from twinlib.identity.fingerprint import Identity, identify
from twinlib.identity.stat_cache import StatCache

VERIFIED = (
    "verified"  # in the folder of the checkpoints: the last epoch that surely was computed by this code on these data
)


class Unfinished:
    """The checkpoints of one run, whose names begin with their epoch: `<epoch>-….npz`.

    A run is verified when it ends: nothing that its fingerprint covers may have changed meanwhile. One that was broken
    off is not. So its identity is looked at as it goes on, and a start that takes it up begins after the last epoch at
    whose end nothing was changed.

    Parameters
    ----------
    folder
        Where the checkpoints are; need not exist.
    identity, config, root
        Of the run.
    """

    def __init__(self, folder: Path, identity: Identity, config: Mapping[str, Any], root: Path) -> None:
        self.folder = folder
        self._identity, self._config, self._root = identity, config, root
        self._seconds: float = config["checkpoint_seconds"] / 2  # so that each epoch that is written is looked at
        self._looked = time.monotonic()
        self._sound = True
        self._verified = 0
        with suppress(OSError, ValueError):
            self._verified = int((folder / VERIFIED).read_text())
        for path in folder.glob("*.npz"):
            epoch = path.name.partition("-")[0]
            if not epoch.isdecimal() or int(epoch) > self._verified:
                path.unlink(missing_ok=True)

    def epoch_begins(self, epoch: int) -> None:
        """An epoch is computed; anew, if the checkpoint after it could not be read."""
        if epoch <= self._verified:
            self._verify(epoch - 1)

    def epoch_ends(self, row: Mapping[str, float]) -> None:
        """An epoch was computed, now or before; its checkpoint, if there will be one, is written after this."""
        epoch = int(row["epoch"])
        if epoch <= self._verified or not self._sound or time.monotonic() - self._looked < self._seconds:
            return
        with suppress(UserError):  # then this epoch is not verified
            now = identify(self._config, self._root, StatCache(self._root / ".twin"))
            self._sound = now.fingerprint == self._identity.fingerprint
            if self._sound:
                self._verify(epoch)
        self._looked = time.monotonic()

    def remove(self) -> None:
        """Nobody needs them any more."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _verify(self, epoch: int) -> None:
        with suppress(OSError):  # without space there are no checkpoints either
            self.folder.mkdir(parents=True, exist_ok=True)
            temporary = self.folder / f".{VERIFIED}"
            temporary.write_text(str(epoch))
            temporary.replace(self.folder / VERIFIED)
            self._verified = epoch
