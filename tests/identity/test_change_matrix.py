"""Every kind of change to a project, whether it makes another run of it, and what is said about it.

A row has a name, the change, and the differences it makes: none for a hit. `before` prepares what is changed.
"""

import os
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import twinlib
from twinlib.identity import environment
from twinlib.identity.explain import differences, sentence
from twinlib.identity.stat_cache import StatCache
from twinlib.store.local import Store

Scratch = Any  # conftest.py
Change = Callable[[Any], object]


@dataclass(frozen=True)
class Row:
    name: str
    change: Change
    said: tuple[str, ...] = ()
    before: Change = lambda scratch: None
    doubt: str = ""


def hit(name: str, change: Change, before: Change = lambda s: None) -> Row:
    return Row(name, change, (), before)


def miss(name: str, change: Change, *said: str, before: Change = lambda s: None) -> Row:
    return Row(name, change, said, before)


def uncached(name: str, change: Change, doubt: str) -> Row:
    return Row(name, change, (), lambda s: None, doubt)


def several(*changes: Change) -> Change:
    return lambda s: [change(s) for change in changes]


def edit(name: str, old: str, new: str) -> Change:
    return lambda s: s.edit(name, old, new)


def write(name: str, content: str | bytes) -> Change:
    return lambda s: s.write(name, content)


def setting(key: str, value: Any) -> Change:
    return lambda s: s.set(key, value)


def touch(name: str) -> Change:
    return lambda s: os.utime(s.root / name, ns=(0, 0))


def yaml(name: str, old: str, new: str, *overrides: str) -> Row:
    """The row of a change in `conf/`, without its name."""
    return Row("", several(edit(name, old, new), lambda s: s.compose(*overrides)), (), lambda s: s.compose(*overrides))


def named(name: str, row: Row, *said: str) -> Row:
    return Row(name, row.change, said, row.before)


def swap(first: str, second: str) -> Change:
    return several(
        lambda s: s.rename(first, "swapped"), lambda s: s.rename(second, first), lambda s: s.rename("swapped", second)
    )


def set_back(name: str, old: str, new: str) -> Change:
    """Another content of the same size and with the old mtime."""
    assert len(old) == len(new)
    return lambda s: s.keeping_times(name, lambda: s.edit(name, old, new))


def replaced(name: str, old: str, new: str) -> Change:
    """Another file of the same size and mtime, renamed onto it."""

    def change(s: Scratch) -> None:
        found = (s.root / name).stat()
        other = s.write("other", (s.root / name).read_text().replace(old, new))
        os.utime(other, ns=(found.st_atime_ns, found.st_mtime_ns))
        other.replace(s.root / name)
        after = (s.root / name).stat()
        assert (after.st_size, after.st_mtime_ns) == (found.st_size, found.st_mtime_ns)

    return change


def elsewhere(s: Scratch) -> None:
    """Another checkout of the same project."""
    s.root = Path(shutil.copytree(s.root, s.root.parent / "deeper" / "checkout"))


def reformatted(s: Scratch) -> None:
    s.edit("net/model.py", "block(x) * gain * WIDTH", "(\n            (block(x) * gain)\n            * (WIDTH))")
    s.edit("net/model.py", '"net.by_name"', "'net.by_name'")
    s.edit("net/model.py", "WIDTH = 3", "WIDTH = 0x3")
    s.edit("net/model.py", "from net import Dense", "from net import (\n    Dense,\n)")


def with_twinlib(s: Scratch) -> None:
    """A checkout of twinlib, as developers of it have one."""
    shutil.copytree(Path(twinlib.__file__).parent, s.root / "twinlib", ignore=shutil.ignore_patterns("__pycache__"))
    s.set("loss", {"_target_": "twinlib.loss.torch.CrossEntropy", "label_smoothing": 0.0})


def edit_package(name: str) -> Change:
    """Edit every module of a folder of the twinlib checkout."""

    def change(s: Scratch) -> None:
        modules = sorted((s.root / "twinlib" / name).rglob("*.py"))
        assert modules
        for module in modules:
            module.write_text(module.read_text() + "\nANYTHING = 1\n")

    return change


