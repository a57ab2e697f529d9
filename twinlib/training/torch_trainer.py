"""Lightning's Trainer: silent, keeping nothing, and with the ends of a training as what they are.

Imported before torch: see `GOMP_SPINCOUNT`.
"""

import logging
import os
import signal
import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import Any

# Read once, on import. torch's threads spin while they wait for each other. As long as is the default is too long once
# another process wants the processors too: they are taken from the very thread that is waited for, and a step takes
# several times as long.
os.environ.setdefault("GOMP_SPINCOUNT", "10000")

from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.utilities.exceptions import SIGTERMException

# The environment is written to, not read.
__code_deps__: list[str] = []

IGNORED = (
    "`isinstance.treespec, LeafSpec.` is deprecated",  # Lightning's own
    "Grad strides do not match bucket view strides",  # of filters of one channel, whose strides mean nothing
    "`LightningModule.configure_optimizers` returned `None`",  # optimizers of equations are not torch's
)


def silence() -> None:
    """No banners and tips of Lightning's."""
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    logging.getLogger("lightning.fabric").setLevel(logging.ERROR)


def fit(module: LightningModule, batches: Iterable[Any], folder: Path, **options: Any) -> None:
    """Lead a module through its epochs; `options` are the Trainer's.

    Raises
    ------
    SystemExit
        The training was terminated, with the code that a shell gives for it.
    KeyboardInterrupt
        It was interrupted.
    """
    trainer = Trainer(
        **options,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        default_root_dir=folder,
    )
    with warnings.catch_warnings():
        for message in IGNORED:
            warnings.filterwarnings("ignore", message)
        try:
            trainer.fit(module, train_dataloaders=batches)
        except SIGTERMException:  # which is an exit, with code 0
            raise SystemExit(128 + signal.SIGTERM) from None
        except SystemExit:  # what Lightning makes of Ctrl-C
            raise KeyboardInterrupt from None
