"""Two processes that train together on the CPU, against one that trains alone."""

import numpy as np
import pytest

from tests.training import together
from twinlib.errors import UserError
from twinlib.training.torch_processes import Processes

CASES = {
    "plain": ["accumulate=3", "clip_norm=0.6", "clip_value=0.1", "lr=0.5"],
    "adam": ["optimizer=adam", "lr=0.01", "accumulate=2", "checkpoint=last"],
    "normalised": ["model=ours.Normalised"],
    "penalised": ["model=ours.Penalised", "accumulate=3"],
    "float32": ["strategy.precision='32'", "schedule=cosine", "optimizer=rmsprop", "lr=0.003"],
    "diverges": ["lr=1e200"],
}
PAIRS = [("data_parallel", name) for name in CASES]
PAIRS += [("sharded", name) for name in ("plain", "adam", "normalised", "diverges")]
DROPOUT = ["optimizer=adam", "lr=0.01", "model.dropout=[0.3,0.3]"]


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """Everything that two processes do, one after the other, as they need long to import torch."""
    folder = tmp_path_factory.mktemp("together")
    configs = {case: together.configured(*overrides) for case, overrides in CASES.items()}
    jobs = [
        {"config": together.of_two(configs[case], strategy), "folder": folder / strategy / case / "{rank}"}
        for strategy, case in PAIRS
    ]
    for strategy in ("data_parallel", "sharded"):
        config = together.of_two(together.configured(*DROPOUT), strategy)
        jobs.append({"config": config, "folder": folder / strategy / "whole" / "{rank}"})
        broken = {"resume": folder / strategy / "kept", "ends_in": (2, 3)}
        jobs.append({"config": config, "folder": folder / strategy / "broken" / "{rank}", **broken})
    alone = [{"config": config, "folder": folder / "single" / case} for case, config in configs.items()]
    together.finish([*together.start_two(jobs, folder), together.start(alone, folder / "alone.log")], folder)
    return folder


@pytest.mark.parametrize(("strategy", "case"), [pair for pair in PAIRS if pair[1] != "diverges"])
def test_two_processes_learn_as_one_does(trained, strategy, case):
    """Learning curve, metrics, predictions and weights up to rounding."""
    alone, two = together.outcome(trained / "single" / case), together.outcome(trained / strategy / case / "0")
    near = {"rtol": 1e-4, "atol": 1e-6} if case == "float32" else {"rtol": 1e-9, "atol": 1e-12}
    (history, _, metrics), predictions, weights = alone
    assert history[0]["train_loss"] > history[-1]["train_loss"]  # it does learn
    assert two[0][0] == two[0][1]
    for row, same in zip(history, two[0][0], strict=True):
        np.testing.assert_allclose(list(same.values()), list(row.values()), **near)
    np.testing.assert_allclose([two[0][2][name] for name in metrics], list(metrics.values()), **near)
    np.testing.assert_allclose(two[1], predictions, **near)
    assert list(two[2]) == list(weights)  # whole, and by the names of the plain model
    for name, value in weights.items():
        np.testing.assert_allclose(two[2][name], value, **near)


@pytest.mark.parametrize(("strategy", "case"), [pair for pair in PAIRS if pair[1] != "diverges"])
def test_all_processes_know_the_same_and_one_writes(trained, strategy, case):
    first, second = (together.outcome(trained / strategy / case / rank) for rank in "01")
    assert first[0] == second[0]
    np.testing.assert_array_equal(first[1], second[1])
    assert first[2] and not second[2]


@pytest.mark.parametrize("case", ["plain", "normalised"])
def test_shards_are_shards(trained, case):
    """The weights that a process holds between steps, as a part of all."""
    held = [float((trained / "sharded" / case / rank / "held.txt").read_text()) for rank in "01"]
    assert sum(held) == pytest.approx(1) and min(held) > 0.35


@pytest.mark.parametrize("strategy", ["data_parallel", "sharded"])
def test_all_processes_fail_with_the_same_line(trained, strategy):
    folders = [trained / "single" / "diverges", *(trained / strategy / "diverges" / rank for rank in "01")]
    lines = {(folder / "error.txt").read_text() for folder in folders}
    assert len(lines) == 1 and "smaller lr" in lines.pop()


@pytest.mark.parametrize("strategy", ["data_parallel", "sharded"])
def test_goes_on_to_the_last_bit(trained, strategy):
    """With dropout, which each process draws for itself, and with what the optimizer remembers."""
    together.require_same(*(together.outcome(trained / strategy / name / "0") for name in ("broken", "whole")))
    assert len(list((trained / strategy / "kept").iterdir())) == 2  # the first process writes, the others do not


def test_processes_must_be_as_many_as_the_strategy_asks_for(monkeypatch):
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    strategy = {"name": "data_parallel", "devices": 2, "nodes": 2}
    with pytest.raises(UserError, match=r"strategy.devices=2, strategy.nodes=2: needs 4 processes and there are 1"):
        Processes.of(strategy)
    assert Processes.of({**strategy, "devices": 1, "nodes": 1}).size == 1
    for name, value in {"WORLD_SIZE": 4, "RANK": 3, "LOCAL_WORLD_SIZE": 2}.items():
        monkeypatch.setenv(name, str(value))
    assert Processes.of(strategy) == Processes("data_parallel", 3, 4, 2)
    assert Processes.of(strategy).trainer_options()["num_nodes"] == 2
    assert Processes.of({**strategy, "name": "single"}).size == 1


def test_parts_of_a_batch_for_each_process():
    all_of_it = [Processes("data_parallel", rank, 3).part(7) for rank in range(3)]
    assert [(part.start, part.stop) for part in all_of_it] == [(0, 2), (2, 4), (4, 7)]
    assert [Processes("data_parallel", rank, 3).longest(7) for rank in range(3)] == [3] * 3


def test_16_mixed_is_not_for_shards():
    config = together.of_two(together.configured(), "sharded")
    config["strategy"] |= {"precision": "16-mixed"}
    with pytest.raises(UserError, match=r"16-mixed"):
        together.adapter.train(config=config, dataset=None, folder=None)
