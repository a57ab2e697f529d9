import pytest
import sympy

from twinlib.errors import UserError
from twinlib.physics.expressions import equation, expression

X, T, K = (sympy.Symbol(name, real=True) for name in "xtk")
U = sympy.Function("u", real=True)(X, T)
NAMES = {"x": X, "t": T, "k": K, "u": U, "two": sympy.Integer(2)}


def read(text, normal=None):
    return expression(text, NAMES, "data.test", normal)


@pytest.mark.parametrize(
    ("text", "meaning"),
    [
        ("diff(u, x, 2)", U.diff(X, 2)),
        ("u__x__x", U.diff(X, 2)),
        ("diff(u, x, t)", U.diff(X, T)),
        ("diff(u, x, 2, t)", U.diff(X, 2, T)),
        ("diff(k*diff(u, x), x)", K * U.diff(X, 2)),
        ("diff(u*u, x)", 2 * U * U.diff(X)),
        ("diff(sin(x*t), t)", X * sympy.cos(X * T)),
        ("-u**2/(1 + exp(-x)) + pi*two", -(U**2) / (1 + sympy.exp(-X)) + 2 * sympy.pi),
        ("sqrt(4)*1e-3", 2 * sympy.Float(1e-3)),
        (3, sympy.Integer(3)),
    ],
)
def test_texts_mean_what_they_say(text, meaning):
    assert sympy.simplify(read(text) - meaning) == 0


def test_an_equation_is_left_minus_right():
    assert equation("diff(u, t) = k*u__x__x", NAMES, "data.test") == U.diff(T) - K * U.diff(X, 2)


def test_the_normal_derivative():
    n = sympy.Symbol("n", real=True)
    assert read("k*normal(u)", {"x": n}) == K * n * U.diff(X)
    with pytest.raises(UserError, match="on a boundary only"):
        read("normal(u)")


@pytest.mark.parametrize(
    "text",
    [
        "__import__('os').system('true')",
        "().__class__.__bases__[0].__subclasses__()",
        "x.__class__",
        "u.func",
        "(lambda: 1)()",
        "[x for x in (1, 2)]",
        "open('file')",
        "exec('1')",
        "eval('1')",
        "getattr(x, 'name')",
        "'text'",
        "x if t else u",
        "x == t",
        "x := 1",
        "sin(*[x])",
        "sin(x=1)",
        "True",
        "None",
        "1j",
        "f'{x}'",
        "x; t",
        "",
        "x +",
        "9**9**9",
        "x**1000000",
        "1/0",
        "0**(-1)",
        "(" * 500 + "x" + ")" * 500,
        "x" * 3000,
        "1e999",
        "diff(u, x, 1000)",
        "diff(u, k*x)",
        "diff(u)",
        "sin(x, t)",
    ],
)
def test_anything_but_arithmetic_is_refused_in_one_line(text):
    with pytest.raises(UserError, match=r"^data\.test: ") as refusal:
        read(text)
    assert "\n" not in str(refusal.value)


def test_a_name_that_is_not_declared_is_named():
    with pytest.raises(UserError, match="twoo is not declared; did you mean two"):
        read("twoo*u")
    with pytest.raises(UserError, match="no function sine; did you mean sin"):
        read("sine(x)")
    with pytest.raises(UserError, match="y is nothing to derive by"):
        read("diff(u, y)")
    with pytest.raises(UserError, match="has one ="):
        equation("u", NAMES, "data.test")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x^2", r"x\^2: a power is written \*\*"),
        ("2 x", "a product is written with"),
        ("(x + 1)(x - 1)", "there is no|is no arithmetic"),
        ("u_xx", r"u_xx is not declared; a derivative is diff\(u, x, x\)"),
        ("exp(exp(exp(100)))", "a number is too large"),
        ("(x**20)**20", "an exponent is at most 20"),
        ("((u + x + 1)**20 + t)**20", "has more than 10000 terms"),
        ("log(0)", "is no real number"),
        ("sqrt(-1)*x", "is no real number"),
    ],
)
def test_a_refusal_says_what_to_write(text, message):
    with pytest.raises(UserError, match=message):
        read(text)


def test_two_equal_signs_are_one_too_many():
    with pytest.raises(UserError, match="write a single =, not =="):
        equation("u == 1", NAMES, "data.test")
