"""The laws of the design that concern the whole tree, each as a test that can fail."""

import ast
import importlib
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[1]
FRAMEWORKS = ("torch", "tensorflow", "keras", "lightning", "wandb", "numpy", "pyarrow", "fsspec", "matplotlib", "dvc")


def modules(*folders: str) -> list[Path]:
    return [path for folder in folders for path in sorted((ROOT / folder).rglob("*.py"))]


def imported(path: Path) -> set[str]:
    """Every dotted name that a module imports, lazily or not."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {f"{node.module}.{alias.name}" for alias in node.names} | {node.module}
    return names


def touches(path: Path) -> set[str]:
    """What a module uses of the frameworks' trainers."""
    found = set()
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.Name) and node.id in ("Trainer", "LightningModule"):
            found.add(node.id)
        elif isinstance(node, ast.Attribute):
            whole = ast.unparse(node)
            if whole.startswith(("tf.distribute", "torch.distributed")) or node.attr == "fit":
                found.add(whole)
    return found | {name for name in imported(path) if name.startswith(("lightning", "torch.distributed"))}


def test_only_training_touches_a_trainer():
    offenders = {
        str(path.relative_to(ROOT)): touches(path)
        for path in modules("twinlib", "stages", "hydra_plugins")
        if "training" not in path.parts and touches(path)
    }
    assert offenders == {}
    torch = [ROOT / f"twinlib/training/{name}.py" for name in ("torch_trainer", "torch_module")]
    assert set.union(*map(touches, torch)) >= {"Trainer", "LightningModule"}


def test_stages_know_no_hydra_and_twinlib_no_dvc():
    for path in modules("stages"):
        assert not {name for name in imported(path) if name.split(".")[0] in ("hydra", "omegaconf")}, path
    for path in modules("twinlib"):
        assert not {name for name in imported(path) if name.split(".")[0].startswith("dvc")}, path


def test_no_name_that_says_nothing():
    named = {path.stem for path in modules("twinlib", "stages", "hydra_plugins", "benchmarks")}
    assert not named & {"utils", "util", "helpers", "helper", "base", "misc", "common"}


def test_no_file_is_longer_than_a_reader_can_hold():
    long = {
        str(path): count for path in modules("twinlib", "stages") if (count := len(path.read_text().splitlines())) > 500
    }
    assert long == {}


def test_a_hit_loads_no_framework(tmp_path):
    """Up to the question to the store no framework is imported, seen from inside of `train.py`."""
    code = (
        "import sys; sys.argv = ['train.py', 'data.path=does/not/exist']\n"
        "from pathlib import Path\n"
        "from twinlib.cli.train import main\n"
        "try:\n    main(Path.cwd())\n"
        "except SystemExit as end:\n    assert end.code == 2, end.code\n"
        f"print(sorted(set(name.split('.')[0] for name in sys.modules) & set({FRAMEWORKS})))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.stdout.strip() == "[]", done.stdout + done.stderr


def test_synthetic_and_real_are_called_so(tmp_path):
    """Each dataset says in its file which of the two it is: those that tests draw, those of the pipeline, if made."""
    from twinlib.data import arrow

    for field in ("cyclones", "flow"):
        importlib.import_module(f"tests.{field}.tiny").write(tmp_path / field)
        assert arrow.open(tmp_path / field).schema.kind == "synthetic"
    for name, kind in {"mnist": "real", "flow": "synthetic"}.items():
        assert not (ROOT / "data" / name).is_dir() or arrow.open(ROOT / "data" / name).schema.kind == kind


def test_every_experiment_has_its_name_and_its_stage():
    stages = (ROOT / "dvc.yaml").read_text()
    for path in sorted((ROOT / "experiments").rglob("*.yaml")):
        name = str(path.relative_to(ROOT / "experiments").with_suffix(""))
        experiment = yaml.safe_load(path.read_text())
        assert experiment["name"] == name
        # A search is no step of the pipeline: it is begun by who wants to know more. What takes too long for the
        # default pipeline stands there in the command that runs it.
        assert path.stem in stages or experiment["sweeper"]["space"]


@pytest.mark.parametrize("framework", ["keras", "lightning"])
def test_every_shipped_run_can_be_cached(framework, tmp_path):
    from twinlib.config.compose import compose
    from twinlib.identity.fingerprint import identify
    from twinlib.identity.stat_cache import StatCache

    config = compose([f"trainer={framework}"], ROOT)
    config["data"]["path"] = "docs"  # any folder that is there: the data are not the question here
    assert identify(config, ROOT, StatCache(tmp_path)).doubts == ()
