import subprocess
import sys
from pathlib import Path

import pytest

import twinlib

CODE = """
import sys
from pathlib import Path
import twinlib
from twinlib import loaded
from twinlib.errors import UserError

loaded.require_unchanged()
exec(sys.argv[1])
try:
    loaded.require_unchanged()
except UserError as error:
    print(error)
"""
FOLDER = "Path(twinlib.__file__).parent"


@pytest.fixture
def copy(tmp_path):
    """A copy of twinlib's files that a test may edit."""
    for source in Path(twinlib.__file__).parent.rglob("*.py"):
        target = tmp_path / "twinlib" / source.relative_to(Path(twinlib.__file__).parent)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(source.read_bytes())
    return tmp_path


@pytest.mark.parametrize(
    ("edit", "file"),
    [
        ("pass", ""),
        (f"({FOLDER} / 'loss' / 'torch.py').touch()", "loss/torch.py"),
        (f"({FOLDER} / 'new.py').write_text('')", "new.py"),
        (f"({FOLDER} / 'loss' / 'keras.py').unlink()", "loss/keras.py"),
    ],
)
def test_an_edit_after_the_start_is_seen(copy, edit, file):
    done = subprocess.run([sys.executable, "-c", CODE, edit], cwd=copy, capture_output=True, text=True, check=True)
    assert (file in done.stdout) if file else done.stdout == ""
    assert ("run the same command again" in done.stdout) == bool(file)


def test_the_worker_loads_it_before_what_runs_depend_on():
    code = "import sys, twinlib.loaded\nprint(sorted(name for name in sys.modules if name.startswith('twinlib')))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "['twinlib', 'twinlib.errors', 'twinlib.loaded']"
    lines = Path(twinlib.__file__).with_name("worker.py").read_text().splitlines()
    first = next(line for line in lines if line.startswith("from twinlib"))
    assert first == "from twinlib.loaded import require_unchanged"
