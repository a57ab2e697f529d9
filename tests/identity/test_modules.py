import importlib
import importlib.util
import sys
from pathlib import Path
from typing import Any

import pytest

from twinlib.identity.modules import Module, Modules
from twinlib.identity.stat_cache import StatCache

Scratch = Any  # conftest.py


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that is first in the path, as that of a script is."""
    folder = tmp_path / "project"
    folder.mkdir()
    monkeypatch.syspath_prepend(str(folder))
    return folder


def modules(project: Path) -> Modules:
    return Modules(project, StatCache(project / ".twin"))


FORMS = {
    "module": ["odd.py"],
    "package": ["odd/__init__.py", "odd/sub.py"],
    "package before module": ["odd/__init__.py", "odd.py"],
    "extension before module": ["odd.abi3.so", "odd.py"],
    "module before bytecode": ["odd.pyc", "odd.py"],
    "bytecode alone": ["odd.pyc"],
    "package of bytecode": ["odd/__init__.pyc"],
    "module before namespace": ["odd/sub.py", "odd.py"],
    "namespace": ["odd/sub.py"],
    "folder without modules": ["odd/text.txt"],
    "other case": ["Odd.py"],
    "other suffix": ["odd.txt"],
}


@pytest.mark.parametrize("files", FORMS.values(), ids=FORMS)
def test_a_module_is_found_where_python_finds_it(files: list[str], project: Path) -> None:
    for name in files:
        (project / name).parent.mkdir(exist_ok=True)
        (project / name).write_text("")
    importlib.invalidate_caches()
    spec = importlib.util.find_spec("odd")
    found = modules(project).find("odd")
    if spec is None:
        assert found is None
    else:
        assert found is not None
        assert found.path == spec.origin
        assert list(found.folders) == list(spec.submodule_search_locations or [])


def test_submodules_are_found_in_their_package(project: Path) -> None:
    for name in ("a/__init__.py", "a/b/c.py", "a/d.py", "a/d/e.py"):
        (project / name).parent.mkdir(parents=True, exist_ok=True)
        (project / name).write_text("")
    found = modules(project)
    assert found.find("a.b") == Module("a.b", None, (f"{project}/a/b",))
    assert found.find("a.b.c") == Module("a.b.c", f"{project}/a/b/c.py")
    assert found.find("a.d") == Module("a.d", f"{project}/a/d.py")
    assert found.find("a.d.e") is None
    assert found.find("a.x") is None
    assert found.below(found.find("a") or Module("", None)) == ["a.b", "a.b.c", "a.d"]


def test_what_is_installed_counts_by_its_version(project: Path) -> None:
    found = modules(project)
    for name in ("numpy", "json", "sys", "no_such_module", "", "not a name"):
        assert found.find(name) is None
    assert list(found.provider("numpy").versions) == ["numpy"]
    assert found.provider("json").regular
    assert found.provider("no_such_module") == found.provider("") == found.provider("a-b")


def test_an_installed_package_comes_before_a_folder_of_its_name(project: Path) -> None:
    (project / "numpy").mkdir()
    (project / "numpy" / "sub.py").write_text("")
    (project / "json").mkdir()
    found = modules(project)
    assert found.find("numpy.sub") is None
    assert found.find("json") is None


def test_a_module_of_the_project_comes_before_what_is_installed(project: Path) -> None:
    (project / "numpy.py").write_text("")
    (project / "queue.py").write_text("")
    (project / "sitecustomize.py").write_text("")
    (project / "other.py").write_text("")
    found = modules(project)
    assert found.find("numpy") == Module("numpy", f"{project}/numpy.py")
    assert found.shadows() == ["numpy", "queue", "sitecustomize"]


def test_twinlib_is_found_in_the_project_or_where_it_runs(project: Path) -> None:
    import twinlib

    here = modules(project).find("twinlib")
    assert here is not None
    assert here.path == twinlib.__file__
    (project / "twinlib").mkdir()
    (project / "twinlib" / "__init__.py").write_text("")
    there = modules(project).find("twinlib")
    assert there is not None
    assert there.path == f"{project}/twinlib/__init__.py"


def test_a_namespace_shared_with_installed_packages(project: Path, tmp_path: Path, monkeypatch: Any) -> None:
    for place in (project, tmp_path / "site"):
        (place / "shared").mkdir(parents=True)
    (project / "shared" / "own.py").write_text("")
    (tmp_path / "site" / "shared" / "theirs.py").write_text("")
    monkeypatch.setattr(sys, "path", [*sys.path, str(tmp_path / "site")])
    found = modules(project)
    assert found.find("shared.own") == Module("shared.own", f"{project}/shared/own.py")
    assert found.find("shared.theirs") == Module("shared.theirs", f"{tmp_path}/site/shared/theirs.py")
