import pytest

from twinlib.config.check import check
from twinlib.errors import UserError


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("epochs", 0, "epochs=0: must be at least 1"),
        ("lr", -1.0, "lr=-1.0: must be greater than 0"),
        ("clip_norm", 0.0, "clip_norm=0.0: must be greater than 0"),
        ("seed", -1, "seed=-1: must be 0 or more"),
        ("direction", "up", "direction=up: choose one of minimize, maximize"),
        ("output", "relu", "output=relu: choose one of identity, sigmoid, softmax"),
        ("strategy.precision", "fp16", "choose one of 32, bf16-mixed, 16-mixed, 64"),
        ("strategy.devices", 2, "strategy.devices=2: strategy=single trains on 1; use strategy=data_parallel"),
        ("strategy.name", "fsdp", "strategy.name=fsdp: choose one of single, data_parallel, sharded"),
        ("checkpoint_seconds", -1.0, "checkpoint_seconds=-1.0: must be 0 or more"),
        ("accumulate", 65, "a batch of batch_size=64 has fewer parts"),
        ("objective", "val_acc", "objective=val_acc: is not measured; did you mean val_accuracy?"),
        ("early_stopping.patience", 0, "early_stopping.patience=0: must be greater than 0"),
        ("loss", {}, "loss: has no _target_"),
        ("extra", 1, "extra: no such key"),
    ],
)
def test_value_that_no_run_could_honour_is_refused(config, key, value, words):
    node = config
    *path, last = key.split(".")
    for part in path:
        node = node[part]
    node[last] = value
    with pytest.raises(UserError) as error:
        check(config)
    assert words in str(error.value)


def test_shipped_config_passes(config):
    check(config)