def interpreter(minor: int = 11, optimize: int = 0) -> Change:
    def change(s: Scratch) -> None:
        version, flags = SimpleNamespace(major=3, minor=minor), SimpleNamespace(optimize=optimize)
        fake = SimpleNamespace(version_info=version, flags=flags, path=s.path, meta_path=sys.meta_path)
        s.monkeypatch.setattr(environment, "sys", fake)

    return change


def neighbour(definition: str, user: str = "") -> Change:
    """Two definitions in `net/pair.py`, of which the model uses `first`; and a line that may lead to the other one."""
    return several(
        lambda s: s.edit("net/model.py", "from net.stars import *\n", "from net.pair import first\n"),
        write("net/pair.py", f"def first():\n    return 1\n\n\n{definition}"),
        write("net/steps.py", f"{user}\nSTEP = 4\n"),
    )


SECOND = "def second():\n    return 2\n"
TORCH_CLASS = "from torch import nn\n\n\nclass Second(nn.Module):\n    size = 2\n"
SECOND_CHANGED = edit("net/pair.py", "2", "3")
PAIR_CHANGED = "code: net.pair has changed"
DOCS_READ = several(write("net/constants.py", "SCALE = len(__doc__ or '')\n"))
EDITABLE = '{"url": "file:///anywhere", "dir_info": {"editable": true}}'
FROM_FOLDER = '{"url": "file:///anywhere", "dir_info": {}}'

