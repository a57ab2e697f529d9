import importlib.util
import os
import py_compile
import subprocess
import sys
from pathlib import Path

import pytest

from twinlib.identity.bytecode import is_current


def run(path: Path) -> str:
    command = [sys.executable, "-c", f"import {path.stem}; print({path.stem}.VALUE)"]
    return subprocess.run(command, cwd=path.parent, capture_output=True, text=True, check=True).stdout.strip()


def compiled(path: Path) -> Path:
    return Path(importlib.util.cache_from_source(str(path)))


@pytest.fixture
def stale(tmp_path: Path) -> Path:
    """A module whose bytecode was made from another text, which Python does not see."""
    path = tmp_path / "module.py"
    path.write_text("VALUE = 1\n")
    py_compile.compile(str(path))
    found = path.stat()
    path.write_text("VALUE = 2\n")
    os.utime(path, ns=(found.st_atime_ns, found.st_mtime_ns))
    return path


def test_old_bytecode_is_removed(stale: Path) -> None:
    assert run(stale) == "1"  # this is the trap
    assert is_current(stale, stale.read_bytes())
    assert run(stale) == "2"


def test_old_bytecode_that_is_never_checked_is_removed(tmp_path: Path) -> None:
    path = tmp_path / "module.py"
    path.write_text("VALUE = 1\n")
    py_compile.compile(str(path), invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH)
    path.write_text("VALUE = 1234567\n")
    assert run(path) == "1"
    assert is_current(path, path.read_bytes())
    assert run(path) == "1234567"


def test_old_bytecode_that_stays_is_said(stale: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: Path) -> None:
        raise PermissionError

    monkeypatch.setattr(Path, "unlink", refuse)
    assert not is_current(stale, stale.read_bytes())


def test_good_bytecode_stays(tmp_path: Path) -> None:
    path = tmp_path / "module.py"
    path.write_text('"""Text."""\nVALUE = {1, 2} and (lambda x: f"{x}")(1)\n')
    assert is_current(path, path.read_bytes())
    py_compile.compile(str(path))
    assert is_current(path, path.read_bytes())
    assert compiled(path).exists()


def test_bytecode_that_python_rejects_by_itself_stays(stale: Path) -> None:
    stale.write_text("VALUE = 1234567\n")
    assert is_current(stale, stale.read_bytes())
    assert compiled(stale).exists()
    assert run(stale) == "1234567"


def test_a_text_that_cannot_be_compiled_fails_elsewhere(stale: Path) -> None:
    found = stale.stat()
    stale.write_text("VALUE = (\n")
    os.utime(stale, ns=(found.st_atime_ns, found.st_mtime_ns))
    assert is_current(stale, stale.read_bytes())
