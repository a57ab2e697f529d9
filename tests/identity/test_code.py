import json
from pathlib import Path
from typing import Any

import pytest

from twinlib.errors import UserError
from twinlib.identity import code, sources, syntax
from twinlib.identity.code import closure
from twinlib.identity.stat_cache import StatCache

Scratch = Any  # conftest.py


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return tmp_path


def reached(project: Path, target: str = "start.f", deps: tuple[str, ...] = (), **files: str) -> code.Closure:
    """The closure of a target in a project of these modules, named by their path without `.py`."""
    for name, text in files.items():
        path = project / f"{name}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return closure({"_target_": target}, "", deps, project, StatCache(project / ".twin"))


def test_imports_are_followed_in_circles(project: Path) -> None:
    found = reached(project, start="import a\ndef f(): ...\n", a="import b\n", b="import a, start\n", c="")
    assert sorted(found.hashes) == ["a", "b", "start"]
    assert found.doubts == ()


def test_packages_on_the_way_count(project: Path) -> None:
    found = reached(project, "p.q.r.f", **{"p/q/r": "def f(): ...\n", "p/s": ""})
    assert sorted(found.hashes) == ["p.q.r"]
    for package in ("p", "p/q"):
        (project / package / "__init__.py").write_text("")
    assert sorted(reached(project, "p.q.r.f").hashes) == ["p", "p.q", "p.q.r"]


@pytest.mark.parametrize("statement", ["from . import a", "from .a import x", "from .. import p", "from ..b import x"])
def test_relative_imports_that_lead_nowhere_do_no_harm(statement: str, project: Path) -> None:
    assert sorted(reached(project, start=f"{statement}\ndef f(): ...\n").hashes)[-1] == "start"


def test_an_attribute_may_be_a_submodule(project: Path) -> None:
    files = {"p/__init__": "", "p/sub/__init__": "", "p/sub/deep": ""}
    found = reached(project, start="import p as q\ndef f():\n    return q.sub.deep.x\n", **files)
    assert sorted(found.hashes) == ["p", "p.sub", "p.sub.deep", "start"]


def test_a_star_import_brings_the_modules_that_all_names(project: Path) -> None:
    files = {"p/__init__": "__all__ = ['sub', 'other']\n", "p/sub": "", "p/hidden": ""}
    found = reached(project, start="from p import *\ndef f(): ...\n", **files)
    assert sorted(found.hashes) == ["p", "p.sub", "start"]


def test_a_table_of_lazy_imports_is_read(project: Path) -> None:
    table = "TABLE = {'f': '.sub', 'g': 'p.other', 'h': 'p.nothing', 'i': 'p.sub.x'}\n"
    files = {"p/__init__": f"{table}def __getattr__(name): ...\n", "p/sub": "x = 1\n", "p/other": ""}
    found = reached(project, "p.f", **files)
    assert sorted(found.hashes) == ["p", "p.other", "p.sub"]


def test_a_text_that_is_no_module_is_left_alone(project: Path) -> None:
    found = reached(project, start="def f():\n    return 'train.py', 'data.csv'\n", train="import start\n")
    assert sorted(found.hashes) == ["start"]


def test_a_declaration_stands_for_texts_and_computed_names(project: Path) -> None:
    source = "__code_deps__ = ['a']\nDOORS = {'x': 'b.x'}\ndef f(): exec(DOORS)\n"
    found = reached(project, start=source, a="", b="x = 1\n")
    assert sorted(found.hashes) == ["a", "start"]
    assert found.doubts == ()


def test_a_declared_python_file_is_followed(project: Path) -> None:
    files = {"tools/solver": "import a\n", "start": "def f(): ...\n", "a": "exec(x)\n"}
    found = reached(project, deps=("tools/solver.py",), **files)
    assert sorted(found.hashes) == ["a", "file:tools/solver.py", "start"]
    assert len(found.doubts) == 1


def test_a_declared_folder_that_could_be_a_package_counts_as_both(project: Path) -> None:
    (project / "tables").mkdir()
    (project / "tables" / "x.csv").write_text("1")
    found = reached(project, deps=("tables",), **{"start": "def f(): ...\n", "tables/read": "import a\n", "a": ""})
    assert sorted(found.hashes) == ["a", "file:tables/read.py", "file:tables/x.csv", "start", "tables.read"]


def test_a_declared_package_counts_with_all_its_modules(project: Path) -> None:
    files = {"p/__init__": "", "p/a": "", "p/q/__init__": "", "p/q/b": "import c\n", "c": ""}
    found = reached(project, deps=("p",), start="def f(): ...\n", **files)
    assert sorted(found.hashes) == ["c", "p", "p.a", "p.q", "p.q.b", "start"]


def test_a_declared_distribution_counts_by_its_version(project: Path) -> None:
    assert list(reached(project, deps=("numpy.linalg",), start="def f(): ...\n").versions) == ["numpy"]


