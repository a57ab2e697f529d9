import json
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from twinlib.config.build import build
from twinlib.config.compose import compose
from twinlib.data.preprocess import Preprocess
from twinlib.errors import UserError
from twinlib.identity.fingerprint import identify
from twinlib.identity.stat_cache import StatCache
from twinlib.physics.predict import predict
from twinlib.training.outcome import Silent
from twinlib.training.physics import predictor

ROOT = Path(__file__).parents[2]


def configured(experiment, *overrides):
    return compose([f"experiment=equations/{experiment}", *overrides], ROOT)


def trained(config, folder, **settings):
    return build(config["trainer"], config=config, dataset=build(config["data"]), folder=folder, **settings)


@pytest.fixture(scope="module")
def rod(tmp_path_factory):
    """The smallest problem, trained as it is shipped."""
    config, folder = configured("poisson_1d"), tmp_path_factory.mktemp("rod")
    return config, folder, trained(config, folder)


def test_poisson_in_one_dimension_to_five_digits(rod):
    config, folder, outcome = rod
    assert outcome.metrics["test_relative_l2"] < 1e-5
    x = np.linspace(0, 1, 1000)[:, None]
    np.testing.assert_allclose(outcome.targets, x * (x - 1) / 2, atol=1e-15)
    np.testing.assert_allclose(predictor(config, folder)(x), outcome.predictions, rtol=0, atol=1e-14)
    assert torch.get_default_dtype() == torch.float32  # as before


def test_the_history_has_a_row_an_epoch_with_all_terms(rod):
    config, _, outcome = rod
    assert [row["epoch"] for row in outcome.history] == list(range(1, config["epochs"] + 1))
    for row in outcome.history:
        assert row["train_loss"] == pytest.approx(row["train_balance"] + row["train_ends"])
        assert {"val_loss", "val_relative_l2", "lr", "seconds"} <= set(row)
    best = min(outcome.history, key=lambda row: row["val_loss"])
    assert outcome.metrics["val_loss"] == best["val_loss"]
    assert outcome.metrics["best_epoch"] == best["epoch"]


def test_the_same_config_gives_the_same_weights(rod, tmp_path):
    config, folder, outcome = rod
    again = trained(config, tmp_path)
    assert (tmp_path / "weights.pt").read_bytes() == (folder / "weights.pt").read_bytes()
    np.testing.assert_array_equal(again.predictions, outcome.predictions)
    other = trained({**config, "seed": 1}, tmp_path)
    assert not np.array_equal(other.predictions, outcome.predictions)


def test_unknown_numbers_are_found_and_kept(tmp_path):
    spring = {
        "name": "spring",
        "time": {"t": [0, 2]},
        "unknowns": {"k": 1},
        "fields": {"x": {}},
        "conditions": {
            "motion": {"type": "interior", "equation": "diff(x, t, 2) = -k*x", "points": 32},
            "seen": {"type": "observations", "values": {"x": "cos(2*t)"}, "points": 20},
        },
        "reference": {"x": "cos(2*t)", "k": 4},
    }
    config = configured("poisson_1d", "epochs=8")
    config["data"] = {"_target_": config["data"]["_target_"], **spring}
    outcome = trained(config, tmp_path)
    assert outcome.metrics["k"] == pytest.approx(4, rel=1e-4)
    assert outcome.metrics["test_error_k"] == pytest.approx(abs(outcome.metrics["k"] - 4) / 4)
    kept = torch.load(tmp_path / "weights.pt", weights_only=True)
    assert float(kept["unknowns.k"]) == outcome.metrics["k"]


def test_early_stopping_and_steps(tmp_path):
    config = configured("poisson_1d", "epochs=3", "early_stopping.patience=1", "early_stopping.min_delta=1e3")
    assert len(trained(config, tmp_path, steps=1).history) == 2


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("clip_norm=1", "clip_norm=1.0: has no meaning"),
        ("trainer.resample=0", "trainer.resample=0: give iterations"),
        ("+trainer.refine.often=3", r"trainer.refine.often: is none of every, power"),
        ("+loss.adapt.name=softadapt", "loss.adapt.name=softadapt: has no meaning with levenberg_marquardt"),
        ("+loss.adapt.name=causal", "loss.adapt.name=causal: needs data.time"),
        ("strategy.precision=bf16-mixed", "strategy.precision=bf16-mixed"),
        ("strategy.accelerator=gpu", "use auto or cpu"),
        ("model.activation=relu", "model.activation=relu: choose one of"),
        ("model.width=0", "model.width=0: give a whole number, 1 or more"),
        ("trainer.iterations=0", "trainer.iterations=0: give a whole number, 1 or more"),
    ],
)
def test_what_it_cannot_honour_is_refused(override, message, tmp_path):
    with pytest.raises(UserError, match=message):
        trained(configured("poisson_1d", override), tmp_path)


