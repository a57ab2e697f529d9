"""The command-line mistakes that people make, and the one line that each of them gets."""

import pytest

from twinlib.config.compose import compose
from twinlib.errors import UserError


def test_default_experiment_is_resolved(root):
    config = compose([], root)
    assert config["name"] == "mnist/cnn_lightning"
    assert config["model"]["_target_"] == "twinlib.models.cnn_torch.cnn"
    assert config["model"]["classes"] == config["data"]["classes"] == 10
    assert config["lr"] == 0.001


def test_framework_reaches_every_part(root):
    config = compose(["experiment=mnist/linear_keras", "loss=mse", "optimizer=sgd"], root)
    assert config["model"]["_target_"] == "twinlib.models.linear_keras.linear"
    assert config["loss"]["_target_"] == "twinlib.loss.keras.MeanSquaredError"
    assert config["optimizer"]["_target_"] == "twinlib.optimizer.keras.sgd"


def test_several_metrics_and_trackers_or_none(root):
    config = compose(["metrics=[accuracy,mse]", "tracking=[]"], root)
    assert list(config["metrics"]) == ["accuracy", "mse"]
    assert config["tracking"] == {}


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("lrr=1", "lrr: no such key; did you mean lr?"),
        ("+learning=1", "learning: no such key"),
        ("model.dropot=[0,0]", "model.dropot: no such key; did you mean dropout?"),
        ("lr=abc", "lr: Value 'abc' of type 'str' could not be converted to Float"),
        ("batch_size=1.5", "batch_size: Value '1.5'"),
        (
            "experiment=mnist/cnn_keros",
            "experiment=mnist/cnn_keros: no such experiment; did you mean mnist/cnn_keras",
        ),
        ("experiment=mnits/cnn_keras", "did you mean mnist/cnn_keras"),
        ("model=cn", "model=cn: no such model; did you mean cnn?"),
        ("modle=cnn", "modle: no such key; did you mean model?"),
        ("lr", "cannot be read; write key=value"),
        ("+x={a", "cannot be read; write key=value"),
        ("data.path=${nope}", "data.path: Interpolation key 'nope' not found"),
        ("lr=1e-3,1e-4", "add --multirun"),
        ("~model", "model"),
        ("model=3", "Config group override must be a string or a list. Got int"),
        ("hydra.job.env_copy=[NOPE]", "NOPE"),
        ("~early_stopping", "early_stopping"),
        ("loss._target_=null", "loss"),
    ],
)
def test_mistake_names_the_key_and_the_remedy_in_one_line(root, override, words):
    with pytest.raises(UserError) as error:
        compose([override], root)
    assert words in str(error.value)
    assert "\n" not in str(error.value)


def test_mistyped_key_in_an_experiment_file(root, tmp_path):
    (tmp_path / "conf").symlink_to(root / "conf")
    project = tmp_path / "project"
    (project / "conf").mkdir(parents=True)
    for entry in (root / "conf").iterdir():
        if entry.name != "experiment":
            (project / "conf" / entry.name).symlink_to(entry)
    (project / "conf" / "experiment").mkdir()
    (project / "conf" / "experiment" / "mine.yaml").write_text("# @package _global_\nepoch: 3\n")
    with pytest.raises(UserError, match="epoch: no such key; did you mean epochs"):
        compose(["experiment=mine"], project)
    (project / "conf" / "experiment" / "mine.yaml").write_text("defaults: [{override /model: linear}]\n")
    with pytest.raises(UserError, match=r"mine\.yaml: the first line of an experiment has to be"):
        compose(["experiment=mine"], project)
    (project / "conf" / "experiment" / "mine.yaml").write_text("# @package _global_\nepochs: [3\n")
    with pytest.raises(UserError, match=r"mine\.yaml, line"):
        compose(["experiment=mine"], project)


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["sweeper.folder=x"], "sweeper.folder: no such key; sweeper=grid has no keys, sweeper=optuna has"),
        (["sweeper=optuna", "sweeper.foldr=x"], "sweeper.foldr: no such key; did you mean folder?"),
    ],
)
def test_no_key_is_added_to_a_sweeper(root, overrides, message):
    with pytest.raises(UserError) as error:
        compose(overrides, root)
    assert str(error.value) == message
