import importlib
import json
import shutil
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
import yaml

import twinlib
from twinlib import lookup
from twinlib.config.build import build
from twinlib.data import arrow
from twinlib.data.schema import Field, Schema
from twinlib.errors import UserError

ROOT = Path(__file__).parents[1]
FRAMEWORKS = {"lightning": "twinlib.training.lightning", "keras": "twinlib.training.keras"}
SETTINGS = (
    "model=linear",
    "name=tiny",
    "epochs=1",
    "lr=0.05",
    "batch_size=16",
    "strategy.accelerator=cpu",
    "tracking=[]",
    "data.path=data/tiny",
    "data.input_shape=[4,5,1]",
    "data.classes=3",
    "data.scaling=standard",
)


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A project with one trained run for each framework; gives its folder, the outcomes, and the raw test samples."""
    root = tmp_path_factory.mktemp("project")
    shutil.copytree(ROOT / "conf", root / "conf", symlinks=True)
    shutil.copytree(ROOT / "experiments", root / "experiments")
    rng = np.random.default_rng(0)
    fields = (
        Field("image", (4, 5, 1), ("row", "column", "channel"), "uint8", "1"),
        Field("digit", (), (), "int64", "1", classes=("0", "1", "2")),
    )
    splits = {
        split: [{"image": rng.integers(0, 256, (size, 4, 5, 1), np.uint8), "digit": rng.integers(0, 3, size)}]
        for split, size in (("train", 40), ("val", 8), ("test", 20))
    }
    arrow.write(root / "data" / "tiny", splits, Schema(fields, "synthetic", "made", "CC0"))
    outcomes = {}
    for trainer in FRAMEWORKS:
        run = lookup.described([*SETTINGS, f"trainer={trainer}"], root)
        draft = run.store.draft(run.label, run.identity.fingerprint)
        dataset = build({**run.config["data"], "path": str(root / "data" / "tiny")})
        outcome = build(run.config["trainer"])(config=run.config, dataset=dataset, folder=draft)
        (draft / "config.yaml").write_text(yaml.safe_dump(run.config, sort_keys=False))
        (draft / "identity.json").write_text(json.dumps(run.identity.to_json()))
        (draft / "preprocess.json").write_text(json.dumps(dataset.preprocess.to_json()))
        run.store.publish(
            draft,
            fingerprint=run.identity.fingerprint,
            label=run.label,
            name="tiny",
            metrics=outcome.metrics,
            objective="val_loss",
            seconds=1.0,
        )
        outcomes[trainer] = outcome
    return root, outcomes, splits["test"][0]["image"]


@pytest.fixture(params=FRAMEWORKS)
def trained(request, project, monkeypatch):
    """The folder of one record, what its training predicted for the test split, and the raw test split."""
    root, outcomes, raw = project
    monkeypatch.chdir(root)
    framework = {"lightning": "torch", "keras": "keras"}[request.param]
    (folder,) = (root / "runs").glob(f"*-{framework}-*")
    return folder, outcomes[request.param].predictions, raw


def test_the_predictions_of_the_training(trained):
    folder, expected, raw = trained
    twin = twinlib.load(folder)
    predictions = twin.predict(raw)
    assert predictions.shape == (20, 3)
    np.testing.assert_allclose(predictions, expected, rtol=1e-5, atol=1e-6)
    assert (twin.record.name, twin.config["lr"]) == ("tiny", 0.05)


def test_no_training_code_is_called(trained, monkeypatch):
    folder, expected, raw = trained
    module = importlib.import_module(FRAMEWORKS["keras" if "-keras-" in folder.name else "lightning"])

    def refuse(*_, **__):
        raise AssertionError("called")

    for name in ("train", "Course", "Module"):
        monkeypatch.setattr(module, name, refuse)
    np.testing.assert_allclose(twinlib.load(folder).predict(raw), expected, rtol=1e-5, atol=1e-6)


def test_one_sample_is_as_good_as_many(trained):
    folder, expected, raw = trained
    twin = twinlib.load(folder.name)
    for sample in (raw[3], raw[3, ..., 0], raw[3:4], raw[3:4, ..., 0], raw[3].tolist()):
        np.testing.assert_allclose(twin.predict(sample), expected[3:4], rtol=1e-5, atol=1e-6)


def test_more_samples_than_go_through_at_once(trained):
    folder, expected, raw = trained
    many = twinlib.load(folder.name[-12:]).predict(np.tile(raw, (60, 1, 1, 1)))
    np.testing.assert_allclose(many, np.tile(expected, (60, 1)), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("shape", [(), (5, 4, 1), (2, 4, 5, 3), (0, 4, 5, 1), (2, 4, 5, 1, 1)])
def test_another_shape_is_refused(shape, project, monkeypatch):
    root, _, _ = project
    (folder,) = (root / "runs").glob("*-torch-*")
    twin = twinlib.load(folder, root)
    with pytest.raises(UserError, match=r"image: shape \(n, 4, 5, 1\) is needed, not"):
        twin.predict(np.zeros(shape, np.uint8))


def test_from_elsewhere_with_the_project_named(project, tmp_path, monkeypatch):
    root, outcomes, raw = project
    monkeypatch.chdir(tmp_path)
    (folder,) = (root / "runs").glob("*-torch-*")
    predictions = twinlib.load(folder.name, root).predict(raw)
    np.testing.assert_allclose(predictions, outcomes["lightning"].predictions, rtol=1e-5, atol=1e-6)


def test_without_the_data(project, tmp_path):
    root, outcomes, raw = project
    copy = tmp_path / "copy"
    for part in ("conf", "experiments", "runs"):
        shutil.copytree(root / part, copy / part, symlinks=True)
    (folder,) = (copy / "runs").glob("*-torch-*")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        predictions = twinlib.load(folder, copy).predict(raw)
    np.testing.assert_allclose(predictions, outcomes["lightning"].predictions, rtol=1e-5, atol=1e-6)


@pytest.fixture
def altered(project, tmp_path):
    """Publish a copy of the torch record with other files; gives its folder, which lies in `tmp_path/runs`."""
    root, _, _ = project
    for part in ("conf", "experiments"):
        shutil.copytree(root / part, tmp_path / part, symlinks=True)
    (source,) = (root / "runs").glob("*-torch-*")

    def publish(**files):
        run = lookup.described([*SETTINGS, f"data.path={root}/data/tiny"], tmp_path)
        draft = run.store.draft(run.label, run.identity.fingerprint)
        shutil.copytree(source, draft, dirs_exist_ok=True)
        for name, change in files.items():
            (path,) = draft.glob(f"{name}.*")
            path.write_text(change(path.read_text()))
        return run.store.publish(
            draft,
            fingerprint=run.identity.fingerprint,
            label=run.label,
            name="tiny",
            metrics={"val_loss": 1.0},
            objective="val_loss",
            seconds=1.0,
        ).folder

    return publish


def test_code_that_has_changed_since_is_warned_about(altered, tmp_path):
    def edit(text):
        identity = json.loads(text)
        identity["code"]["twinlib.models.linear_torch"] = "0" * 64
        return json.dumps(identity)

    folder = altered(identity=edit)
    with pytest.warns(
        UserWarning, match=r"its code has changed since it was trained \(twinlib\.models\.linear_torch\)"
    ):
        twinlib.load(folder, tmp_path)


@pytest.mark.parametrize("target", ["os.path.train", "subprocess.train", "twinlib.run.train"])
def test_a_record_cannot_name_any_function(target, altered, tmp_path):
    folder = altered(config=lambda text: text.replace("twinlib.training.lightning.train", target))
    with pytest.raises(UserError, match="outside the packages that a config may call"):
        twinlib.load(folder, tmp_path)


def test_an_unknown_run(project):
    with pytest.raises(UserError, match="no such run"):
        twinlib.load("nothing", project[0])


def test_the_door_is_light():
    program = "import sys, twinlib; print('numpy' in sys.modules, hasattr(twinlib, 'nothing'), callable(twinlib.load))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.split() == ["False", "False", "True"]