# fmt: off
HITS = [
    hit("comment", edit("net/model.py", "WIDTH = 3", "# how wide\nWIDTH = 3  # neurons")),
    hit("docstring of a module", edit("net/model.py", '"""The model."""', '"""Another\n\ntext."""')),
    hit("docstring of a class", edit("net/model.py", '"""A network."""', '"""A great network."""')),
    hit("docstring where none was", edit("net/blocks.py", "def block(x):\n", 'def block(x):\n    """One."""\n')),
    hit("docstring as the only statement", edit("net/model.py", '"""In the same file, and not used."""', "")),
    hit("formatting", reformatted),
    hit("line endings", lambda s: s.write("net/blocks.py", (s.root / "net/blocks.py").read_text().replace("\n",
         "\r\n")) ),
    hit("byte order mark", lambda s: s.write("net/steps.py",
         b"\xef\xbb\xbf" + (s.root / "net/steps.py").read_bytes())),
    hit("encoding cookie", lambda s: s.write("net/steps.py", "# coding: utf-8\nSTEP = 4\n")),
    hit("unrelated module", edit("unused.py", "0", "1")),
    hit("unrelated module is new", write("net/nobody.py", "X = 1\n")),
    hit("unrelated module cannot be parsed", write("unused.py", "def (")),
    hit("editor's copy of a module", write("net/model.py~", "WIDTH = 4\n")),
    hit("bytecode", write("net/__pycache__/model.cpython-311.pyc", b"nothing of ours")),
    hit("training script", edit("train.py", "training", "working")),
    hit("module touched", touch("net/model.py")),
    hit("data touched", touch("data/images/1.png")),
    hit("rights of data", lambda s: (s.root / "data/labels.csv").chmod(0o600)),
    hit("data directory renamed", several(lambda s: s.rename("data", "moved/here"), setting("data.path",
         "moved/here")) ),
    hit("data directory by its absolute path", lambda s: s.set("data.path", str(s.root / "data"))),
    hit("data moved away and linked", several(lambda s: s.rename("data", "../big"), lambda s: s.link("data",
         "../big")) ),
    hit("data file replaced by an equal one", several(lambda s: s.delete("mesh.vtk"), write("mesh.vtk", "points"))),
    hit("two equal data files swapped", swap("data/images/same1.png", "data/images/same2.png")),
    hit("empty folder among the data", lambda s: (s.root / "data/empty").mkdir()),
    hit("another checkout folder", elsewhere),
    hit("other working directory", lambda s: s.monkeypatch.chdir(s.site)),
    hit("setting of the shell", lambda s: s.monkeypatch.setenv("WIDTH", "7")),
    hit("worker count", setting("workers", 8)),
    hit("tracking", setting("tracking", {"wandb": {"_target_": "no.such.Tracker"}})),
    hit("pictures and use", several(setting("pictures", {"flow": {"_target_": "no.such.drawing"}}),
         setting("predict", {"_target_": "no.such.use"}))),
    hit("launcher and sweeper", several(setting("launcher", {"jobs": 4}), setting("sweeper", {"n": 9}))),
    hit("progress and verbosity", several(setting("progress", False), setting("hydra", {"verbose": True}))),
    hit("name", setting("name", "something/else")),
    hit("store and export", several(setting("store.remote", "memory://x"), setting("export", "results"))),
    hit("devices", several(setting("strategy.devices", 4), setting("strategy.accelerator", "gpu"))),
    hit("nodes and where they meet", several(setting("strategy.nodes", 2), setting("strategy.address", "node1:29400"))),
    hit("how often a run can be taken up", setting("checkpoint_seconds", 3.0)),
    hit("order of keys", lambda s: s.set("model", dict(reversed(s.config["model"].items())))),
    hit("tuple instead of list", setting("model.dropout", (0.25, 0.5))),
    named("order of keys in a YAML", yaml("conf/config.yaml", "lr: 1e-3\nseed: 0\n", "seed: 0\nlr: 1e-3\n")),
    named("1e-3 is 0.001 in a YAML", yaml("conf/config.yaml", "lr: 1e-3", "lr: 0.001")),
    named("comment in a YAML", yaml("conf/config.yaml", "# neurons", "# many neurons")),
    named("default that the experiment overrides", yaml("conf/config.yaml", "lr: 1e-3", "lr: 2e-3", "lr=5e-3")),
    named("group that is not chosen", yaml("conf/optimizer/plain.yaml", "first", "second")),
    hit("edit in the store", edit_package("store"), before=with_twinlib),
    hit("edit in tracking", edit_package("tracking"), before=with_twinlib),
    hit("edit in the launcher", edit_package("launcher"), before=with_twinlib),
    hit("edit in the command line", edit_package("cli"), before=with_twinlib),
    hit("edit in the plots", edit_package("plots"), before=with_twinlib),
    hit("edit in the identity", edit_package("identity"), before=with_twinlib),
    hit("edit in run and worker", several(write("twinlib/run.py", ""), write("twinlib/worker.py", "")),
         before=with_twinlib),
    hit("a distribution that nobody imports", lambda s: s.install("bystander", "2.0", {"bystander/__init__.py": ""})),
    hit("unrelated class in the same file", edit("net/model.py", "size = 5", "size = 6"),
        before=edit("net/model.py", "from net.stars import *", "from net.stars import light")),
    hit("unrelated function in the same file", SECOND_CHANGED, before=neighbour(SECOND)),
    hit("unrelated torch module in the same file", SECOND_CHANGED, before=neighbour(TORCH_CLASS)),
    hit("unrelated function in the same file is new", edit("net/pair.py", "1\n", f"1\n\n\n{SECOND}"),
        before=neighbour("")),
    hit("unrelated function in the same file imports something", edit("net/pair.py", "return 2", "import unused"),
        before=neighbour(SECOND)),
    hit("build for another device", lambda s: s.install("thirdparty", "1.0+cu130", {"thirdparty/__init__.py": ""})),
]

