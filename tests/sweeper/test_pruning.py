"""Runs that are ended at a bad epoch: by the study's word, cleanly, in both frameworks."""

import json
import subprocess
import sys
from pathlib import Path

import optuna
import pytest
from optuna.distributions import FloatDistribution
from optuna.trial import TrialState

from twinlib.config.build import build
from twinlib.config.compose import compose
from twinlib.errors import UserError
from twinlib.run import PRUNED_EXIT_CODE
from twinlib.sweeper.pruning import EPOCH, Prunable, Pruned, Pruning, pruner, under_study
from twinlib.training.outcome import Silent

ROOT = Path(__file__).parents[2]
LR = {"lr": FloatDistribution(0, 1)}


@pytest.fixture
def file(tmp_path):
    return tmp_path / "study.log"


@pytest.fixture
def study(file):
    """Five trials that were good from the first epoch on, and one on its way."""
    storage = optuna.storages.JournalStorage(optuna.storages.journal.JournalFileBackend(str(file)))
    study = optuna.create_study(study_name="s", storage=storage, pruner=pruner("median", 1, 4))
    for number in range(5):
        values = {epoch: 0.01 * (number + 1) / epoch for epoch in range(1, 5)}
        good = optuna.trial.create_trial(
            params={"lr": 0.1}, distributions=LR, value=values[4], intermediate_values=values
        )
        study.add_trial(good)
    study.ask(LR)
    return study


def pruning(file, **changes):
    return Pruning(**{"file": str(file), "study": "s", "number": 5, "metric": "val_loss", "pruner": "median",
                      "warmup": 1, "epochs": 4} | changes)  # fmt: skip


def row(epoch, loss):
    return {"epoch": epoch, "train_loss": 0.0, "val_loss": loss, "lr": 0.1, "seconds": 0.1}


class Heard(Silent):
    """Remembers the epochs."""

    def __init__(self):
        self.epochs = []

    def epoch_ends(self, row):
        self.epochs.append(row["epoch"])


def test_a_bad_epoch_ends_the_run_and_the_study_knows(study, file):
    heard = Heard()
    report = Prunable(heard, pruning(file), epochs=4)
    report.epoch_ends(row(1, 9.0))  # within the warmup
    with pytest.raises(Pruned, match=r"pruned after epoch 2: val_loss 8\.5"):
        report.epoch_ends(row(2, 8.5))
    assert heard.epochs == [1, 2]
    trial = study.trials[5]
    assert trial.intermediate_values == {1: 9.0, 2: 8.5}
    assert trial.user_attrs[EPOCH] == 2 and trial.state == TrialState.RUNNING


def test_a_good_run_goes_on(study, file):
    report = Prunable(Silent(), pruning(file), epochs=4)
    for epoch in range(1, 5):
        report.epoch_ends(row(epoch, 0.001 / epoch))
    assert list(study.trials[5].intermediate_values) == [1, 2, 3, 4]


def test_a_run_that_is_over_is_not_ended(study, file):
    report = Prunable(Silent(), pruning(file, warmup=3), epochs=4)
    for epoch in range(1, 5):
        report.epoch_ends(row(epoch, 9.0))
    assert EPOCH not in study.trials[5].user_attrs


def test_large_is_good_where_the_study_says_so(file):
    storage = optuna.storages.JournalStorage(optuna.storages.journal.JournalFileBackend(str(file)))
    study = optuna.create_study(study_name="s", storage=storage, direction="maximize")
    for _ in range(5):
        values = {1: 0.5, 2: 0.5}
        study.add_trial(optuna.trial.create_trial(value=0.5, intermediate_values=values))
    study.ask(), study.ask()
    Prunable(Silent(), pruning(file, warmup=0), epochs=4).epoch_ends(row(1, 0.9))
    with pytest.raises(Pruned):
        Prunable(Silent(), pruning(file, warmup=0, number=6), epochs=4).epoch_ends(row(1, 0.1))


def test_hyperband_ends_the_worse_ones(file):
    storage = optuna.storages.JournalStorage(optuna.storages.journal.JournalFileBackend(str(file)))
    study = optuna.create_study(study_name="s", storage=storage, pruner=pruner("hyperband", 0, 9))
    ended = []
    for number in range(30):
        report = Prunable(Silent(), pruning(file, number=study.ask(LR).number, pruner="hyperband", epochs=9), epochs=9)
        try:
            for epoch in range(1, 10):
                report.epoch_ends(row(epoch, float(number)))
        except Pruned:
            ended.append(number)
    assert 5 < len(ended) < 30 and 0 not in ended


def test_without_a_trial_the_report_is_the_one_given():
    report = Silent()
    code = (
        "import sys; from twinlib.sweeper.pruning import under_study;"
        "under_study(None, {'sweeper': {'pruner': 'none'}});"
        "print('optuna' in sys.modules)"
    )
    assert under_study(report, {"sweeper": {}, "epochs": 3}) is report
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_a_study_out_of_reach_is_one_line(tmp_path):
    config = pruning(tmp_path / "none.log").put_into({"sweeper": {}, "epochs": 4})
    with pytest.raises(UserError, match=r"sweeper.folder: .*none.log is not there for this run; share it"):
        under_study(Silent(), config)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Real digits, a few."""
    import yaml

    from stages import fetch, mnist

    folder = tmp_path_factory.mktemp("data")
    params = yaml.safe_load((ROOT / "params.yaml").read_text())["mnist"]
    for name, file in params["files"].items():
        fetch.fetch(file["url"], file["sha256"], folder / "raw" / name)
    mnist.prepare(
        folder / "raw", folder / "mnist", **params["prepare"] | {"splits": {"train": 200, "val": 50, "test": 50}}
    )
    return folder / "mnist"


@pytest.fixture(params=["lightning", "keras"])
def config(request, data):
    return compose([f"experiment=mnist/linear_{request.param}", "epochs=4", "tracking=none", f"data.path={data}"], ROOT)


class Ends(Silent):
    def epoch_ends(self, row):
        if row["epoch"] == 2:
            raise Pruned(2, "val_loss", row["val_loss"])


@pytest.mark.slow
def test_an_adapter_leaves_cleanly(config, tmp_path):
    """What is trained after a run that was ended, in the same process, is what is trained without it."""

    def train(name, report):
        (tmp_path / name).mkdir()
        dataset = build(config["data"])
        return build(config["trainer"])(config=config, dataset=dataset, folder=tmp_path / name, report=report)

    before = train("before", Silent())
    with pytest.raises(Pruned):
        train("ended", Ends())
    assert list((tmp_path / "ended").iterdir()) == []
    after = train("after", Silent())
    assert after.metrics == before.metrics
    assert (after.predictions == before.predictions).all()


@pytest.mark.slow
def test_a_worker_ends_a_real_run_and_leaves_no_record(config, study, file, tmp_path):
    config["store"]["path"] = str(tmp_path / "runs")
    job = {"config": pruning(file).put_into(config), "group": None, "result": str(tmp_path / "result.json")}
    (tmp_path / "job.json").write_text(json.dumps(job))
    worker = [sys.executable, "-m", "twinlib.worker", str(tmp_path / "job.json")]
    done = subprocess.run(worker, cwd=ROOT, capture_output=True, text=True, timeout=200)
    assert done.returncode == PRUNED_EXIT_CODE, done.stderr
    assert done.stderr.splitlines()[-1].startswith("pruned after epoch 2: val_loss ")
    assert list(study.trials[5].intermediate_values) == [1, 2]
    assert [path for path in (tmp_path / "runs").rglob("*") if path.is_file()] == []
    assert not (tmp_path / "result.json").exists()
