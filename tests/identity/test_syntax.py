import sys
from textwrap import dedent

import pytest

from twinlib.identity.syntax import Text, read


def text(source: str | bytes, package: bool = False) -> Text:
    return read(dedent(source).encode() if isinstance(source, str) else source, package)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("x = 1  # one", "x=1"),
        ('"""Doc."""\nx = 1', "x = 1"),
        ("def f():\n    'doc'\n    return 1", "def f():\n  return (1)"),
        ("def f():\n    'doc'", "def f():\n    pass"),
        ("class A:\n    x: int\n    'doc of x'", "class A:\n    x: int"),
        ("async def f():\n    'doc'\n    x\n", "async def f():\n    x\n"),
        ("if a:\n    'text'\n    b\nelse:\n    c", "if a:\n    b\nelse:\n    c"),
        ("x = 'a' 'b'", 'x = """ab"""'),
        ("x = 1_000", "x = 1000"),
        ("x = (\n1,\n2\n)", "x = 1, 2"),
        ("x = 1\r\ny = '''a\r\nb'''", "x = 1\ny = '''a\nb'''"),
        ("x = '\\d'", "x = '\\\\d'"),
    ],
)
def test_what_python_takes_for_the_same_has_one_tree(one: str, other: str) -> None:
    assert text(one).tree == text(other).tree
    assert text(one).source != text(other).source


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("x = 1", "x = 1.0"),
        ("x = 1", "x = True"),
        ("x = 'a'", "x = b'a'"),
        ("x = f'{a}'", "x = '{a}'"),
        ("x = 'text'", "x = 'Text'"),
        ("f('text')", "f('')"),
        ("def f(a, b=1): ...", "def f(a, b=2): ..."),
        ("def f(a, b): ...", "def f(a, *, b): ..."),
        ("x: int = 1", "x: float = 1"),
        ("a = b = 1", "b = a = 1"),
        ("x = {1: 2, 3: 4}", "x = {3: 4, 1: 2}"),
        ("from a import b", "from .a import b"),
        ("x = (1,)", "x = (1)"),
        ("if a:\n    b\nc", "if a:\n    b\n    c"),
        ("for x in y:\n    pass\nelse:\n    z", "for x in y:\n    pass\nz"),
        ("async def f(): ...", "def f(): ..."),
        ("@a\n@b\ndef f(): ...", "@b\n@a\ndef f(): ..."),
        ("class A(B): ...", "class A(C): ..."),
        ("class A(B, metaclass=M): ...", "class A(B): ..."),
        ("x = '\ud83d\ude00'", "x = '\U0001f600'"),
        ("match x:\n    case 1: y", "match x:\n    case 2: y"),
        ("try:\n    a\nexcept* B:\n    c", "try:\n    a\nexcept B:\n    c"),
    ],
)
def test_what_can_differ_has_two_trees(one: str, other: str) -> None:
    first, second = (source.encode(errors="surrogatepass") for source in (one, other))
    assert text(first).tree != text(second).tree


def test_a_package_is_another_thing_than_a_module() -> None:
    assert text("x = 1").tree != text("x = 1", package=True).tree
    assert text("x = 1").source != text("x = 1", package=True).source