def test_a_loss_that_is_not_finite_ends_it_with_a_line(tmp_path):
    config = configured("poisson_1d", "optimizer.stages=[{name: adam, lr: 1e300}]", "epochs=2")
    with pytest.raises(UserError, match=r"epoch 1: train_loss is (nan|inf)"):
        trained(config, tmp_path)


def test_a_problem_without_a_reference_is_solved_without_errors(tmp_path):
    config = configured("poisson_1d", "epochs=1")
    config["data"]["reference"] = {}
    outcome = trained(config, tmp_path)
    assert not [name for name in outcome.metrics if "relative" in name]
    assert np.isnan(outcome.targets).all() and np.isfinite(outcome.predictions).all()


def test_a_run_can_be_cached_and_an_equation_is_part_of_its_identity(tmp_path):
    cache = StatCache(tmp_path)
    identity = identify(configured("poisson_1d"), ROOT, cache)
    assert identity.doubts == ()
    other = configured("poisson_1d", "data.conditions.balance.equation='diff(u, x, 2) = 2'")
    assert identify(other, ROOT, cache).fingerprint != identity.fingerprint
    renamed = configured("poisson_1d", "name=other", "progress=false")
    assert identify(renamed, ROOT, cache).fingerprint == identity.fingerprint
    assert "twinlib.physics.levenberg_marquardt" in identity.code
    assert not [module for module in identity.code if module.startswith("twinlib.plots")]


def test_a_solution_is_evaluated_at_the_points_of_a_file(rod, tmp_path):
    config, folder, _ = rod
    problem = build(config["data"])
    preprocess = Preprocess.from_json(json.loads(json.dumps(problem.preprocess.to_json())))
    twin = SimpleNamespace(config=config, preprocess=preprocess, record=SimpleNamespace(folder=folder))
    (tmp_path / "points.csv").write_text("x\n0.25\n0.5\n")
    said = predict(twin, tmp_path / "points.csv", tmp_path / "out.csv")
    assert "u at 2 points" in said
    table = np.genfromtxt(tmp_path / "out.csv", delimiter=",", names=True)
    np.testing.assert_allclose(table["u"], [-0.09375, -0.125], rtol=1e-5)
    predict(twin, tmp_path / "points.csv", tmp_path / "out.npy")
    np.testing.assert_allclose(np.load(tmp_path / "out.npy")[:, 0], table["u"], rtol=1e-14)
    with pytest.raises(UserError, match="has no column x"):
        (tmp_path / "wrong.csv").write_text("y\n1\n")
        predict(twin, tmp_path / "wrong.csv", tmp_path / "out.csv")
    with pytest.raises(UserError, match=r"the output is a .csv or .npy file"):
        predict(twin, tmp_path / "points.csv", tmp_path / "out.txt")


def test_a_run_begins_where_an_earlier_one_ended(rod, tmp_path):
    _, folder, outcome = rod
    (tmp_path / "runs").mkdir()
    start = tmp_path / "runs/weights.pt"
    start.write_bytes((folder / "weights.pt").read_bytes())
    config = configured("poisson_1d", f"trainer.start={start}", "epochs=1", "seed=1")
    before = identify(config, ROOT, StatCache(tmp_path))
    later = trained(config, tmp_path, iterations=1)
    assert later.metrics["test_relative_l2"] < 2 * outcome.metrics["test_relative_l2"]
    # What the weights are is part of the identity, as is that there are some.
    start.write_bytes((tmp_path / "weights.pt").read_bytes())
    after = identify(config, ROOT, StatCache(tmp_path))
    assert before.data.keys() == after.data.keys() == {"trainer.start"}
    assert before.fingerprint != after.fingerprint


class BreaksOff(Silent):
    """Ends a training by force after so many epochs."""

    def __init__(self, epochs):
        self._epochs = epochs
        self.rows = []

    def epoch_ends(self, row):
        self.rows.append(row)

    def epoch_begins(self, epoch, steps):
        if epoch > self._epochs:
            raise InterruptedError


HEAT = {
    "name": "heat",
    "geometry": {"rod": {"shape": "line", "x": [0, 1]}},
    "time": {"t": [0, 1]},
    "constants": {"conductivity": 0.1},
    "fields": {"u": {"range": [0, 1]}},
    "conditions": {
        "heat": {"type": "interior", "equation": "diff(u, t) = conductivity*diff(u, x, 2)", "points": 40},
        "ends": {"type": "dirichlet", "values": {"u": 0}, "points": 16},
        "start": {"type": "initial", "values": {"u": "sin(pi*x)"}, "points": 16},
    },
    "reference": {"u": "exp(-0.1*pi**2*t)*sin(pi*x)"},
}
GOES_ON = {
    "other_points": ("trainer.resample=3",),
    "refined": ("trainer.refine={every: 3}", "+loss.adapt.name=tangent_kernel"),
    "easier": ("trainer.continuation=[{conductivity: 1}]",),
    "causal": ("optimizer.stages=[{name: soap}]", "+loss.adapt.name=causal", "accumulate=3"),
    "stages": ("optimizer.stages=[{name: adam, epochs: 1}, {name: broyden, epochs: 2}, {name: lbfgs}]",),
    "lookback": ("optimizer.stages=[{name: adam}]", "+loss.adapt={name: relobralo, lookback: 0.5}"),
    "stopped": ("early_stopping.patience=1", "early_stopping.min_delta=1e3"),
}


