"""Random projects are run, changed in one number at a time, and run again: another result needs another fingerprint.

Their functions call each other in all the ways that people have found, most of them bad style.
"""

import importlib
import random
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from twinlib.identity.fingerprint import identify
from twinlib.identity.stat_cache import StatCache

CONFIG = {"model": {"_target_": "pk.main.run"}}

# How a module gets at the function `g` of the module `pk.m`: statements at its top, and the expression that calls it.
# `chr(103)` is "g", and `chr(109)` is "m", where the name itself must not stand.
CALLS = {
    "name": ("from pk.m import g", "g()"),
    "renamed": ("from pk.m import g as other", "other()"),
    "module": ("import pk.m", "pk.m.g()"),
    "module renamed": ("import pk.m as q", "q.g()"),
    "module from package": ("from pk import m", "m.g()"),
    "relative": ("from .m import g", "g()"),
    "relative module": ("from . import m", "m.g()"),
    "star": ("from pk.m import *", "g()"),
    "attribute by name": ("import pk.m as q", "getattr(q, 'g')()"),
    "attribute by a computed name": ("import pk.m as q", "getattr(q, chr(103))()"),
    "module in a variable": ("import pk.m as q\nkept = q", "getattr(kept, chr(103))()"),
    "module in a list": ("import pk.m as q\nkept = [q]", "[getattr(k, chr(103))() for k in kept][0]"),
    "module by its package": ("import pk.m", "getattr(getattr(pk, chr(109)), chr(103))()"),
    "imported by a literal name": ("import importlib", "importlib.import_module('pk.m').g()"),
    "imported, attribute computed": ("import importlib", "getattr(importlib.import_module('pk.m'), chr(103))()"),
    "dictionary of a module": ("import pk.m as q", "q.__dict__[chr(103)]()"),
    "vars": ("import pk.m as q", "vars(q)[chr(103)]()"),
    "dir": ("import pk.m as q", "[getattr(q, n) for n in dir(q) if n == chr(103)][0]()"),
    "globals": ("from pk.m import g", "globals()[chr(103)]()"),
    "globals of another": ("from pk.m import anchor", "anchor.__globals__[chr(103)]()"),
    "re-export": ("from pk.hub import g", "g()"),
    "module re-export": ("from pk import shelf", "shelf.m.g()"),
    "module re-export, computed": ("from pk import shelf", "getattr(shelf.m, chr(103))()"),
    "renamed re-export, computed": ("from pk.shelf import m as r", "getattr(r, chr(103))()"),
    "star re-export": ("from pk.stars import *", "getattr(m, chr(103))()"),
    "door of a package": ("import pk", "getattr(pk, 'door_' + chr(103))()"),
    "module imported, package got": ("", "getattr(getattr(__import__('pk.m'), chr(109)), chr(103))()"),
    "package of another import": (
        "import pk.m, pk.hub",
        "getattr(getattr(__import__('pk.hub'), chr(109)), chr(103))()",
    ),
    "lazy": ("", "(lambda: __import__('pk.m', fromlist=['g']).g())()"),
    "table": ("from pk.m import g\nTABLE = {'a': g}", "TABLE['a']()"),
    "partial": ("import functools\nfrom pk.m import g", "functools.partial(g)()"),
    "at import": ("from pk.m import g\nVALUE = g()", "VALUE"),
    "default": ("from pk.m import g\ndef with_default(x=g()): return x", "with_default()"),
    "optional": ("try:\n    from pk.m import nothing as g\nexcept ImportError:\n    from pk.m import g", "g()"),
    "method": ("from pk.m import g\nclass K:\n    def v(self): return g()", "K().v()"),
    "inherited": ("from pk.m import g\nclass K:\n    v = property(lambda s: g())\nclass L(K): ...", "L().v"),
    "decorated": ("from pk.m import g\ndef deco(f): return lambda: f() + g()\n@deco\ndef h(): return 1", "h()"),
    "registered": ("from pk.m import registry", "registry['g']()"),
    "registered by a decorator": ("from pk.m import registry", "sum(f() for f in registry.values())"),
    "stored by a default": ("from pk.m import stored", "sum(stored)"),
    "subclasses": ("from pk.m import Base", "sum(c().v() for c in Base.__subclasses__())"),
    "subclasses that register": ("from pk.m import Noted", "sum(c().v() for c in Noted.known)"),
    "string annotation": (
        "from pk.m import g, Kind\nimport typing\ndef typed(x: 'Kind'): ...",
        "typing.get_type_hints(typed)['x']().v()",
    ),
    "patched": ("import pk.m as q\nq.late = q.g", "q.late()"),
    "not at all": ("import pk.m as q", "q.anchor()"),
}

