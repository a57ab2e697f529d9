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
        ("lr=abc", "lr=abc: give a number, as 1e-3"),
        ("batch_size=1.5", "batch_size=1.5: give a whole number"),
        ("progress=maybe", "progress=maybe: give true or false"),
        ("lr=null", "lr: has to have a value"),
        ("early_stopping=5", "early_stopping: is int; give it keys with values"),
        ("inputs=5", "inputs: is int; give it keys with values"),
        ("code_deps=x", "code_deps: has to be a list"),
        ("name=[a]", "name: has to be a text"),
        ("store.path=", "store.path: is empty; give a folder"),
        ("data.path=", "data.path: is empty; give a folder"),
        ("model._target_=cnn", "model._target_=cnn: give a dotted path, package.module.name"),
        (
            "experiment=mnist/cnn_keros",
            "experiment=mnist/cnn_keros: no such experiment; did you mean mnist/cnn_keras",
        ),
        ("experiment=mnits/cnn_keras", "did you mean mnist/cnn_keras"),
        ("model=cn", "model=cn: no such model; did you mean cnn?"),
        ("modle=cnn", "modle: no such key; did you mean model?"),
        ("lr", "cannot be read; write key=value"),
        ("store.path=runs/x-lr=1", """with a = in it the value stands in quotes: 'store.path="runs/x-lr=1"'"""),
        ("+x={a", "cannot be read; write key=value"),
        ("data.path=${nope}", "data.path: Interpolation key 'nope' not found"),
        ("lr=1e-3,1e-4", "add --multirun"),
        ("~model", "model"),
        ("model=3", "model=3: has to be a name of conf/model; there are cnn, "),
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


HEADER = b"# @package _global_\n"


@pytest.fixture
def own(root, tmp_path):
    """Compose the experiment `mine` of a project of one's own, with these bytes in its file."""
    conf = tmp_path / "project" / "conf"
    conf.mkdir(parents=True)
    for entry in (root / "conf").iterdir():
        if entry.name != "experiment":
            (conf / entry.name).symlink_to(entry)
    folder = tmp_path / "project" / "experiments"
    folder.mkdir()
    (conf / "experiment").symlink_to("../experiments")

    def composed(content, name="mine"):
        (folder / "mine.yaml").write_bytes(content)
        return compose([f"experiment={name}"], tmp_path / "project")

    return composed


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "mine.yaml: the first line of an experiment has to be `# @package _global_`"),
        (b"epochs: 3\n", "mine.yaml: the first line of an experiment has to be"),
        (b"defaults: [{override /model: linear}]\n", "mine.yaml: the first line of an experiment has to be"),
        (b"# @package _globl_\nepochs: 3\n", "mine.yaml: the first line of an experiment has to be"),
        (b"\xef\xbb\xbf" + HEADER, "mine.yaml: begins with a byte order mark; save the file as UTF-8 without it"),
        (HEADER + b"epoch: 3\n", "mine.yaml: epoch: no such key; did you mean epochs"),
        (HEADER + b"epochs: many\n", "mine.yaml: epochs=many: give a whole number"),
        (HEADER + b"epochs: [3\n", "mine.yaml, line 3: "),
        (
            HEADER + b"epochs: 3\nlr: 1\nepochs: 4\n",
            "mine.yaml, line 4: while constructing a mapping: found duplicate key",
        ),
        (HEADER + b"a: *b\n", "mine.yaml, line 2: found undefined alias"),
        (HEADER + "# größe\n".encode("latin-1"), "mine.yaml, line 2: is not in UTF-8; save the file in this encoding"),
        (HEADER + b"- epochs: 3\n", "mine.yaml: is a list; write lines of the form `key: value`"),
        (HEADER + b"epochs:3\n", "mine.yaml: is no mapping; write lines of the form `key: value`"),
        (HEADER + b"data: 5\n", "mine.yaml: data: is 5; to choose one write `- override /data: NAME` under defaults"),
        (HEADER + b"data:\n", "mine.yaml: data: is empty; to choose one"),
        (HEADER + b"optimizer: adam\n", "optimizer: is adam; to choose one write `- override /optimizer: adam` under"),
        (HEADER + b"strategy: single\n", "strategy: is single; to choose one write `- override /strategy: single`"),
        (HEADER + b"early_stopping: 5\n", "early_stopping: is 5; give it keys with values"),
        (HEADER + b"defaults: mnist\n", "mine.yaml: defaults: has to be a list"),
        (
            HEADER + b"defaults: [/model: linear]\n",
            "model: is chosen twice; under defaults write `- override /model: linear`",
        ),
        (HEADER + b"defaults: [override model: linear]\n", "mine.yaml: model: begins with a slash under defaults"),
        (HEADER + b"defaults: [model: linear]\n", "model: begins with a slash under the defaults of an experiment"),
    ],
)
def test_mistake_in_an_experiment_file_names_the_file_or_key_and_the_remedy_in_one_line(own, content, words):
    with pytest.raises(UserError) as error:
        own(content)
    assert words in str(error.value)
    assert str(error.value).startswith(("experiments/mine.yaml", "model: "))
    assert "\n" not in str(error.value)


def test_an_experiment_with_and_without_the_end_of_its_file_is_one(own):
    content = HEADER + b"name: mine\nepochs: 3\n"
    assert own(content, "mine.yaml") == own(content, "mine")


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