@pytest.mark.parametrize("dep", ["nothing", "start.nothing", "no/file.csv"])
def test_a_declaration_of_nothing_is_refused(dep: str, project: Path) -> None:
    with pytest.raises(UserError, match=f"code_deps: {dep} is neither a module nor a file"):
        reached(project, deps=(dep,), start="def f(): ...\n")
    with pytest.raises(UserError, match=rf"start\.py: __code_deps__: {dep} is neither"):
        reached(project, start=f"__code_deps__ = ['{dep}']\ndef f(): ...\n")


@pytest.mark.parametrize(
    ("target", "found"),
    [
        ("start.f", True),
        ("start.K.make", True),
        ("start.g", False),
        ("start", True),
        ("p.f", False),
        ("anything.open", True),
        ("torch.nn.Linear", True),
        ("json.loads", True),
        ("__main__.f", False),
        ("f", False),
        ("", False),
        ("..f", False),
    ],
)
def test_targets_that_cannot_be_found(target: str, found: bool, project: Path) -> None:
    files = {"start": "def f(): ...\nclass K: ...\n", "p/x": "", "anything": "from start import *\n"}
    doubts = reached(project, target, **files).doubts
    assert doubts == (
        () if found else (f"_target_: {target} cannot be found; correct the name, or install what has it",)
    )


def test_unchanged_modules_are_not_parsed_again(scratch: Scratch, monkeypatch: pytest.MonkeyPatch) -> None:
    scratch.settle()
    expected = scratch.identify()
    monkeypatch.setattr(syntax, "read", lambda source, package: pytest.fail("parsed again"))
    assert scratch.identify() == expected


def test_another_analyser_parses_again(scratch: Scratch, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    scratch.settle()
    scratch.identify()
    (tmp_path / "syntax.py").write_text("")
    monkeypatch.setattr(syntax, "__file__", str(tmp_path / "syntax.py"))
    parsed = []
    read = syntax.read
    monkeypatch.setattr(syntax, "read", lambda source, package: parsed.append(source) or read(source, package))
    scratch.identify()
    assert len(parsed) > 10


def test_bytecode_that_stays_although_it_is_old_is_a_doubt(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "is_current", lambda path, source: False)
    assert reached(project, start="def f(): ...\n").doubts == (
        "start.py: Python runs old bytecode of it; delete its __pycache__",
    )


def test_a_definition_counts_once_its_name_stands_anywhere(project: Path) -> None:
    def hash_with(number: int, **files: str) -> str:
        second = f"def second(): return {number}\n"
        return reached(project, **{"start": f"import a\ndef f(): ...\n{second}", "a": "", **files}).hashes["start"]

    assert hash_with(1) == hash_with(2)
    for use in ("x = second", "x = y.second", "x = 'second'", "def g(second): ...\ng()", "import b.second"):
        assert hash_with(1, a=use) != hash_with(2, a=use), use


def test_an_extension_module_may_reach_anything(project: Path) -> None:
    def hash_with(number: int) -> str:
        return reached(project, start=f"import a\ndef f(): ...\ndef second(): return {number}\n").hashes["start"]

    assert hash_with(1) == hash_with(2)
    (project / "a.abi3.so").write_bytes(b"\x7fELF")
    assert hash_with(1) != hash_with(2)


def test_what_a_handled_package_leads_to_is_handled(project: Path) -> None:
    files = {"p/__init__": "from . import hub\n", "p/hub": "import q as r\n", "p/late": "def g(): return 1\n"}
    files |= {"q": "def h(): return 1\n", "start": "import p, o\ndef f(): return [p]\n", "o": "import p.late\n"}
    before = reached(project, **files).hashes
    after = reached(project, **{"p/late": "def g(): return 2\n", "q": "def h(): return 2\n"}).hashes
    assert {name for name in before if before[name] != after[name]} == {"p.late", "q"}


def test_a_doubt_names_file_line_and_remedy(project: Path) -> None:
    (doubt,) = reached(project, start="import os\ndef f():\n    exec(os.environ['X'])\n    exec(1)\n").doubts
    assert doubt == (
        "start.py:3: environ, exec: reaches what cannot be read off the code; say what in `__code_deps__ = "
        '["module"]` at its top level, `[]` if nothing that can change a result; a setting can be passed through the '
        "config, ${oc.env:NAME}"
    )


def test_a_module_that_cannot_be_read_is_an_error(project: Path) -> None:
    (project / "start.py").mkdir()
    with pytest.raises(UserError, match=r"start\.py cannot be read: Is a directory"):
        reached(project)


def test_hashes_do_not_depend_on_the_order_of_anything(project: Path) -> None:
    files = {name: "x = 1\n" for name in "abc"}
    found = reached(project, start="import c, b, a\ndef f(): ...\n", **files)
    assert len({found.hashes[name] for name in "abc"}) == 1
    assert json.dumps(found.hashes, sort_keys=True) == json.dumps(reached(project).hashes, sort_keys=True)