CODE = [
    miss("constant in a module imported by a module imported by the model", edit("net/constants.py", "1.5", "2.5"),
         "code: net.constants has changed"),
    miss("module-level constant", edit("net/model.py", "WIDTH = 3", "WIDTH = 4"), "code: net.model has changed"),
    miss("lazily imported function", edit("net/lazy.py", "- 1", "- 2"), "code: net.lazy has changed"),
    miss("body of a decorator", edit("net/decorators.py", "2 *", "3 *"), "code: net.decorators has changed"),
    miss("decorator taken away", edit("net/model.py", "    @twice\n", ""), "code: net.model has changed"),
    miss("base class", edit("net/bases.py", "0", "1"), "code: net.bases has changed"),
    miss("default argument", edit("net/model.py", "gain=2", "gain=3"), "code: net.model has changed"),
    miss("annotation", edit("net/model.py", '"float"', '"int"'), "code: net.model has changed"),
    miss("assertion", edit("net/model.py", "gain > 0", "gain > 1"), "code: net.model has changed"),
    miss("code under __debug__", edit("net/model.py", "CHECKS = 1", "CHECKS = 2"), "code: net.model has changed"),
    miss("1 becomes True", edit("net/deep/__init__.py", "1", "True"), "code: net.deep has changed"),
    miss("star import", edit("net/sky.py", "return x", "return -x"), "code: net.sky has changed"),
    miss("what a star import brings", edit("net/stars.py", "'light'", "'light', 'x'"), "code: net.stars has changed"),
    miss("relative import", edit("net/steps.py", "4", "5"), "code: net.steps has changed"),
    miss("package __init__", edit("net/__init__.py", "VERSION = 1", "VERSION = 2"), "code: net has changed"),
    miss("__init__ of a package on the way", edit("net/deep/__init__.py", "1", "2"), "code: net.deep has changed"),
    miss("re-export", edit("net/layers.py", "8", "9"), "code: net.layers has changed"),
    miss("re-export from another module", several(write("net/other.py", "class Dense: ...\n"), edit("net/__init__.py",
         ".layers", ".other")), "code: net has changed", "code: net.layers is gone", "code: net.other is new"),
    miss("import a.b as c", edit("net/deep/inner.py", "+ 1", "+ 2"), "code: net.deep.inner has changed"),
    miss("namespace package", edit("spaces/part.py", "/ 2", "/ 3"), "code: spaces.part has changed"),
    miss("namespace package gets an __init__", write("spaces/__init__.py", ""), "code: spaces is new"),
    miss("module imported by a literal name", edit("net/by_name.py", "by", "to"), "code: net.by_name has changed"),
    miss("module behind a package's __getattr__", edit("net/doors.py", "True", "False"),
         "code: net.doors has changed"),
    miss("module imported for types only", edit("net/types_only.py", "list", "set"),
         "code: net.types_only has changed" ),
    miss("import that failed so far", write("fast_path.py", "FAST = 1\n"), "code: fast_path is new"),
    miss("declared plug-in", edit("net/plugins/first.py", "1", "2"), "code: net.plugins.first has changed"),
    miss("new plug-in", write("net/plugins/second.py", "GAIN = 2\n"), "code: net.plugins.second is new"),
    miss("declared file", write("tables/gain.csv", "1,3\n"), "code: file:tables/gain.csv has changed"),
    miss("file of code_deps", write("solver/flux.f90", "end module\n"), "code: file:solver/flux.f90 has changed"),
    miss("new file of code_deps", write("solver/mesh.f90", ""), "code: file:solver/mesh.f90 is new"),
    miss("file that the code opens by a literal name", write("albedo.csv", "0.4\n"),
         "code: file:albedo.csv has changed", before=several(write("albedo.csv", "0.3\n"), write("net/steps.py",
         "with open('albedo.csv') as file:\n    STEP = file\n") )),
    miss("module in a table of names", edit("net/extra.py", "1", "2"), "code: net.extra has changed",
         before=several(write("net/extra.py", "E = 1\n"), write("net/steps.py",
         "STEP = {'target': 'net.extra.E'}\n"))),
    miss("module named in the config", edit("net/extra.py", "1", "2"), "code: net.extra has changed",
         before=several(write("net/extra.py", "E = 1\n"), setting("model.activation", "net.extra.E"))),
    miss("module takes the place of a distribution", write("thirdparty.py", "VALUE = 2\n"), "code: thirdparty is new",
         "environment: thirdparty is gone, was 1.0"),
    miss("module hides one of Python's from everybody", write("queue.py", ""), "code: queue is new"),
    miss("package hides a distribution from others", write("bystander/__init__.py", ""), "code: bystander is new"),
    hit("folder with the name of a distribution", write("thirdparty/runs/1.log", "")),
    miss("module becomes a package", lambda s: s.rename("net/lazy.py", "net/lazy/__init__.py"),
         "code: net.lazy has changed"),
    miss("package beside a module of the same name", write("net/lazy/__init__.py", "def later(x):\n    return 0\n"),
         "code: net.lazy has changed"),
    miss("extension module beside a module of the same name", write("net/lazy.abi3.so", b"\x7fELF"),
         "code: net.lazy has changed"),
    miss("bytes of an extension module", write("fast_path.abi3.so", b"\x7fELF2"), "code: fast_path has changed",
         before=write("fast_path.abi3.so", b"\x7fELF1")),
    miss("module renamed in case only", lambda s: s.rename("net/lazy.py", "net/Lazy.py"), "code: net.lazy is gone"),
    miss("mtime of a module set back", set_back("net/constants.py", "1.5", "2.5"), "code: net.constants has changed"),
    miss("module replaced, same stat", replaced("net/constants.py", "1.5", "2.5"), "code: net.constants has changed"),
    miss("encoding cookie that changes a text", write("net/by_name.py", b"# coding: latin-1\nNAME = '\xc3\xa9'\n"),
         "code: net.by_name has changed", before=write("net/by_name.py", b"# coding: utf-8\nNAME = '\xc3\xa9'\n")),
    miss("docstring, where one is read", edit("net/layers.py", "One", "Two"), "code: net.layers has changed",
         before=several(write("net/layers.py", '"""One."""\nclass Dense: ...\n'), DOCS_READ)),
    miss("comment, where torch reads types from it", edit("net/layers.py", "Tensor", "int"),
         "code: net.layers has changed", before=several(write("net/layers.py", "class Dense: ... # type: Tensor\n"),
         write("net/constants.py", "import torch\n\nSCALE = torch.jit.script\n"))),
    miss("neighbour named by a text", SECOND_CHANGED, PAIR_CHANGED, before=neighbour(SECOND, "NAME = 'the second'")),
    miss("neighbour named in the config", SECOND_CHANGED, PAIR_CHANGED,
         before=several(neighbour(SECOND), setting("model.activation", "second"))),
    miss("neighbour named in a file of the inputs", SECOND_CHANGED, PAIR_CHANGED,
         before=several(neighbour(SECOND), write("a.yaml", "f: second"), setting("inputs", {"layout": "a.yaml"}))),
    miss("neighbour behind a star", SECOND_CHANGED, PAIR_CHANGED, before=neighbour(SECOND, "from net.pair import *")),
    miss("neighbour in a module that is an object", SECOND_CHANGED, PAIR_CHANGED,
         before=neighbour(SECOND, "from net import pair\nLIBRARIES = [pair]")),
    miss("neighbour in a module named by a text", SECOND_CHANGED, PAIR_CHANGED,
         before=neighbour(SECOND, "NAME = 'net.pair'")),
    miss("neighbour in a declared module", SECOND_CHANGED, PAIR_CHANGED,
         before=neighbour(SECOND, "__code_deps__ = ['net.pair']")),
    miss("neighbour where all globals are looked at", SECOND_CHANGED, PAIR_CHANGED,
         before=neighbour(SECOND, "def look(function):\n    return function.__globals__\n\n\nlook")),
    miss("neighbour with a decorator", SECOND_CHANGED, PAIR_CHANGED, before=neighbour(f"@print\n{SECOND}")),
    miss("neighbour with a base class", SECOND_CHANGED, PAIR_CHANGED,
         before=neighbour("from net.bases import Base\n\n\nclass Second(Base):\n    size = 2\n")),
    miss("neighbour that runs in a default argument", edit("net/pair.py", "print(2)", "print(3)"), PAIR_CHANGED,
         before=neighbour("def second(x=print(2)): ...\n")),
    miss("neighbour of a torch that is no package", SECOND_CHANGED, PAIR_CHANGED,
         before=several(neighbour(TORCH_CLASS), write("torch/__init__.py", ""), write("torch/nn.py", "Module = int"))),
    miss("edit in the training code", edit_package("loss"), *(f"code: twinlib.loss{name} has changed" for name in ("",
         ".shapes", ".torch")), before=with_twinlib),
]

