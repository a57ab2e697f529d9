import shutil
from pathlib import Path

import pytest

from twinlib.cli import twin

ROOT = Path(__file__).parents[2]


@pytest.fixture
def lab(lab, monkeypatch):
    """The small project with twinlib's launchers; what is said of `twin` is said in its folder."""
    shutil.copytree(ROOT / "conf" / "launcher", lab.root / "conf" / "launcher")
    config = lab.root / "conf" / "config.yaml"
    text = config.read_text().replace("launcher: {}\n", "")
    config.write_text(text.replace("schema, _self_", "schema, {launcher: local}, _self_"))
    monkeypatch.chdir(lab.root)
    return lab


@pytest.fixture
def deploy(lab, capsys):
    """Run `twin deploy … -o jobs`; returns the files it wrote by name, and what it said."""

    def run(*words, code=0):
        assert twin.main(["deploy", *words, "-o", "jobs"]) == code
        out, err = capsys.readouterr()
        if code:
            assert out == "" and not (lab.root / "jobs").exists()
            (line,) = err.splitlines()
            return line.removeprefix("error: ")
        files = sorted((lab.root / "jobs").glob("*"))
        return {path.name: path.read_text() for path in files}, out

    return run


@pytest.fixture
def remote(tmp_path):
    return f"store.remote={tmp_path / 'shared'}"
