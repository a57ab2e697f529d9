"""Every equation against solutions that are known, symbolically: none is left of their residuals."""

import pytest
import sympy
from sympy import cos, exp, sin, sqrt, tanh

from twinlib.errors import UserError
from twinlib.physics.equations.shipped import EQUATIONS, shipped
from twinlib.physics.expressions import expression

x, y, z, t = sympy.symbols("x y z t", real=True)
k, D, c, nu = sympy.Rational(3, 2), sympy.Rational(1, 4), sympy.Rational(2), sympy.Rational(1, 10)
a = sympy.Rational(1, 3)


def residuals(node, solution, space, time=None):
    names = {str(each): each for each in (x, y, z, t)} | {key: sympy.sympify(value) for key, value in solution.items()}
    return shipped(node, lambda text: expression(text, names, "equation"), space, time, "equation")


def kovasznay(speed):
    """Behind a row of cylinders (Kovasznay 1948)."""
    slope = 1 / (2 * speed) - sqrt(1 / (4 * speed**2) + 4 * sympy.pi**2)
    return {
        "u": 1 - exp(slope * x) * cos(2 * sympy.pi * y),
        "v": slope / (2 * sympy.pi) * exp(slope * x) * sin(2 * sympy.pi * y),
        "p": -exp(2 * slope * x) / 2,
    }


def beltrami():
    """A flow in three dimensions that decays (Ethier & Steinman 1994)."""
    a, d = sympy.Rational(1, 2), sympy.Rational(3, 4)
    points, decay = [x, y, z], exp(-nu * d**2 * t)
    sides = [(points[i], points[(i + 1) % 3], points[(i + 2) % 3]) for i in range(3)]
    flow = [-a * (exp(a * p) * sin(a * q + d * r) + exp(a * r) * cos(a * p + d * q)) * decay for p, q, r in sides]
    pressure = sum(exp(2 * a * p) for p in points) + 2 * sum(
        sin(a * p + d * q) * cos(a * r + d * p) * exp(a * (q + r)) for p, q, r in sides
    )
    return {**dict(zip("uvw", flow, strict=True)), "p": -(a**2) / 2 * pressure * decay**2}


def front():
    """Between the phases 0 and 1 of u_t = D u_xx + 2 (u - u^3), which travels."""
    return (1 - tanh(sqrt(2 / (8 * D)) * (x - 3 * sqrt(2 * D / 2) * t))) / 2


SLOT = {"nu": nu, "diffusivity": D, "expansion": 3, "gravity": [0, -10]}
ABSORBING = sqrt((1 + sympy.Rational(1, 2) * sympy.I) * 4)  # wavenumber in a medium of permittivity 1 + i/2
WAVE = exp(sympy.I * ABSORBING * (x * sympy.Rational(3, 5) + y * sympy.Rational(4, 5)))
KNOWN = {
    "poisson": ({"poisson": {"u": "u", "source": 1}}, {"u": x * (1 - x) / 2}, [x], None),
    "poisson in layers": (
        {"poisson": {"u": "u", "source": "-3", "conductivity": "1/(1 + y)"}}, {"u": y**3 + 3 * y**2 / 2}, [x, y], None,
    ),
    "helmholtz": (
        {"helmholtz": {"u": "u", "wavenumber": 3, "source": "7*sin(x)*cos(y)"}}, {"u": sin(x) * cos(y)}, [x, y], None,
    ),
    "diffusion": (
        {"diffusion": {"u": "u", "diffusivity": str(D)}}, {"u": exp(-D * (k**2 + 1) * t) * sin(k * x) * cos(y)},
        [x, y], t,
    ),
    "advection_diffusion": (
        {"advection_diffusion": {"u": "u", "velocity": [2, -1], "diffusivity": 1}},
        {"u": exp(-((x - 2 * t) ** 2 + (y + t) ** 2) / (4 * (t + 1))) / (t + 1)}, [x, y], t,
    ),
    "advection_diffusion, steady": (
        {"advection_diffusion": {"u": "u", "velocity": 2, "diffusivity": 1}}, {"u": exp(2 * x)}, [x], None,
    ),
    "allen_cahn": ({"allen_cahn": {"u": "u", "diffusivity": "1/4", "rate": 2}}, {"u": front()}, [x], t),
    "wave": ({"wave": {"u": "u", "speed": 2}}, {"u": sin(3 * x + 4 * y - 10 * t)}, [x, y], t),
    "burgers": (
        {"burgers": {"velocity": ["u"], "nu": "1/10"}}, {"u": c - tanh((x - c * t) / (2 * nu))}, [x], t,
    ),
    "navier_stokes": (
        {"navier_stokes": {"velocity": ["u", "v"], "pressure": "p", "nu": "1/40"}},
        kovasznay(sympy.Rational(1, 40)), [x, y], None,
    ),
    "navier_stokes in time": (
        {"navier_stokes": {"velocity": ["u", "v"], "pressure": "p", "nu": "1/10", "rho": 2}},
        {"u": sin(x) * cos(y) * exp(-2 * nu * t), "v": -cos(x) * sin(y) * exp(-2 * nu * t),
         "p": (cos(2 * x) + cos(2 * y)) / 2 * exp(-4 * nu * t)}, [x, y], t,
    ),
    "navier_stokes in space": (
        {"navier_stokes": {"velocity": ["u", "v", "w"], "pressure": "p", "nu": "1/10"}}, beltrami(), [x, y, z], t,
    ),
    "navier_stokes of two fluids": (  # the stress nu u_y is 2 everywhere
        {"navier_stokes": {"velocity": ["u", "v"], "pressure": "p", "nu": "1/y", "force": ["y", "x"]}},
        {"u": y**2, "v": 0, "p": x * y}, [x, y], None,
    ),
    "navier_stokes_heat": (  # a slot between a cold and a hot wall
        {"navier_stokes_heat": {"velocity": ["u", "v"], "pressure": "p", "temperature": "T", "still": 1,
                                **{key: str(value) if key != "gravity" else value for key, value in SLOT.items()}}},
        {"u": 0, "v": 3 * 10 / (6 * nu) * (x - x**3), "p": 0, "T": 1 + x}, [x, y], None,
    ),
    "linear_elasticity": (  # twisted, and pulled
        {"linear_elasticity": {"displacement": ["u", "v", "w"], "young": 7, "poisson": "1/3"}},
        {"u": -y * z - x * a, "v": x * z - y * a, "w": z}, [x, y, z], None,
    ),
    "linear_elasticity, loaded": (
        {"linear_elasticity": {"displacement": ["u", "v", "w"], "young": 1, "poisson": "1/4",
                               "force": ["-12/5*x", 0, 0]}},
        {"u": x**3 / 3, "v": 0, "w": 0}, [x, y, z], None,
    ),
    "plane_stress": (  # a beam that is bent
        {"plane_stress": {"displacement": ["u", "v"], "young": 5, "poisson": "1/3"}},
        {"u": x * y / 5, "v": -(x**2 + a * y**2) / 10}, [x, y], None,
    ),
    "maxwell_2d": (
        {"maxwell_2d": {"field": ["E", "F"], "wavenumber": 2, "permittivity": [1, "1/2"]}},
        {"E": sympy.re(WAVE), "F": sympy.im(WAVE)}, [x, y], None,
    ),
}  # fmt: skip