DATA = [
    miss("one byte", write("data/images/1.png", "onf"), "data: data.path: images/1.png has changed"),
    miss("one byte, mtime set back", set_back("data/images/1.png", "one", "onf"),
         "data: data.path: images/1.png has changed"),
    miss("file replaced, same stat", replaced("data/images/2.png", "two", "owt"),
         "data: data.path: images/2.png has changed"),
    miss("file added", write("data/images/3.png", "three"), "data: data.path: images/3.png is new"),
    miss("empty file added", write("data/empty", ""), "data: data.path: empty is new"),
    miss("file removed", lambda s: s.delete("data/labels.csv"), "data: data.path: labels.csv is gone"),
    miss("file renamed in case only", lambda s: s.rename("data/labels.csv", "data/Labels.csv"),
         "data: data.path: Labels.csv is new", "data: data.path: labels.csv is gone"),
    miss("name in another Unicode form", lambda s: s.rename("data/\u00e9.png", "data/e\u0301.png"),
         "data: data.path: e\u0301.png is new", "data: data.path: \u00e9.png is gone", before=write("data/\u00e9.png",
         "e")),
    miss("file moved into a folder", lambda s: s.rename("data/labels.csv", "data/images/labels.csv"),
         "data: data.path: images/labels.csv is new", "data: data.path: labels.csv is gone"),
    miss("two files swapped", swap("data/images/1.png", "data/images/2.png"),
         "data: data.path: images/1.png has changed", "data: data.path: images/2.png has changed"),
    miss("target of a link", write("outside.png", "changed"), "data: data.path: linked.png has changed",
         before=several(write("outside.png", "first"), lambda s: s.link("data/linked.png", "../outside.png"))),
    miss("link to another file", lambda s: s.link("data/linked.png", "images/2.png"),
         "data: data.path: linked.png has changed", before=lambda s: s.link("data/linked.png", "images/1.png")),
    miss("file in a linked folder", write("outside/1.png", "changed"), "data: data.path: linked/1.png has changed",
         before=several(write("outside/1.png", "first"), lambda s: s.link("data/linked", "../outside"))),
    miss("input that is one file", write("mesh.vtk", "pointz"), "data: inputs.mesh has changed"),
    miss("new input", lambda s: s.set("inputs", {"mesh": "mesh.vtk", "table": "tables/gain.csv"}),
         "data: inputs.table is new"),
    miss("two inputs swapped", lambda s: s.set("inputs", {"mesh": "tables/gain.csv", "table": "mesh.vtk"}),
         "data: inputs.mesh has changed", "data: inputs.table has changed", before=lambda s: s.set("inputs",
         {"mesh": "mesh.vtk", "table": "tables/gain.csv"})),
    miss("file that another key names", write("start.pt", "weightz"), "data: start has changed"),
]

