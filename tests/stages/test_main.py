import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from stages import mnist
from stages.__main__ import main
from twinlib.identity.code import closure
from twinlib.identity.stat_cache import StatCache

PROJECT = Path(__file__).parents[2]
PARAMS = yaml.safe_load((PROJECT / "params.yaml").read_text())
STAGES = yaml.safe_load((PROJECT / "dvc.yaml").read_text())["stages"]


@pytest.fixture
def project(tmp_path, monkeypatch):
    shutil.copy(PROJECT / "params.yaml", tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_fetch_and_prepare(project, capsys):
    assert main(["fetch", "mnist"]) == 0
    assert main(["prepare", "mnist"]) == 0
    assert "train 3500, val 500, test 1000 samples (real)" in capsys.readouterr().out
    assert sorted(file.name for file in (project / "data/mnist").iterdir()) == [
        "test.arrow",
        "train.arrow",
        "val.arrow",
    ]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["fetch", "mnst"], "did you mean mnist?"),
        (["prepare", "something"], "there are mnist"),
        (["fetch", "flow"], "flow has no files to fetch"),
        (["fetch", "mnist", "--params", "no.yaml"], "no.yaml is missing"),
        (["prepare", "mnist_full"], "train-images-idx3-ubyte.gz is missing; fetch it first"),
    ],
)
def test_a_mistake_is_one_line_and_exit_code_2(arguments, message, project):
    done = subprocess.run(
        [sys.executable, "-m", "stages", *arguments],
        cwd=project,
        env={"PYTHONPATH": str(PROJECT)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2
    assert re.fullmatch(f"error: .*{re.escape(message)}.*\n", done.stderr)


def test_an_unknown_parameter_is_named(project, capsys):
    params = yaml.safe_load((project / "params.yaml").read_text())
    params["mnist"]["prepare"]["sede"] = 1
    (project / "params.yaml").write_text(yaml.safe_dump(params))
    assert main(["prepare", "mnist"]) == 2
    assert "mnist.prepare: got an unexpected keyword argument 'sede'" in capsys.readouterr().err


def test_any_other_stage_is_a_function_of_the_module(project, capsys, monkeypatch):
    def write(target: Path, text: str) -> str:
        target.write_text(text)
        return f"{target}: {text}"

    monkeypatch.setattr(mnist, "write", write, raising=False)
    params = {"digits": {"module": "mnist", "write": {"target": "out.txt", "text": "hello"}, "nothing": {}}}
    (project / "params.yaml").write_text(yaml.safe_dump(params))
    assert main(["write", "digits"]) == 0
    assert capsys.readouterr().out == "out.txt: hello\n"
    assert (project / "out.txt").read_text() == "hello"
    assert main(["nothing", "digits"]) == 2
    assert "digits has no stage nothing: a function in stages.mnist" in capsys.readouterr().err
    params["digits"]["write"].pop("text")
    (project / "params.yaml").write_text(yaml.safe_dump(params))
    assert main(["write", "digits"]) == 2
    assert "digits.write: missing a required argument: 'text'" in capsys.readouterr().err


def test_help_has_an_example(capsys):
    with pytest.raises(SystemExit) as ended:
        main(["--help"])
    assert ended.value.code == 0
    assert "example: python -m stages" in capsys.readouterr().out


@pytest.mark.parametrize("dataset", PARAMS)
def test_every_file_is_pinned(dataset):
    for file in PARAMS[dataset].get("files", {}).values():
        assert re.fullmatch("[0-9a-f]{64}", file["sha256"])


@pytest.mark.parametrize("stage", [name for name, stage in STAGES.items() if "-m stages" in str(stage.get("cmd"))])
def test_dvc_knows_every_module_that_a_stage_reaches(stage, tmp_path):
    """Read off the source as a run's identity is, lazy imports included."""
    command, dataset = re.search(r"-m stages (\w+) (\w+)", STAGES[stage]["cmd"]).groups()
    module = "fetch" if command == "fetch" else PARAMS[dataset].get("module", dataset)
    found = closure({"stage": f"stages.{module}.{command}"}, "", [], PROJECT, StatCache(tmp_path))
    modules = {name.partition(":")[0] for name in found.hashes}
    files = {name.replace(".", "/") + ".py" for name in modules if not (PROJECT / name.replace(".", "/")).is_dir()}
    # The kind of an error changes no byte of an output.
    ours = {file for file in files if (PROJECT / file).is_file()} - {"twinlib/errors.py"}
    declared = {dep for dep in STAGES[stage]["deps"] if dep.endswith(".py")}
    assert declared == ours | {"stages/__main__.py"}


def test_stages_import_neither_hydra_nor_a_framework():
    code = "import stages.__main__, stages.mnist, sys; print(*{name.partition('.')[0] for name in sys.modules})"
    out = subprocess.run([sys.executable, "-c", code], cwd=PROJECT, capture_output=True, text=True, check=True).stdout
    assert not {"hydra", "omegaconf", "torch", "tensorflow", "keras", "lightning", "wandb", "dvc"} & set(out.split())
