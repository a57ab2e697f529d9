import subprocess
import sys

import pytest

HEAVY = [
    "hydra",
    "keras",
    "matplotlib",
    "numpy",
    "omegaconf",
    "pyarrow",
    "rich",
    "tensorflow",
    "torch",
    "tqdm",
    "wandb",
]


def run(*words):
    program = f"""
import sys
sys.argv[0] = "twin"
from twinlib.cli.twin import main
try:
    code = main({list(words)})
except SystemExit as end:
    code = end.code
print("loaded", sorted(set({HEAVY}) & set(sys.modules)), code)
"""
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)


@pytest.mark.parametrize("words", [[], ["--help"], ["predict", "--help"]])
def test_help_imports_nothing_heavy(words):
    done = run(*words)
    assert done.stdout.startswith("usage: twin")
    assert done.stdout.splitlines()[-1] == "loaded [] 0"


@pytest.mark.parametrize("command", ["runs", "show", "explain", "predict", "push", "pull"])
def test_every_command_teaches_by_an_example(command, capsys):
    from twinlib.cli.twin import main

    with pytest.raises(SystemExit) as end:
        main([command, "--help"])
    assert end.value.code == 0
    text = capsys.readouterr().out
    assert text.startswith(f"usage: twin {command}")
    assert f"example:\n  twin {command}" in text


def test_unknown_command(refused):
    assert "'rnus'" in refused("rnus")


def test_unknown_option(refused):
    assert refused("runs", "--jsn") == "unrecognized arguments: --jsn; see twin --help"


def test_outside_a_project(tmp_path, monkeypatch, refused):
    monkeypatch.chdir(tmp_path)
    assert "go to the folder that holds conf/config.yaml" in refused("runs")


def test_a_pipe_that_closes_is_no_error(root, computed):
    computed()
    command = f"{sys.executable} -m twinlib.cli.twin runs --json | head -c 1"
    done = subprocess.run(command, shell=True, capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("[", "")