CONFIG = [
    miss("seed", setting("seed", 1), "config: seed is 1, was 0"),
    miss("learning rate", setting("lr", 3e-4), "config: lr is 0.0003, was 0.001"),
    miss("precision", setting("strategy.precision", "64"), 'config: strategy.precision is "64", was "32"'),
    miss("TF32", setting("strategy.tf32", True), "config: strategy.tf32 is true, was not there"),
    miss("strategy", setting("strategy.name", "sharded"), 'config: strategy.name is "sharded", was "single"'),
    miss("new key", setting("model.depth", 2), "config: model.depth is 2, was not there"),
    miss("key taken away", lambda s: s.config["model"].pop("width"), "config: model.width is gone, was 3"),
    miss("null instead of no key", setting("model.depth", None), "config: model.depth is null, was not there"),
    miss("order of a list", setting("model.dropout", [0.5, 0.25]),
         "config: model.dropout is [0.5, 0.25], was [0.25, 0.5]"),
    miss("nan", setting("lr", float("nan")), 'config: lr is "!float:nan", was 0.001'),
    miss("number as a key becomes a text", setting("model.table", {"1": "a"}),
         'config: model.table.!int:1 is gone, was "a"', 'config: model.table.1 is "a", was not there',
         before=setting("model.table", {1: "a"})),
    miss("another function", setting("registry._target_", "net.lazy.later"),
         'config: registry._target_ is "net.lazy.later", was "net.registry.plugin"',
         "code: file:tables/gain.csv is gone", "code: net.plugins is gone", "code: net.plugins.first is gone",
         "code: net.registry is gone"),
    named("changed default in conf/", yaml("conf/optimizer/adam.yaml", "1e-7", "1e-8"),
         "config: optimizer.eps is 1e-08, was 1e-07"),
    named("default taken out of conf/", yaml("conf/optimizer/adam.yaml", "eps: 1e-7\n", ""),
         "config: optimizer.eps is gone, was 1e-07"),
    named("another default group", yaml("conf/config.yaml", "optimizer: adam", "optimizer: plain"),
         "config: optimizer.eps is gone, was 1e-07"),
    named("1 becomes true in a YAML", yaml("conf/config.yaml", "flag: 1", "flag: true"),
         "config: flag is true, was 1"),
    named("1 becomes a text in a YAML", yaml("conf/config.yaml", "flag: 1", 'flag: "1"'),
         'config: flag is "1", was 1'),
    named("1 becomes 1.0 in a YAML", yaml("conf/config.yaml", "flag: 1", "flag: 1.0"), "config: flag is 1.0, was 1"),
]