# How the module defines `g`, with a number in it; and what may stand beside it.
DEFINITIONS = {
    "function": "def g(): return {n}",
    "default": "def g(x={n}): return x",
    "constant": "C = {n}\ndef g(): return C",
    "helper": "def helper(): return {n}\ndef g(): return helper()",
    "class": "class K:\n    size = {n}\n    def v(self): return self.size\ndef g(): return K().v()",
    "inheritance": "class A:\n    size = {n}\nclass B(A): ...\ndef g(): return B.size",
    "alias": "def _g(): return {n}\ng = _g",
    "twice": "def g(): return 0\ndef g(): return {n}",
    "conditional": "if True:\n    def g(): return {n}\nelse:\n    def g(): return 0",
    "lambda": "g = lambda: {n}",
    "hidden builtin": "def sum(x): return {n}\ndef g(): return sum([1])",
    "wrapped": "def g(): return {n}\nwrapped = g\ndef g(): return wrapped()",
    "own name": "def helper(): return {n}\ndef g(): return globals()['repleh'[::-1]]()",
    "global": "STATE = 0\ndef change():\n    global STATE\n    STATE = {n}\nchange()\ndef g(): return STATE",
    "nested": "def g():\n    def inner(): return {n}\n    return inner()",
    "match": "def g():\n    match 1:\n        case int(): return {n}",
}
BESIDE = """
registry = {{}}
def note(f):
    registry[f.__name__] = f
    return f
def anchor(): return 0
class Base: ...
class First(Base):
    def v(self): return {a}
class Noted:
    known = []
    def __init_subclass__(cls): Noted.known.append(cls)
class Second(Noted):
    def v(self): return {b}
class Kind:
    def v(self): return {c}
def neighbour(): return {d}
class Neighbour:
    size = {e}
@note
def noted(): return {f}
stored = []
def with_default(x=stored.append({g})): ...
def with_annotation(x: stored.append({h})): ...
"""
OTHERS = {
    "hub": "from pk import m\nfrom pk.m import g\n",
    "shelf": "from pk import m\n",
    "stars": "from pk import m\n",
}
DOOR = """
def __getattr__(name):
    if name.startswith("door_"):
        from pk import m
        return getattr(m, name.removeprefix("door_"))
    raise AttributeError(name)
"""
NUMBER = re.compile(r"\b[1-9]\d{3}\b")


def write(root: Path, rng: random.Random, call: str, definition: str) -> None:
    numbers = iter(rng.sample(range(1000, 9999), 20))
    top, expression = CALLS[call]
    m = DEFINITIONS[definition].format(n=next(numbers)) + BESIDE.format(**{name: next(numbers) for name in "abcdefgh"})
    if call == "registered":
        m += "\nnote(g)\nregistry['g'] = g\n"
    # What a module has beside the call, so that reaching one thing does not count all the others.
    main = f"{top}\n\n\ndef run(): return middle() + {expression}\n\n\ndef unused(): return {next(numbers)}\n"
    main += f"\n\ndef middle(): return {next(numbers)}\n"
    others = {"__init__": DOOR if "door" in call else "", **OTHERS}
    for name, text in {**others, "m": m, "main": main}.items():
        (root / "pk").mkdir(exist_ok=True)
        (root / "pk" / f"{name}.py").write_text(text)


def outcome(root: Path) -> str:
    """What the project computes, in a fresh import of all its modules."""
    for name in [name for name in sys.modules if name.partition(".")[0] == "pk"]:
        del sys.modules[name]
    importlib.invalidate_caches()
    try:
        return repr(importlib.import_module("pk.main").run())
    except Exception as error:
        return type(error).__name__


def changes(root: Path) -> Iterator[tuple[Path, str, str]]:
    """Every number of the project, each changed alone."""
    for path in sorted((root / "pk").glob("*.py")):
        text = path.read_text()
        for found in NUMBER.finditer(text):
            yield path, text, text[: found.start()] + str(int(found[0]) % 9000 + 1001) + text[found.end() :]


@pytest.mark.parametrize("call", CALLS)
def test_another_result_has_another_fingerprint(call: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    rng = random.Random(call)
    for definition in rng.sample(list(DEFINITIONS), 2):
        write(tmp_path, rng, call, definition)
        expected, before = outcome(tmp_path), identify(CONFIG, tmp_path, StatCache(tmp_path / ".twin"))
        assert expected.isdigit(), (call, definition, expected)
        moved = 0
        for path, text, changed in changes(tmp_path):
            path.write_text(changed)
            result, after = outcome(tmp_path), identify(CONFIG, tmp_path, StatCache(tmp_path / ".twin"))
            if result != expected:
                moved += 1
                assert after.fingerprint != before.fingerprint or before.doubts, (definition, changed)
            path.write_text(text)
        assert moved >= 1


def test_neighbours_are_told_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Otherwise the test above would prove little: what cannot change the result keeps the fingerprint."""
    monkeypatch.syspath_prepend(str(tmp_path))
    for call in ("name", "module renamed", "re-export", "method", "table", "optional"):
        write(tmp_path, random.Random(0), call, "function")
        before = identify(CONFIG, tmp_path, StatCache(tmp_path / ".twin"))
        assert before.doubts == ()
        hits = []
        for path, text, changed in changes(tmp_path):
            path.write_text(changed)
            if identify(CONFIG, tmp_path, StatCache(tmp_path / ".twin")).fingerprint == before.fingerprint:
                hits.append(changed)
            path.write_text(text)
        assert len(hits) == 5, call
