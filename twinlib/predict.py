"""A trained twin in use: raw samples in, predictions out. Nothing of the training is called."""

import json
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from twinlib import lookup
from twinlib.data.preprocess import Preprocess
from twinlib.errors import UserError
from twinlib.store.record import Record

_ROWS = 512  # samples that go through the model at once; bounds the memory


@dataclass(frozen=True)
class Twin:
    """A model out of a record, with the preprocessing it was trained with."""

    record: Record
    config: dict[str, Any]
    preprocess: Preprocess
    _model: Callable[[npt.NDArray[np.float32]], npt.NDArray[Any]] = field(repr=False)

    def predict(self, raw: npt.ArrayLike) -> npt.NDArray[Any]:
        """Predict for raw samples, as they are in the dataset before any preprocessing.

        Parameters
        ----------
        raw
            Shape (n, *shape) or, for one sample, shape; where the last axis has one channel it may be left out.

        Returns
        -------
        Shape (n, …), also for one sample: probabilities of the classes, or values, as the config's `output` says.

        Raises
        ------
        UserError
            Another shape, or values that the field cannot have.
        """
        samples = self._samples(np.asarray(raw))
        parts = [samples[at : at + _ROWS] for at in range(0, len(samples), _ROWS)]
        return np.concatenate([self._model(self.preprocess(part)) for part in parts])

    def _samples(self, raw: npt.NDArray[Any]) -> npt.NDArray[Any]:
        shape = self.preprocess.field.shape
        if raw.shape == shape:
            raw = raw[None]
        elif shape[-1:] == (1,) and raw.shape == shape[:-1]:
            raw = raw[None, ..., None]
        elif shape[-1:] == (1,) and raw.ndim == len(shape) and raw.shape[1:] == shape[:-1]:
            raw = raw[..., None]
        if raw.ndim != len(shape) + 1 or raw.shape[1:] != shape or len(raw) == 0:
            wanted = ", ".join(["n", *map(str, shape)])
            raise UserError(f"{self.preprocess.field.name}: shape ({wanted}) is needed, not {raw.shape}")
        return raw


def load(run: str | Path, root: Path | None = None, overrides: Sequence[str] = ()) -> Twin:
    """Load the twin of a run.

    Parameters
    ----------
    run
        A record's folder, its name, the beginning of its name or hash, or the name of an experiment.
    root
        The project folder; by default the one around the working directory.
    overrides
        Settings of the experiment, such as "lr=3e-4".

    Raises
    ------
    UserError
        No run or several are meant, or the record is damaged.
    """
    root = root.absolute() if root is not None else lookup.project()
    return of_record(lookup.find(run, root, overrides), root)


def of_record(record: Record, root: Path) -> Twin:
    """Load the twin of a record; its `_target_`s are built from the allowed packages only."""
    from twinlib.config.build import build

    lookup.importable(root)
    config = config_of(record)
    # Each trainer has, in its own module, the function that only predicts.
    module = str(config["trainer"]["_target_"]).rpartition(".")[0]
    model = build({"_target_": f"{module}.predictor"}, config, record.folder)
    if changed := _changed_modules(record, config, root):
        more = f" and {len(changed) - 3} more" if len(changed) > 3 else ""
        warnings.warn(
            f"{record.folder.name}: its code has changed since it was trained ({', '.join(changed[:3])}{more}); "
            "predictions may differ from those that were evaluated",
            stacklevel=3,
        )
    return Twin(record, config, preprocess_of(record), model)


def config_of(record: Record) -> dict[str, Any]:
    """The settings of a run."""
    import yaml

    config: dict[str, Any] = yaml.safe_load((record.folder / "config.yaml").read_text())
    return config


def preprocess_of(record: Record) -> Preprocess:
    """The preprocessing of a run's inputs, with the field that it takes."""
    return Preprocess.from_json(json.loads((record.folder / "preprocess.json").read_text()))


def _changed_modules(record: Record, config: dict[str, Any], root: Path) -> list[str]:
    """The modules of the run's code that are not as the record has them."""
    from twinlib.identity.fingerprint import Identity, identify
    from twinlib.identity.stat_cache import StatCache

    then = Identity.from_json(json.loads((record.folder / "identity.json").read_text()))
    # The data need not be here to use a twin.
    data = {key: value for key, value in config["data"].items() if key != "path"}
    now = identify({**config, "data": data, "inputs": {}}, root, StatCache(root / ".twin"))
    return [
        module for module, code in then.code.items() if not module.startswith("file:") and now.code.get(module) != code
    ]
