import ast
from textwrap import dedent

import pytest

from twinlib.identity.definitions import QUIET_BASES, Definitions
from twinlib.identity.reach import aliases_of


def definitions(source: str) -> tuple[ast.Module, Definitions]:
    tree = ast.parse(dedent(source))
    return tree, Definitions(tree, aliases_of(ast.walk(tree)))


def waiting(source: str) -> list[str]:
    tree, known = definitions(source)
    return [node.name for node in tree.body if known.waits(node)]  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "source",
    [
        "def f(a, b=1, *c, d=-2, **e): exec('')",
        "async def f(): ...",
        "def f(a=None, b=(1, 'x'), c=[], d={'x': WIDTH}): ...",
        "def f(a: int | None, b: list[dict[str, float]], c: 'any text', d: WIDTH = 1) -> None: ...",
        "import numpy as np\ndef f(a: np.ndarray) -> np.random.Generator: ...",
        "from typing import Callable\nfrom pathlib import Path\ndef f(a: Callable[..., Path | None]): ...",
        "import numpy.typing as npt\nimport numpy as np\ndef f() -> npt.NDArray[np.float32] | None: ...",
        "from mine import Dense\ndef f(a: list[Dense]): ...",
        "class f: ...",
        "class f(object):\n    'Doc'\n    x = 1\n    y: int = 2\n    z: str\n    def g(self, a=1): register(self)",
        "class f(ValueError):\n    @property\n    def g(self): ...\n    @staticmethod\n    def h(): ...",
        "from torch import nn\nclass f(nn.Module):\n    def forward(self, x): return x",
        "import torch\nclass f(torch.nn.Module): ...",
        "import torch.nn as nn\nclass f(nn.Module): ...",
        "import keras\nclass f(keras.layers.Layer): ...",
    ],
)
def test_what_does_nothing_until_it_is_named(source: str) -> None:
    assert waiting(source) == ["f"]


@pytest.mark.parametrize(
    "source",
    [
        "x = lambda: 1",
        "if x:\n    def f(): ...",
        "@register\ndef f(): ...",
        "@register\nclass f: ...",
        "def f(a=count()): ...",
        "def f(*, a=[count()]): ...",
        "def f(a=x.y): ...",
        "def f(a=(b := 1)): ...",
        "def f(a: register(int)): ...",
        "def f(*a: register(int)): ...",
        "def f() -> register(int): ...",
        "def f(a: Table[int]): ...",
        "from .mine import Table\ndef f(a: Table[int]): ...",
        "from .mine import A\ndef f(a: A | None): ...",
        "class A: ...\ndef f(a: A | None): ...",
        "from typing import Callable\nCallable = register\ndef f(a: Callable[int]): ...",
        "def f(a: A | B): ...",
        "def f(a: x.y): ...",
        "def __getattr__(name): ...",
        "def __dir__(): ...",
        "class f(Base): ...",
        "class f(Base, object): ...",
        "class f(metaclass=M): ...",
        "class f(object, name='f'): ...",
        "class f(make()): ...",
        "class f:\n    register(1)",
        "class f:\n    x = field()",
        "class f:\n    x: register(int)",
        "class f:\n    x[0] = 1",
        "class f:\n    for x in y: ...",
        "class f:\n    @register\n    def g(self): ...",
        "class f:\n    def g(self, x=count()): ...",
        "class f:\n    class Inner(Base): ...",
        "class f:\n    def __init_subclass__(cls): ...",
        "list = Registry()\ndef f(a: list[int]): ...",
        "int = Registry()\ndef f(a: int | None): ...",
        "from stars import *\ndef f(a: list[int]): ...",
        "property = register\nclass f:\n    @property\n    def g(self): ...",
        "object = Base\nclass f(object): ...",
        "from stars import *\nclass f(object): ...",
        "from torch import nn\nnn = other\nclass f(nn.Module): ...",
        "try:\n    from torch import nn\nexcept ImportError:\n    from mine import nn\nclass f(nn.Module): ...",
        "from mine import nn\nclass f(nn.Module): ...",
        "from torch import nn\nclass f(nn.Linear): ...",
        "class f(f): ...",
        "import torch\nclass f(torch.nn.Module, Mixin): ...",
    ],
)
def test_what_may_do_something_at_once(source: str) -> None:
    assert "f" not in waiting(source)


def test_classes_that_wait_for_each_other() -> None:
    assert waiting("class A: ...\nclass B(A): ...\nclass C(B, A): ...") == ["A", "B", "C"]
    assert waiting("class B(A): ...\nclass A: ...") == ["A"]
    assert waiting("@register\nclass A: ...\nclass B(A): ...") == []
    assert waiting("class A: ...\nA = 1\nclass B(A): ...") == ["A"]
    assert waiting("class A:\n    def __init_subclass__(cls): ...\nclass B(A): ...") == []


def test_bases_that_have_to_be_other_peoples() -> None:
    source = """
        from torch import nn
        from typing import Any as A
        class f(nn.Module): ...
        class g(f): ...
        class h:
            def i(self, x: list[int]) -> dict[str, A]: import json
        def j(x: list[A] | None = 1): return nn
        def k(x: A, y: A[int]): return nn
    """
    tree, known = definitions(source)
    found = [known.outside(node) for node in tree.body[2:]]  # type: ignore[arg-type]
    assert found == [{"torch"}, set(), set(), set(), {"typing"}]


@pytest.mark.slow
def test_quiet_bases_do_not_learn_of_their_subclasses() -> None:
    """Of the installed versions; the fingerprint covers which these are."""
    import os

    os.environ["KERAS_BACKEND"] = "tensorflow"
    from hydra.utils import get_class

    for name in QUIET_BASES:
        base = get_class(name if "." in name else f"builtins.{name}")
        assert type(base) is type, name
        assert not any("__init_subclass__" in vars(parent) for parent in base.__mro__[:-1]), name