ENVIRONMENT = [
    miss("version of an imported distribution", lambda s: s.install("thirdparty", "1.1",
         {"thirdparty/__init__.py": "VALUE = 1\n"}), "environment: thirdparty is 1.1, was 1.0"),
    miss("version edited in place", edit("../site/thirdparty-1.0.dist-info/METADATA", "Version: 1.0", "Version: 1.2"),
         "environment: thirdparty is 1.2, was 1.0"),
    miss("development version", lambda s: s.install("thirdparty", "1.0+g3f2a", {"thirdparty/__init__.py": ""}),
         "environment: thirdparty is 1.0+g3f2a, was 1.0"),
    miss("distribution of an optional import", lambda s: s.install("fast-path", "3.0", {"fast_path/__init__.py": ""}),
         "environment: fast-path is 3.0, was not there"),
    miss("code of a distribution in editable form", write("../checkout/thirdparty/rate.py", "R = 2\n"),
         "code: thirdparty.rate has changed", before=several(lambda s: shutil.rmtree(s.site / "thirdparty"),
         lambda s: s.install("thirdparty", "1.0", {"thirdparty.pth": "anywhere"}, EDITABLE),
         write("../checkout/thirdparty/__init__.py", "from .rate import R\n"), write("../checkout/thirdparty/rate.py",
         "R = 1\n"), lambda s: s.path.append(str(s.root.parent / "checkout")))),
    miss("code on PYTHONPATH that belongs to no distribution", write("../loose/fast_path.py", "R = 2\n"),
         "code: fast_path has changed", before=several(write("../loose/fast_path.py", "R = 1\n"),
         lambda s: s.path.insert(0, str(s.root.parent / "loose")) )),
    miss("other content of one version, from a folder",
         lambda s: s.install("thirdparty", "1.0", {"thirdparty/__init__.py": "VALUE = 2\n"}, FROM_FOLDER),
         "environment: thirdparty is 1.0 (812241f5b397), was 1.0 (f027909af897)",
         before=lambda s: s.install("thirdparty", "1.0", {"thirdparty/__init__.py": "VALUE = 1\n"}, FROM_FOLDER)),
    miss("Python's minor version", interpreter(minor=12), "environment: python is 3.12, was 3.11",
         before=interpreter()),
    miss("assertions switched off", interpreter(optimize=1), "environment: python is 3.11 -O, was 3.11",
         before=interpreter()),
    miss("meaning of the fingerprint", lambda s: s.monkeypatch.setattr(environment, "SCHEMA", "next"),
         "environment: fingerprint is next, was 1"),
]

