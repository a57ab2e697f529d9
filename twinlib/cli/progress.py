"""What a terminal shows of a training: a bar for the epoch that runs, a line for each that is over."""

import sys
from collections.abc import Mapping
from typing import Any, TextIO

from tqdm import tqdm

from twinlib.tracking.rank import is_first


class Progress:
    """A `Report` on stderr. In a file or a pipe there are the lines without the bar; `progress=false`: nothing.

    Parameters
    ----------
    config
        Resolved; `progress` and `epochs` are read.
    """

    def __init__(self, config: Mapping[str, Any], out: TextIO | None = None) -> None:
        self._epochs: int = config["epochs"]
        self._out = out or sys.stderr
        self._speaks = bool(config["progress"]) and is_first()
        self._bar: tqdm[Any] | None = None

    def epoch_begins(self, epoch: int, steps: int) -> None:
        if self._speaks and self._out.isatty():
            self._bar = tqdm(
                total=steps,
                desc=self._name(epoch),
                unit="batch",
                leave=False,
                dynamic_ncols=True,
                file=self._out,
            )

    def batch(self) -> None:
        if self._bar is not None:
            self._bar.update()

    def epoch_ends(self, row: Mapping[str, float]) -> None:
        self.close()
        if self._speaks:
            numbers = [f"{key} {value:.4g}" for key, value in row.items() if key not in ("epoch", "seconds")]
            took = [f"{row['seconds']:.1f} s"] if "seconds" in row else []
            print(self._name(int(row["epoch"])), *numbers, *took, sep="  ", file=self._out, flush=True)

    def close(self) -> None:
        """Take the bar away, also when a training ends within an epoch."""
        if self._bar is not None:
            self._bar.close()
            self._bar = None

    def _name(self, epoch: int) -> str:
        return f"epoch {epoch:{len(str(self._epochs))}}/{self._epochs}"