@pytest.mark.parametrize(
    ("source", "imports"),
    [
        ("import a.b.c", {"a.b.c"}),
        ("import a.b as c\nc.d.e()", {"a.b", "a.b.d.e"}),
        ("import a\na.b.c()", {"a", "a.b.c"}),
        ("from a import b as c\nc.d", {"a.b", "a.b.d"}),
        ("from . import a", {".a"}),
        ("from .. import a as b\nb.c", {"..a", "..a.c"}),
        ("from ..a.b import c", {"..a.b.c"}),
        ("from a import *", {"a.*"}),
        ("def f():\n    import a", {"a"}),
        ("try:\n    import a\nexcept ImportError:\n    import b as a\na.c", {"a", "b", "a.c", "b.c"}),
        ("if TYPE_CHECKING:\n    import a", {"a"}),
        ("from importlib import import_module\nimport_module('a.b')", {"importlib.import_module", "a.b"}),
        ("import importlib as i\ni.import_module('.a', __package__)", {"importlib", ".a"}),
        ("__import__('a')", {"a"}),
        ("from importlib.util import find_spec\nfind_spec('a')", {"importlib.util.find_spec", "a"}),
        ("from hydra.utils import get_class\nget_class('a.B')", {"hydra.utils.get_class", "a.B"}),
    ],
)
def test_imports(source: str, imports: set[str]) -> None:
    found = text(source)
    assert set(found.imports) == imports
    assert found.unseen == ()


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("import importlib\nimportlib.import_module(x)", "import_module"),
        ("from importlib import import_module\nimport_module(f'a.{x}')", "import_module"),
        ("from importlib import import_module as load\nload('a')", "import_module"),
        ("from importlib import import_module\nload = import_module", "import_module"),
        ("import importlib\nimportlib.import_module('.a', package=x)", "import_module"),
        ("import importlib\nimportlib.import_module('.a')", "import_module"),
        ("__import__(x)", "__import__"),
        ("exec('x = 1')", "exec"),
        ("f = eval", "eval"),
        ("import builtins\nbuiltins.exec(x)", "builtins.exec"),
        ("from builtins import eval as e", "builtins.eval"),
        ("import runpy\nrunpy.run_path(x)", "run_path"),
        ("from importlib.util import spec_from_file_location", "spec_from_file_location"),
        ("from importlib.metadata import entry_points", "entry_points"),
        ("import importlib.resources", "importlib.resources"),
        ("from importlib import resources as r", "importlib.resources"),
        ("import pkgutil\npkgutil.get_data('a', 'b')", "pkgutil.get_data"),
        ("import pkgutil\nfor m in pkgutil.walk_packages(): ...", "walk_packages"),
        ("import sys\nsys.path.insert(0, 'x')", "sys.path"),
        ("from sys import path", "sys.path"),
        ("import sys\nsys.modules['a']", "sys.modules"),
        ("__path__ = []", "__path__"),
        ("from pathlib import Path\nPath(__file__).parent", "__file__"),
        ("import a\na.__file__", "__file__"),
        ("import subprocess", "subprocess"),
        ("import os\nos.system('make')", "os.system"),
        ("import ctypes\nctypes.CDLL('x.so')", "CDLL"),
        ("import numpy as np\nnp.ctypeslib.load_library('a', 'b')", "load_library"),
        ("from torch.utils import cpp_extension", "cpp_extension"),
        ("import torch\ntorch.hub.load('a', 'b')", "torch.hub"),
        ("import os\nos.environ['X']", "environ"),
        ("import os\nos.environ.get('X', 1)", "environ"),
        ("import os\nos.environ.setdefault('X', '1')", "environ"),
        ("import os\n'X' in os.environ", "environ"),
        ("import os\nos.environ['X'] = os.environ['Y']", "environ"),
        ("import os\nos.getenv('X')", "getenv"),
        ("from os import environ as e", "environ"),
        ("from compat import os\nos.environ['X']", "environ"),
        ("from hydra.utils import get_object\nget_object(x)", "utils.get_object"),
        ("from pydoc import locate\nlocate(x)", "pydoc.locate"),
        ("import pickle\npickle.load(file)", "pickle.load"),
        ("from joblib import load", "joblib.load"),
        ("import pandas as pd\npd.read_pickle('a')", "read_pickle"),
        ("build({'_target_': f'a.{x}'})", "_target_"),
        ("build(dict(_target_=x))", "_target_"),
        ("node['_target_'] = x", "_target_"),
        ("__code_deps__ = [x]", "__code_deps__"),
        ("__code_deps__ = ['a']\n__code_deps__ += ['b']", "__code_deps__"),
        ("if x:\n    __code_deps__ = ['a']", "__code_deps__"),
    ],
)
def test_what_cannot_be_read_off_is_named(source: str, name: str) -> None:
    found = text(source)
    assert name in [what for _, what in found.unseen]
    assert found.deps is None


@pytest.mark.parametrize(
    "source",
    [
        "import os\nos.environ['X'] = '1'",
        "import os.path\nos.path.join(a, b)",
        "import re\nre.compile('x')",
        "model.eval()",
        "frame.eval('a + b')",
        "def f(compile=False): ...",
        "import sys\nsys.platform",
        "getattr(model, name)",
        "build({'_target_': 'a.b'})",
        "node['_target_'].split('.')",
        "import platform\nplatform.system()",
    ],
)
def test_what_can_be_read_off_is_not_named(source: str) -> None:
    assert text(source).unseen == ()


