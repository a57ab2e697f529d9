import ast
from string import ascii_lowercase
from textwrap import dedent

import pytest

from twinlib.identity.reach import Reach, aliases_of, dotted_names, words


def reach(source: str, package: bool = False) -> Reach:
    nodes = list(ast.walk(ast.parse(dedent(source))))
    return Reach(nodes, aliases_of(nodes), package)


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
        ("__import__('a.b')", {"a", "a.b"}),
        ("from importlib.util import find_spec\nfind_spec('a')", {"importlib.util.find_spec", "a"}),
        ("from hydra.utils import get_class\nget_class('a.B')", {"hydra.utils.get_class", "a.B"}),
    ],
)
def test_imports(source: str, imports: set[str]) -> None:
    found = reach(source)
    assert found.imports | found.uses == imports
    assert found.unseen == set()


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("import importlib\nimportlib.import_module(x)", "import_module"),
        ("from importlib import import_module\nimport_module(f'a.{x}')", "import_module"),
        ("from importlib import import_module as load\nload('a')", "import_module"),
        ("from importlib import import_module\nload = import_module", "import_module"),
        ("import importlib\nimportlib.import_module('.a', package=x)", "import_module"),
        ("import importlib\nimportlib.import_module('.a')", "import_module"),
        ("import importlib\nimportlib.import_module('subprocess')", "subprocess"),
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
    found = reach(source)
    assert name in [what for _, what in found.unseen]


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
    assert reach(source).unseen == set()


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
    assert reach(source).sees_source is sees


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
    assert [path for _, path in reach(source).reads] == reads


def test_texts_that_may_be_modules() -> None:
    source = "x = ['a.b', 'a b.c', '.a', 'a', 'a.1', f'a.b.{x}', 'a.b.']"
    assert reach(source).texts == {".a", "a.b"}
    assert reach(source, package=True).texts == {".a", "a.b"}
    assert reach("__all__ = ['a']", package=True).texts == {".a"}


@pytest.mark.parametrize(
    "source",
    [
        "globals()['x']",
        "[f for f in dir() if f]",
        "vars(module)",
        "f.__globals__",
        "module.__dict__",
        "getattr(module, '__dict__')",
        "inspect.getmembers(module)",
        "inspect.stack()",
        "Base.__subclasses__()",
        "Base.__init_subclass__ = f",
        "register(__name__)",
        "x = __name__",
        "import builtins",
        "from importlib import import_module\nimport_module('builtins')",
        "sys._getframe(1).f_globals",
        "for name in __all__: ...",
    ],
)
def test_code_that_sees_what_it_does_not_name(source: str) -> None:
    assert reach(source).sees_all


@pytest.mark.parametrize(
    "source",
    [
        "logging.getLogger(__name__)",
        "raise ValueError(f'{__name__} has none')",
        "obj.__name__",
        "getattr(x, '__name__')",
        "getattr(x, name)",
        "folder.dir",
        "isinstance(x, type(y))",
        "name in ('builtins', '')",
    ],
)
def test_code_that_sees_no_more_than_it_names(source: str) -> None:
    assert not reach(source).sees_all


def test_all_names_are_words() -> None:
    source = """
        import a.b as c
        from ..d import e
        @f.g
        def h(i: 'j[k]', *l, m=n, **o):
            global p
            with q as r:
                s.t = u(v=w)
            lambda x: y
            try: ...
            except z as aa: ...
            match ab:
                case AC(ad=ae) | {"af": ag, **ah} | [*ai]: ...
            f"{aj} ak-al"
            del am
    """
    wanted = {*ascii_lowercase, "AC", *(f"a{letter}" for letter in "abdefghijklm")}
    assert wanted <= reach(source).words


def test_words_and_dotted_names_of_a_text() -> None:
    text = 'key: {"_target_": "net.model.Net", width: 3.5}, é.ß x. .y'
    assert set(words(text)) == {"key", "_target_", "net", "model", "Net", "width", "é", "ß", "x", "y"}
    assert dotted_names(text) == {"net.model.Net", "é.ß"}
