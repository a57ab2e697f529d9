import json
import sys
from textwrap import dedent

import pytest

from twinlib.identity.syntax import Text, read


def text(source: str | bytes, package: bool = False) -> Text:
    return read(dedent(source).encode() if isinstance(source, str) else source, package)


def trees(source: str | bytes, package: bool = False) -> list[str]:
    return [tree for part in text(source, package).parts for tree in part.trees]


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
    assert trees(one) == trees(other)
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
    assert trees(first) != trees(second)


def test_a_package_is_another_thing_than_a_module() -> None:
    assert trees("x = 1") != trees("x = 1", package=True)
    assert text("x = 1").source != text("x = 1", package=True).source


def test_a_declaration_is_read() -> None:
    assert text("__code_deps__ = ['a.b', 'c/d']").deps == ("a.b", "c/d")
    assert text("__code_deps__: list[str] = []\nexec(x)").deps == ()
    assert text("x = 1").deps is None


def test_a_declaration_stands_for_texts() -> None:
    assert text("x = ['a.b']").parts[1].texts == ("a.b",)
    assert text("__code_deps__ = []\nx = ['a.b']").parts[1].texts == ()


def test_a_list_of_public_names_says_nothing_about_their_use() -> None:
    public = text("__all__ = ['a', 'b']", package=True).parts[1]
    assert (public.words, public.texts, public.sees_all) == ("", (".a", ".b"), False)
    for other in ("__all__ = ['a'] + b", "__all__ += ['a']", "for name in __all__: ..."):
        assert any(part.sees_all for part in text(other).parts)


def test_a_part_for_each_definition_that_waits() -> None:
    source = "import a\nx = a.b\ndef f(): return g\n@a.c\ndef h(): ...\nclass K: y = 1\nz = 2\n"
    parts = text(source).parts[1:]
    assert [part.name for part in parts] == [None, "f", None, "K", None]
    assert [len(part.trees) for part in parts] == [2, 1, 1, 1, 1]
    assert parts[1].words.split() == ["f", "g"]


def test_trees_do_not_depend_on_what_stands_between() -> None:
    between = "x = 1\ndef f(): ...\ny = 2\n"
    fixed = [tree for part in text(between).parts if part.name is None for tree in part.trees]
    assert fixed == trees("x = 1\ny = 2\n")


def test_what_the_header_of_a_waiting_definition_looks_up_is_used() -> None:
    head = text("import net\ndef f(x: net.Dense): return net.hidden\n").parts[0]
    assert head.uses == ("net.Dense",)


def test_names_that_are_bound() -> None:
    source = "import a.b, c as d\nx = 1\ndef f(): ...\nclass G: ...\nfor i in x: ...\n"
    assert set(text(source).binds) == {"a", "d", "x", "f", "G", "i"}
    for open_ended in ("from a import *", "def __getattr__(name): ...", "globals()['x'] = 1"):
        assert "*" in text(open_ended).binds


@pytest.mark.parametrize("source", ["def (", "x = '\0'", "# coding: nothing\n", b"x = '\xff'", "(" * 300 + ")" * 300])
def test_what_cannot_be_parsed_says_so(source: str | bytes) -> None:
    found = text(source)
    assert found.error
    assert [part.trees for part in found.parts] == [(found.source,)]


@pytest.mark.parametrize("source", ["x = 0x" + "f" * 5000, "x = " + "1 + " * (2 * sys.getrecursionlimit()) + "1"])
def test_what_cannot_be_written_down_counts_with_every_byte(source: str) -> None:
    found = text(f"import a\n{source}")
    assert found.error is None
    assert found.parts[1].imports == ("a",)
    assert found.parts[1].trees == (found.source,)


def test_a_text_survives_json() -> None:
    import json

    found = text("import a\n__code_deps__ = ['b']\nopen('c')\nexec(d)\n")
    again = Text.from_json(json.loads(json.dumps(found.to_json())))
    assert json.dumps(again.to_json()) == json.dumps(found.to_json())


def test_what_is_remembered_of_a_doubt_can_be_collected_like_what_was_read() -> None:
    found = text("import os\nfound = __import__(os.name)\nlines = open(os.name)\n")
    again = Text.from_json(json.loads(json.dumps(found.to_json())))
    assert [set(part.unseen) for part in again.parts] == [set(part.unseen) for part in found.parts]
    assert [set(part.reads) for part in again.parts] == [set(part.reads) for part in found.parts]
    assert any(part.unseen for part in again.parts)
