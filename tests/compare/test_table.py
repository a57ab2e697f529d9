from twinlib.compare.selection import choose
from twinlib.compare.table import columns, merged, metric_names, number

CNN = {"_target_": "nets.torch.cnn", "dense": 8}
LINEAR = {"_target_": "nets.torch.linear"}


def told(lab):
    """Heading -> the set of texts."""
    return {column.heading: set(column.text) for column in merged(columns(choose([], lab.root).runs))}


def test_only_the_keys_that_differ(lab):
    lab.record(lr=0.1, betas=[1, 2], seed=0), lab.record(lr=0.25, betas=[1, 3], seed=0)
    assert told(lab) == {"lr": {"0.1", "0.25"}, "betas": {"[1, 2]", "[1, 3]"}}


def test_one_run_differs_from_none(lab):
    lab.record()
    assert told(lab) == {}


def test_what_comes_with_another_target_is_not_told(lab):
    lab.record(model=CNN), lab.record(model=LINEAR)
    assert told(lab) == {"model": {"cnn", "linear"}}
    lab.record(model=CNN | {"dense": 16})
    assert told(lab)["model.dense"] == {"8", "16", "-"}


def test_a_key_that_one_run_lacks_is_told(lab):
    lab.record(), lab.record(extra=None)
    assert told(lab) == {"extra": {"-"}}


def test_targets_are_shortened_as_far_as_they_stay_apart(lab):
    lab.record(model={"_target_": "a.torch.cnn"}), lab.record(model={"_target_": "a.keras.cnn"})
    assert told(lab) == {"model": {"torch.cnn", "keras.cnn"}}


def test_targets_that_change_together_are_one_column(lab):
    for framework in ("torch", "keras"):
        node = {"_target_": f"lab.{framework}.one"}
        lab.record(trainer=node | {"framework": framework}, optimizer=node, loss=node)
    assert list(told(lab)) == ["trainer"]


def test_other_code_is_told_only_where_the_settings_do_not_tell_it(lab):
    lab.record(lr=1.0, code="1" * 64), lab.record(lr=2.0, code="2" * 64)
    assert list(told(lab)) == ["lr"]
    lab.record(lr=2.0, code="3" * 64)
    assert list(told(lab)) == ["lr", "code"]


def test_names(lab):
    lab.record(name="lab/a"), lab.record(name="lab/b", lr=7.0)
    assert told(lab)["name"] == {"lab/a", "lab/b"}


def test_the_objective_is_the_first_metric(lab):
    lab.record()
    assert metric_names(choose([], lab.root)) == ["val_loss", "test_loss"]


def test_numbers_for_people():
    assert [number(value) for value in (0.123456, 3, None, "a", True, [1, 2])] == [
        *("0.1235", "3", "-", "a", "true", "[1, 2]")
    ]
