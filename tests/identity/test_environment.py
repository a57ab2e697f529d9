import importlib.metadata
import sys
from pathlib import Path
from typing import Any

import pytest

from twinlib.identity import environment, stat_cache
from twinlib.identity.environment import Environment, Provider, python
from twinlib.identity.stat_cache import StatCache

Scratch = Any  # conftest.py


def provider(top: str, root: Path) -> Provider:
    return Environment(root, StatCache(root / ".twin")).provider(top)


@pytest.mark.parametrize(
    ("top", "name"),
    [
        ("torch", "torch"),
        ("numpy", "numpy"),
        ("hydra", "hydra-core"),
        ("yaml", "PyYAML"),
        ("PIL", "pillow"),
        ("sklearn", "scikit-learn"),
        ("typing_extensions", "typing_extensions"),
    ],
)
def test_a_module_belongs_to_a_distribution(top: str, name: str, tmp_path: Path) -> None:
    found = provider(top, tmp_path)
    version = importlib.metadata.version(name).partition("+")[0]
    assert found == Provider(True, {name.lower().replace("_", "-"): version})


@pytest.mark.parametrize(
    ("installed", "counts"),
    [
        ("2.9.1", "2.9.1"),
        ("2.9.1+cpu", "2.9.1"),
        ("2.9.1+cu130", "2.9.1"),
        ("2.9.1+rocm6.4", "2.9.1"),
        ("1.2.3+pt29cu130", "1.2.3"),
        ("2.9.1+xpu", "2.9.1"),
        ("2.9.1+g12ab", "2.9.1+g12ab"),
        ("2.9.1+cpu.fix", "2.9.1+cpu.fix"),
        ("2.9.1.dev3", "2.9.1.dev3"),
        ("2.9.1.post1", "2.9.1.post1"),
    ],
)
def test_builds_for_other_devices_are_one_version(installed: str, counts: str, scratch: Scratch) -> None:
    scratch.install("thirdparty", installed, {"thirdparty/__init__.py": ""})
    assert scratch.identify().environment["thirdparty"] == counts


def test_two_distributions_of_one_namespace_both_count(scratch: Scratch, monkeypatch: pytest.MonkeyPatch) -> None:
    scratch.install("part-a", "1.0", {"together/a.py": ""})
    scratch.install("part-b", "2.0", {"together/b.py": ""})
    monkeypatch.setattr(sys, "path", scratch.path)
    assert provider("together", scratch.root) == Provider(False, {"part-a": "1.0", "part-b": "2.0"})


def test_a_distribution_without_a_list_of_its_files(scratch: Scratch, monkeypatch: pytest.MonkeyPatch) -> None:
    """An old-style installation declares its modules only."""
    scratch.write("../site/oldstyle/__init__.py", "")
    scratch.write("../site/oldstyle-0.1.egg-info/PKG-INFO", "Metadata-Version: 1.0\nName: oldstyle\nVersion: 0.1\n")
    scratch.write("../site/oldstyle-0.1.egg-info/top_level.txt", "oldstyle\n")
    monkeypatch.setattr(sys, "path", scratch.path)
    assert provider("oldstyle", scratch.root) == Provider(True, {"oldstyle": "0.1"})


def test_the_first_of_two_installations_counts(scratch: Scratch, monkeypatch: pytest.MonkeyPatch) -> None:
    scratch.write(
        "../user/thirdparty-7.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: thirdparty\nVersion: 7.0\n"
    )
    scratch.write("../user/thirdparty-7.0.dist-info/RECORD", "thirdparty/__init__.py,,\n")
    scratch.write("../user/thirdparty/__init__.py", "")
    monkeypatch.setattr(sys, "path", [str(scratch.root.parent / "user"), *scratch.path])
    assert provider("thirdparty", scratch.root).versions == {"thirdparty": "7.0"}


def test_what_is_left_of_a_distribution_is_none(scratch: Scratch) -> None:
    expected = scratch.identify()
    scratch.write("../site/thirdparty-0.9.dist-info/INSTALLER", "pip\n")
    scratch.write("../site/~hirdparty-0.9.dist-info/RECORD", "thirdparty/__init__.py,,\n")
    assert scratch.identify() == expected


def test_nobody_is_asked_twice(scratch: Scratch, monkeypatch: pytest.MonkeyPatch) -> None:
    scratch.settle()
    scratch.identify()
    scratch.identify()
    monkeypatch.setattr(Environment, "_ask", lambda self, top: pytest.fail(f"{top} is asked for again"))
    scratch.identify()


def test_answers_about_a_young_environment_are_not_kept(scratch: Scratch, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stat_cache, "SETTLED_NS", 10**12)
    scratch.identify()
    asked = []
    ask = Environment._ask
    monkeypatch.setattr(Environment, "_ask", lambda self, top: asked.append(top) or ask(self, top))
    scratch.identify()
    assert "thirdparty" in asked


def test_the_interpreter_counts() -> None:
    minor = f"{sys.version_info.major}.{sys.version_info.minor}"
    assert python() == {"python": minor, "fingerprint": environment.SCHEMA}


def test_what_is_left_of_a_distribution_is_none_for_the_backport_either(scratch: Scratch) -> None:
    """Some packages import `importlib_metadata`, which then finds the distributions for all."""
    pytest.importorskip("importlib_metadata")
    expected = scratch.identify()
    scratch.write("../site/~hirdparty-0.9.dist-info/RECORD", "thirdparty/__init__.py,,\n")
    assert scratch.identify() == expected