def test_a_declaration_is_read() -> None:
    assert text("__code_deps__ = ['a.b', 'c/d']").deps == ("a.b", "c/d")
    assert text("__code_deps__: list[str] = []\nexec(x)").deps == ()
    assert text("x = 1").deps is None


@pytest.mark.parametrize(
    ("source", "sees"),
    [
        ("x = __doc__", True),
        ("import inspect\ninspect.getsource(f)", True),
        ("from inspect import getdoc as d", True),
        ("getattr(f, '__doc__')", True),
        ("import linecache", True),
        ("import ply.lex as lex", True),
        ("from ply import yacc", True),
        ("import torch\n@torch.jit.script\ndef f(): ...", True),
        ("from torch import jit", True),
        ("f.__code__.co_consts", True),
        ("import inspect\ninspect.signature(f)", False),
        ("import jax\n@jax.jit\ndef f(): ...", False),
        ("tokenizer.tokenize(x)", False),
        ('"""Doc."""', False),
    ],
)
def test_code_that_sees_more_than_its_tree(source: str, sees: bool) -> None:
    assert text(source).sees_source is sees


@pytest.mark.parametrize(
    ("source", "reads"),
    [
        ("open('a.csv')", ["a.csv"]),
        ("open('a.csv', 'rb')", ["a.csv"]),
        ("open(file='a.csv')", ["a.csv"]),
        ("open('a.csv', mode='w')", []),
        ("open('a.csv', 'a')", []),
        ("np.loadtxt('a.csv')", ["a.csv"]),
        ("pd.read_parquet('a.parquet')", ["a.parquet"]),
        ("Path('tables') / name", ["tables"]),
        ("open(f'tables/{name}.csv')", ["tables"]),
        ("open(f'{name}.csv')", []),
        ("os.path.join('tables', name)", ["tables"]),
        ("', '.join(names)", []),
        ("open(name)", []),
        ("glob('tables/*.csv')", ["tables"]),
        ("Path(x).glob('*.csv')", []),
        ("os.listdir('tables')", ["tables"]),
        ("keras.models.load_model('a.keras')", ["a.keras"]),
        ("OmegaConf.load('conf/a.yaml')", ["conf/a.yaml"]),
        ("print('a.csv')", []),
    ],
)
def test_files_that_the_code_names(source: str, reads: list[str]) -> None:
    assert [path for _, path in text(source).reads] == reads


def test_texts_that_may_be_modules() -> None:
    source = "x = ['a.b', 'a b.c', '.a', 'a', 'a.1', f'a.b.{x}', 'a.b.']"
    assert text(source).texts == (".a", "a.b")
    assert text(source, package=True).texts == (".a", "a.b")
    assert text("__all__ = ['a']", package=True).texts == (".a",)
    assert text("__code_deps__ = []\n__all__ = ['a.b']", package=True).texts == ()


def test_names_that_are_bound() -> None:
    source = "import a.b, c as d\nx = 1\ndef f(): ...\nclass G: ...\nfor i in x: ...\n"
    assert set(text(source).binds) == {"a", "d", "x", "f", "G", "i"}
    for open_ended in ("from a import *", "def __getattr__(name): ...", "globals()['x'] = 1"):
        assert "*" in text(open_ended).binds


@pytest.mark.parametrize("source", ["def (", "x = '\0'", "# coding: nothing\n", b"x = '\xff'", "(" * 300 + ")" * 300])
def test_what_cannot_be_parsed_says_so(source: str | bytes) -> None:
    found = text(source)
    assert found.error
    assert found.tree == found.source


@pytest.mark.parametrize("source", ["x = 0x" + "f" * 5000, "x = " + "1 + " * (2 * sys.getrecursionlimit()) + "1"])
def test_what_cannot_be_written_down_counts_with_every_byte(source: str) -> None:
    found = text(f"import a\n{source}")
    assert found.error is None
    assert found.imports == ("a",)
    assert found.tree == found.source


def test_a_text_survives_json() -> None:
    import json

    found = text("import a\n__code_deps__ = ['b']\nopen('c')\nexec(d)\n")
    again = Text.from_json(json.loads(json.dumps(found.to_json())))
    assert json.dumps(again.to_json()) == json.dumps(found.to_json())