@pytest.mark.parametrize("overrides", GOES_ON.values(), ids=GOES_ON)
def test_a_training_that_broke_off_goes_on_bit_by_bit(overrides, tmp_path):
    config = configured("poisson_1d", "epochs=5", "model.width=6", "checkpoint_seconds=0", *overrides)
    config["data"] = {"_target_": config["data"]["_target_"], **HEAT}
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    for folder in (whole, broken):
        folder.mkdir()
    undisturbed = trained(config, whole, iterations=4)
    for epochs in (2, 3):
        with suppress(InterruptedError):
            trained(config, broken, iterations=4, resume=tmp_path / "kept", report=BreaksOff(epochs))
    report = BreaksOff(5)
    outcome = trained(config, broken, iterations=4, resume=tmp_path / "kept", report=report)
    assert (broken / "weights.pt").read_bytes() == (whole / "weights.pt").read_bytes()
    rows = [
        [{key: value for key, value in row.items() if key != "seconds"} for row in each]
        for each in (undisturbed.history, outcome.history, report.rows)
    ]
    assert rows[0] == rows[1] == rows[2]
    assert outcome.metrics == undisturbed.metrics


def test_a_problem_begins_where_an_easier_one_ended(tmp_path):
    """The whole history is there; what is easier has no reference."""
    config = configured("poisson_1d", "epochs=6", "model.width=8", "trainer.continuation=[{conductivity: 0.2}]")
    config["data"] = {"_target_": config["data"]["_target_"], **HEAT}
    outcome = trained(config, tmp_path, iterations=5)
    easier, own = outcome.history[:3], outcome.history[3:]
    assert [row["epoch"] for row in outcome.history] == [1, 2, 3, 4, 5, 6]
    assert ["val_relative_l2" in row for row in outcome.history] == [False] * 3 + [True] * 3
    assert easier[-1]["train_loss"] < 1e-5
    assert own[0]["train_loss"] < easier[0]["train_loss"] / 100  # not from random weights
    assert outcome.metrics["test_relative_l2"] < 1e-3
    assert outcome.metrics["epochs"] == 6


def test_blocks_of_points_give_the_same_gradient(tmp_path):
    losses = []
    for accumulate in (1, 3):
        config = configured("poisson_1d", "optimizer.stages=[{name: adam}]", f"accumulate={accumulate}", "epochs=2")
        losses.append([row["train_loss"] for row in trained(config, tmp_path, iterations=3).history])
    np.testing.assert_allclose(losses[0], losses[1], rtol=1e-10)


def test_windows_of_time_are_trained_one_after_the_other(tmp_path):
    """A pendulum; broken off in its second window, it goes on to the same numbers."""
    config = configured("poisson_1d", "epochs=9", "data.windows=3", "model.width=8", "+loss.weights.start=10")
    config["data"] |= {
        "name": "swing",
        "geometry": {},
        "time": {"t": [0, 6]},
        "fields": {"x": {}, "v": {}},
        "conditions": {
            "motion": {"type": "interior", "equation": ["diff(x, t) = v", "diff(v, t) = -x"], "points": 20},
            "start": {"type": "initial", "values": {"x": 1, "v": 0}},
        },
        "reference": {"x": "cos(t)", "v": "-sin(t)"},
    }
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    for folder in (whole, broken):
        folder.mkdir()
    undisturbed = trained(config, whole)
    assert undisturbed.metrics["test_relative_l2"] < 1e-4
    assert [row["epoch"] for row in undisturbed.history] == list(range(1, 10))
    assert ["train_start" in row for row in undisturbed.history] == [True] * 3 + [False] * 6
    times = np.linspace(0, 6, 50)[:, None]
    found = predictor(config, whole)(times)
    np.testing.assert_allclose(found, np.column_stack([-np.sin(times), np.cos(times)]), atol=1e-3)  # v, x
    config["checkpoint_seconds"] = 0
    with pytest.raises(InterruptedError):
        trained(config, broken, resume=tmp_path / "kept", report=BreaksOff(5))
    outcome = trained(config, broken, resume=tmp_path / "kept")
    assert (broken / "weights.pt").read_bytes() == (whole / "weights.pt").read_bytes()
    assert outcome.metrics == undisturbed.metrics
