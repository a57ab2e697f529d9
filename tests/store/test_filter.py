import json

import pytest

from twinlib.errors import UserError
from twinlib.store.filter import Condition, place

CNN = {"_target_": "twinlib.models.cnn_torch.cnn", "dense": 128}
LOSS = {"_target_": "twinlib.loss.torch.CrossEntropy"}


@pytest.mark.parametrize(
    ("word", "value", "holds"),
    [
        ("lr=1e-3", 0.001, True),
        ("lr=1e-3", 0.01, False),
        ("lr<1e-3", 0.0003, True),
        ("lr<1e-3", 0.001, False),
        ("lr<=1e-3", 0.001, True),
        ("lr>=0.9", 0.9, True),
        ("lr!=1e-3", 0.01, True),
        ("lr!=1e-3", None, True),
        ("lr=nan", "!float:nan", True),
        ("lr<1", "!float:nan", False),
        ("lr<inf", "!float:-inf", True),
        ("seed=1", 1, True),
        ("seed=1", True, False),
        ("seed=true", True, True),
        ("seed<2", True, False),
        ("clip_norm=null", None, True),
        ("clip_norm=1", None, False),
        ("clip_norm<1", None, False),
        ("strategy.precision=32", "32", True),
        ("model=cnn", CNN, True),
        ("model=cn?", CNN, True),
        ("model=linear", CNN, False),
        ("loss=cross_entropy", LOSS, True),
        ("data=mnist", {"_target_": "a.Dataset", "name": "mnist"}, True),
        ("metrics=accuracy", {"accuracy": {}}, True),
        ("model.filters=[32, 64]", [32, 64], True),
        ("model.filters=[32]", [32, 64], False),
        ("name=mnist/*", "mnist/cnn", True),
        ("name=mnist", "mnist/cnn", False),
        ("hash=3f2a", "3f2a9c", True),
        ("hash=12", "12e4", True),
        ("created>2026-03", "2026-03-01T00:00:00Z", True),
        ("created<2026-03", "2026-03-01T00:00:00Z", False),
    ],
)
def test_a_value_fits_or_not(word, value, holds):
    assert Condition.parse(word).matcher()(json.dumps(value)) is holds


def test_without_the_key_a_run_is_only_unequal():
    assert Condition.parse("lr!=1").matcher()(None)
    assert not Condition.parse("lr=null").matcher()(None)


@pytest.mark.parametrize("word", ["mnist/cnn", "<3", "lr<", "=3", 'a"b=1'])
def test_what_is_no_filter(word):
    with pytest.raises(UserError, match=f"^{word}: (no filter; write KEY=VALUE|the value is missing)"):
        Condition.parse(word)


@pytest.mark.parametrize(
    ("key", "path"),
    [
        ("lr", ("config", '$."lr"')),
        ("model.filters[1]", ("config", '$."model"."filters"[1]')),
        (r"names.a\.b", ("config", '$."names"."a.b"')),
        ("metric.val_loss", ("metrics", '$."val_loss"')),
        ("seconds", ("record", '$."seconds"')),
    ],
)
def test_where_a_key_lies(key, path):
    assert place(key) == path
