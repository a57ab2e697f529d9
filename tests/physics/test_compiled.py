import numpy as np
import sympy
import torch

from twinlib.physics.compiled import Compiled

X, Y = sympy.symbols("x y", real=True)
U = sympy.Function("u", real=True)(X, Y)
EXPRESSIONS = [
    sympy.sin(X) * sympy.exp(-Y) / (1 + X**2) + sympy.Abs(X - Y) ** 3,
    U.diff(X, 2) + U * U.diff(X) - sympy.pi,
    sympy.sqrt(Y) + X**-2 + sympy.tanh(X),
    sympy.Integer(7),
]


def expected(x, y, u, u_x, u_xx):
    return [
        np.sin(x) * np.exp(-y) / (1 + x**2) + np.abs(x - y) ** 3,
        u_xx + u * u_x - np.pi,
        np.sqrt(y) + x**-2 + np.tanh(x),
        7.0,
    ]


def test_numpy_and_torch_give_what_the_formulas_say():
    rng = np.random.default_rng(0)
    x, y, u, u_x, u_xx = rng.uniform(0.5, 2, (5, 20))
    values = {X: x, Y: y, U: u, U.diff(X): u_x, U.diff(X, 2): u_xx}
    wanted = expected(x, y, u, u_x, u_xx)
    for library, convert in ((np, np.asarray), (torch, torch.as_tensor)):
        compiled = Compiled(EXPRESSIONS, library)
        assert set(compiled.arguments) == set(values)
        found = compiled({key: convert(value) for key, value in values.items()})
        for got, want in zip(found, wanted, strict=True):
            np.testing.assert_allclose(np.asarray(got), want, rtol=1e-13)