UNCACHED = [
    uncached("path in the config", setting("model.file", Path("x")), "model.file: a PosixPath cannot be compared"),
    uncached("bytes in the config", setting("model.mask", [b"1"]), "model.mask[0]: a bytes cannot be compared"),
    uncached("object in the config", setting("model.thing", object()), "model.thing: a object cannot be compared"),
    uncached("no such module", setting("model._target_", "nett.Net"), "model._target_: nett.Net cannot be found"),
    uncached("no such class", setting("model._target_", "net.layers.Net"), "net.layers.Net cannot be found"),
    uncached("no such submodule", setting("model._target_", "net.deep.outer.Net"),
         "net.deep.outer.Net cannot be found" ),
    uncached("module cannot be parsed", write("net/lazy.py", "def ("), "net/lazy.py: cannot be parsed"),
    uncached("module imported by a computed name", write("net/lazy.py",
         "import importlib\n\n\ndef later(x):\n    return importlib.import_module(x)\n"),
         "net/lazy.py:5: import_module: reaches what cannot be read off the code"),
    uncached("exec", write("net/lazy.py", "exec('later = abs')\n"), "net/lazy.py:1: exec: reaches"),
    uncached("setting of the shell that is read", write("net/lazy.py", "import os\nX = os.environ['X']\n"),
         "${oc.env:NAME}"),
    uncached("file beside the module", write("net/lazy.py", "X = __file__\n"), "net/lazy.py:1: __file__: reaches"),
    uncached("another process", write("net/lazy.py", "import subprocess\n"), "net/lazy.py:1: subprocess: reaches"),
    uncached("computed declaration", edit("net/registry.py", 'csv"]', 'csv"] + []'), "__code_deps__ must be one list"),
    uncached("folder in the config", setting("start", "data/../tables"), "start: what lies in the folder"),
    uncached("folder in the code", write("net/lazy.py", "X = Path('tables')\n"), "what lies in 'tables' is not in"),
    uncached("data elsewhere", setting("data.path", "s3://bucket/data"), "data.path: 's3://bucket/data' is no path"),
]
# fmt: on

ROWS = HITS + CODE + DATA + CONFIG + ENVIRONMENT + UNCACHED


@pytest.mark.parametrize("row", ROWS, ids=[row.name for row in ROWS])
def test_change(row: Row, scratch: Scratch) -> None:
    row.before(scratch)
    scratch.settle()
    before = scratch.identify()
    assert before.doubts == ()
    before.data_files  # noqa: B018 (they are read now or never)
    assert scratch.identify().fingerprint == before.fingerprint

    row.change(scratch)
    after = scratch.identify()
    if row.doubt:
        assert any(row.doubt in doubt for doubt in after.doubts), after.doubts
        return
    assert after.doubts == ()
    assert [sentence(difference) for difference in differences(after, before)] == list(row.said)
    assert (after.fingerprint == before.fingerprint) == (not row.said)
    # What the cache remembers is what a look at the files says.
    assert scratch.identify(cold=True) == after


OUTPUTS: list[tuple[str, Change, bool]] = [
    ("record as it was", lambda s: None, True),
    ("output touched", touch("runs/net/weights.pt"), True),
    ("output deleted", lambda s: s.delete("runs/net/weights.pt"), False),
    ("output corrupted", write("runs/net/weights.pt", "4321"), False),
    ("output corrupted, mtime set back", set_back("runs/net/weights.pt", "1234", "1235"), False),
    ("output cut off", write("runs/net/weights.pt", "12"), False),
    ("record.json deleted", lambda s: s.delete("runs/net/record.json"), False),
]


@pytest.mark.parametrize(("name", "change", "is_hit"), OUTPUTS, ids=[name for name, _, _ in OUTPUTS])
def test_change_of_an_output(name: str, change: Change, is_hit: bool, scratch: Scratch) -> None:
    fingerprint = scratch.identify().fingerprint
    store = Store(scratch.root / "runs", cache=StatCache(scratch.root / ".twin"))
    draft = store.draft("net", fingerprint)
    (draft / "weights.pt").write_text("1234")
    kept = store.publish(
        draft,
        fingerprint=fingerprint,
        label="net",
        name=None,
        metrics={"val_loss": 1.0},
        objective="val_loss",
        seconds=1,
    )
    scratch.link("runs/net", kept.folder.name)
    scratch.settle()
    assert store.find(fingerprint, "net") is not None
    change(scratch)
    assert (store.find(scratch.identify().fingerprint, "net") is not None) == is_hit


def test_the_matrix_has_every_row_once() -> None:
    assert len(ROWS) == len({row.name for row in ROWS}) >= 45
