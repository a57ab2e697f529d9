import json

import pytest

from twinlib.cli import twin
from twinlib.config.compose import compose
from twinlib.scaling.measure import Measured, one_part
from twinlib.scaling.table import draw, rows, table


@pytest.fixture
def scaling(lab, capfd):
    """Run `twin scaling`; returns the exit code, and what it printed."""

    def run(*words):
        code = twin.main(["scaling", "strategy.name=data_parallel", *words])
        return code, *capfd.readouterr()

    return run


def test_the_parts_of_an_epoch_are_what_the_training_takes_for_them(scaling, lab):
    """Two batches of 20 samples: reading 2 x 10 ms, computing 40 x 4 ms shared, talking 2 x 30 ms, evaluating 60 ms."""
    code, out, err = scaling("strategy.devices=2,1", "epochs=3", "--json", "-o", "scaling.png")
    assert code == 0, err
    one, two = json.loads(out)
    assert (one["devices"], two["devices"]) == (1, 2)
    expected = [
        (one, {"seconds": 0.24, "compute": 0.16, "data": 0.02, "communication": 0.0, "evaluation": 0.06}),
        (two, {"seconds": 0.22, "compute": 0.08, "data": 0.02, "communication": 0.06, "evaluation": 0.06}),
    ]
    for row, times in expected:
        for part, seconds in times.items():
            assert row[part] == pytest.approx(seconds, rel=0.25, abs=0.03), (part, row)
        parts = row["compute"] + row["data"] + row["communication"] + row["evaluation"]
        assert parts == pytest.approx(row["seconds"], rel=0.15)
    assert two["speed_up"] == pytest.approx(one["seconds"] / two["seconds"])
    assert two["efficiency"] == pytest.approx(two["speed_up"] / 2)
    assert (lab.root / "scaling.png").read_bytes().startswith(b"\x89PNG")
    assert not (lab.root / "runs").exists()  # nothing is kept


def test_a_trainer_that_knows_only_whole_epochs_is_not_taken_apart(lab):
    config = compose(["trainer._target_=paced.whole"], lab.root)
    assert one_part(config, 2) is None


def test_one_device_gets_as_many_batches_each_as_large_as_its_part(lab):
    config = compose(["strategy.devices=3", "accumulate=15"], lab.root)
    part = one_part(config, 3)
    assert (part["batch_size"], part["accumulate"], part["trainer"]["steps"]) == (7, 7, 2)
    assert part["strategy"] == config["strategy"] | {"devices": 1}


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ((), "name the numbers of devices, such as strategy.devices=1,2,4"),
        (("strategy.devices=one",), "strategy.devices=one: name the numbers"),
        (("strategy.devices=0,1",), "strategy.devices=0,1: must be at least 1"),
        (("strategy.devices=1", "mnist"), "mnist: twin scaling takes settings only"),
        (("strategy.devices=1", "epochs=1"), "epochs=1: the first epoch is not counted"),
        (("strategy.devices=1,50",), "batch_size=20: leaves some of 50 devices without a sample"),
        (("strategy.devices=1", "-o", "x.pdf"), "x.pdf: the picture is a PNG"),
        (("strategy.devices=1", "-o", "no/x.png"), "no/x.png: no is no folder"),
        (("strategy.devices=1", "data.path=nowhere"), "data.path: nowhere is missing"),
        (("strategy.devices=1", "trainer.does=stop"), "early_stopping: ended the training in its first epoch"),
    ],
)
def test_mistakes(scaling, words, message):
    code, out, err = scaling(*words)
    assert (code, out) == (2, "") and f"error: {message}" in err


def test_a_training_that_fails_ends_it_with_what_it_said(scaling):
    code, out, err = scaling("strategy.devices=1", "trainer.does=fail")
    assert code == 2 and out == "" and "the slope is too steep" in err
    assert err.splitlines()[-1].startswith("error: strategy.devices=1: the run ended with exit code 1")


def test_numbers_that_nobody_knows_are_a_dash_in_the_table(tmp_path):
    measured = [Measured(2, 4.0, None, 0.5, None, 0.25), Measured(8, 2.0, None, 0.5, None, 0.25)]
    assert [(row["speed_up"], row["efficiency"]) for row in rows(measured)] == [(1.0, 1.0), (2.0, 0.5)]
    assert [line.split() for line in table(measured)] == [
        ["devices", "s/epoch", "speed-up", "efficiency", "compute", "data", "communication", "evaluation"],
        ["2", "4.000", "1.00", "100%", "-", "0.500", "-", "0.250"],
        ["8", "2.000", "2.00", "50%", "-", "0.500", "-", "0.250"],
    ]
    draw(measured, "", tmp_path / "x.png")
