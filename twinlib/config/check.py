"""What the types alone cannot say: values that fit together, in a framework that can honour them."""

import re
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from twinlib.config.mistakes import nearest
from twinlib.config.schema import Config
from twinlib.config.strategy import check_strategy
from twinlib.errors import UserError

CHOICES = {
    "direction": ("minimize", "maximize"),
    "checkpoint": ("best", "last"),
    "output": ("identity", "sigmoid", "softmax"),
    "strategy.name": ("single", "data_parallel", "sharded"),
    "strategy.accelerator": ("auto", "cpu", "gpu"),
    "strategy.precision": ("32", "bf16-mixed", "16-mixed", "64"),
}
AT_LEAST_ONE = ("batch_size", "accumulate", "epochs", "strategy.devices", "strategy.nodes")
POSITIVE = ("lr", "clip_norm", "clip_value", "early_stopping.patience")
NOT_NEGATIVE = ("seed", "workers", "checkpoint_seconds", "early_stopping.min_delta")
BUILT = ("data", "model", "trainer", "optimizer", "schedule", "loss")


def check(config: Mapping[str, Any]) -> None:
    """Refuse a config that no run could honour.

    Raises
    ------
    UserError
        One line that names the key, the value and what would do instead.
    """
    known = [field.name for field in fields(Config)]
    for key in config:
        if key not in known:
            raise UserError(f"{key}: no such key{nearest(key, known)}")
    for key in known:
        if key not in config:
            raise UserError(f"{key}: is missing; conf/config.yaml or one of its groups has to give it")
    for key, choices in CHOICES.items():
        if value_of(config, key) not in choices:
            raise UserError(f"{key}={value_of(config, key)}: choose one of {', '.join(choices)}")
    for keys, allowed, words in (
        (AT_LEAST_ONE, lambda number: number >= 1, "at least 1"),
        (POSITIVE, lambda number: number > 0, "greater than 0"),
        (NOT_NEGATIVE, lambda number: number >= 0, "0 or more"),
    ):
        for key in keys:
            number = value_of(config, key)
            if number is not None and not allowed(number):
                raise UserError(f"{key}={number}: must be {words}")
    # An empty path is the project folder itself.
    for key, path in (("store.path", config["store"]["path"]), ("data.path", config["data"].get("path", "…"))):
        if not str(path or "").strip():
            raise UserError(f"{key}: is empty; give a folder")
    _check_together(config)


def value_of(config: Mapping[str, Any], key: str) -> Any:
    """The value at a dotted key."""
    for part in key.split("."):
        config = config[part]
    return config


def _check_together(config: Mapping[str, Any]) -> None:
    for key in BUILT:
        target = config[key].get("_target_")
        if not target:
            raise UserError(f"{key}: has no _target_; choose a {key} group or name your own class or function")
        if not isinstance(target, str) or "." not in target:
            raise UserError(f"{key}._target_={target}: give a dotted path, package.module.name")
    if config["accumulate"] > config["batch_size"]:
        raise UserError(
            f"accumulate={config['accumulate']}: a batch of batch_size={config['batch_size']} has fewer parts"
        )
    measured = ["train_loss", "val_loss", *(f"val_{name}" for name in config["metrics"])]
    if config["objective"] not in measured:
        raise UserError(f"objective={config['objective']}: is not measured{nearest(config['objective'], measured)}")
    check_strategy(config)
    # Command lines are seen by everybody on a machine, and sweeps keep theirs.
    if re.search(r"//[^/@]*:[^/@]+@", config["store"]["remote"] or ""):
        raise UserError(
            "store.remote: has a password in it; give it where the protocol looks for one, as docs/shared-store.md says"
        )