def numbers(expressions):
    """At some points, to 30 digits."""
    points = [{x: "0.31", y: "0.72", z: "-0.45", t: "0.18"}, {x: "-1.13", y: "0.27", z: "0.64", t: "0.93"}]
    return [
        [abs(each.evalf(30, subs={s: sympy.Float(v, 40) for s, v in at.items()})) for each in expressions]
        for at in points
    ]


@pytest.mark.parametrize("name", KNOWN)
def test_nothing_is_left_of_a_known_solution(name):
    node, solution, space, time = KNOWN[name]
    found = [each.doit() for each in residuals(node, solution, space, time)]
    for at in numbers(found):
        assert max(at) < 1e-20


@pytest.mark.parametrize("name", KNOWN)
def test_something_is_left_of_a_wrong_one(name):
    node, solution, space, time = KNOWN[name]
    wave = sin(x + 2 * y) if y in space else sin(x)
    for field in solution:
        wrong = solution | {field: solution[field] + wave}
        assert max(numbers([each.doit() for each in residuals(node, wrong, space, time)])[0]) > 1e-3, field


def test_every_equation_has_a_known_solution():
    assert {next(iter(node)) for node, *_ in KNOWN.values()} == set(EQUATIONS)


@pytest.mark.parametrize(
    ("node", "space", "message"),
    [
        ({"poison": {}}, [x], "equation: no equation poison; did you mean poisson?"),
        ({"poisson": {}, "wave": {}}, [x], "equation: name one equation"),
        ({"poisson": 1}, [x], "equation.poisson: is 1; it has the keys u, source, conductivity"),
        ({"poisson": {"u": "u"}}, [x], "equation.poisson.source: is missing"),
        ({"poisson": {"u": "u", "sorce": 1}}, [x], "equation.poisson.sorce: no such key; did you mean source?"),
        ({"wave": {"u": "u", "speed": 1}}, [x], "equation.wave is an equation in time: declare data.time"),
        (
            {"navier_stokes": {"velocity": ["u"], "pressure": "u", "nu": 1}},
            [x, y],
            "velocity: has 1 components; give 2",
        ),
        ({"plane_stress": {"displacement": ["u"], "young": 1, "poisson": 0}}, [x], "is an equation in two dimensions"),
        ({"maxwell_2d": {"field": ["u"], "wavenumber": 1}}, [x, y], "field: has 1 components; give 2, real and imag"),
        ({"poisson": {"u": "w", "source": 1}}, [x], "w is not declared"),
    ],
)
def test_a_mistake_is_one_line(node, space, message):
    with pytest.raises(UserError) as refusal:
        residuals(node, {"u": x**2}, space)
    assert message in str(refusal.value)
