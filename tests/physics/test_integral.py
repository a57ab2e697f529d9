import copy

import numpy as np
import pytest
import sympy
import torch
from scipy.integrate import quad

from twinlib.errors import UserError
from twinlib.physics.networks import FullyConnected
from twinlib.physics.problem import Problem
from twinlib.physics.residuals import Residuals
from twinlib.physics.solution import Solution

# A rod whose fluxes at both ends are given; its mean is what these leave open.
MEAN = {
    "geometry": {"rod": {"shape": "line", "x": [0, 2]}},
    "fields": {"u": {"range": [0, 3]}},
    "conditions": {
        "load": {"type": "interior", "equation": "diff(u, x, 2) = 1", "points": 16},
        "ends": {"type": "neumann", "values": {"u": 1}},
        "mean": {"type": "integral", "equation": "u = 4", "points": 8},
    },
    "reference": {"u": "(x - 1)**2/2 + 11/6"},
}
# A flow through a channel whose strength only the flux through its cross-sections tells.
FLOW = {
    "geometry": {"channel": {"shape": "rectangle", "x": [0, 1], "y": [0, 1]}},
    "fields": {"u": {"range": [0, 2]}},
    "unknowns": {"drop": 1},
    "conditions": {
        "along": {"type": "interior", "equation": "diff(u, x, 2) + diff(u, y, 2) = -drop", "points": 60},
        "walls": {"type": "dirichlet", "where": "y*(1 - y) = 0", "values": {"u": 0}, "points": 40},
        "open": {"type": "neumann", "where": "x*(1 - x) = 0", "values": {"u": 0}, "points": 40},
        "flux": {
            "type": "integral",
            "over": "x = c",
            "at": {"c": [0, 1]},
            "equation": "u = 1",
            "lines": 8,
            "points": 8,
        },
    },
    "reference": {"u": "6*y*(1 - y)", "drop": 12},
}


def test_a_mean_makes_up_for_a_constant(solve):
    _, _, error = solve(MEAN)
    assert error < 1e-6


def test_flux_through_lines_tells_an_unknown_number(solve):
    _, solution, error = solve(FLOW)
    assert error < 1e-6
    assert float(solution.unknowns["drop"].detach()) == pytest.approx(12, rel=1e-6)


def drawn(node, shape=None, **more):
    """The samples of an integral over a plate with a hole, or another shape, and its condition."""
    tree = copy.deepcopy(FLOW) | {"name": "plate", "reference": {}} | more
    tree["geometry"] = {
        "plate": {"shape": "rectangle", "x": [0, 2], "y": [0, 1]},
        "hole": {"shape": "circle", "x": 1, "y": 0.5, "radius": 0.25},
        "part": {"difference": ["plate", "hole"]},
    }
    tree["fields"]["u"] = {"in": "part"}
    walls = {"type": "dirichlet", "in": "part", "values": {"u": 0}, "points": 8}
    tree["conditions"] = {"along": tree["conditions"]["along"] | {"in": "part"}, "walls": walls}
    tree["conditions"]["all"] = {"type": "integral", "in": "part"} | node
    problem = Problem(**tree)
    return problem.samples("train", 0)["all"], next(each for each in problem.conditions if each.name == "all")


def summed(samples, values):
    """The integrals of values at the points, shape (blocks,): samples have the mean, and one over the measure."""
    blocks = len(samples.weights)
    return (samples.weights * values.reshape(blocks, -1)).sum(axis=1) / samples.extra["share__"].reshape(blocks, -1)[
        :, 0
    ]


def test_a_cut_leaves_the_hole_out():
    samples, _ = drawn({"over": "x = c", "at": {"c": [0.8, 1.2]}, "equation": "u = c", "lines": 5, "points": 12})
    x, y = samples.inputs.T
    half = np.sqrt(0.25**2 - (x[::12] - 1) ** 2)
    assert len(half) == 5 and np.ptp(x[::12]) > 0.1
    np.testing.assert_allclose(summed(samples, np.ones_like(y)), 1 - 2 * half, rtol=1e-6)
    np.testing.assert_allclose(summed(samples, y**2), (1 - (0.5 + half) ** 3 + (0.5 - half) ** 3) / 3, rtol=1e-6)


def test_over_the_domain_and_its_boundary():
    samples, _ = drawn({"equation": "u = drop", "points": 4000})
    assert summed(samples, np.ones(len(samples.inputs)))[0] == pytest.approx(2 - np.pi / 16, rel=1e-3)
    samples, _ = drawn({"over": "boundary", "equation": "normal(u) = drop", "points": 16})
    x = samples.inputs[:, 0]
    assert summed(samples, np.ones_like(x))[0] == pytest.approx(6 + np.pi / 2, rel=1e-9)
    # The divergence theorem: the flux of (x, 0) outward is the area.
    assert summed(samples, x * samples.normals[:, 0])[0] == pytest.approx(2 - np.pi / 16, rel=1e-9)
    samples, _ = drawn({"over": "boundary", "where": "on hole", "equation": "normal(u) = drop", "points": 16})
    assert summed(samples, np.ones(len(samples.inputs)))[0] == pytest.approx(np.pi / 2, rel=1e-9)


def test_in_time_and_for_parameters():
    samples, _ = drawn(
        {"over": "x = 2*t", "equation": "u = t*l", "lines": 3, "points": 4},
        time={"t": [0, 1]},
        parameters={"l": [1, 2]},
    )
    x, _, t, length = samples.inputs.T
    np.testing.assert_allclose(x, 2 * t)
    assert len(np.unique(t)) == 3 and len(np.unique(length)) >= 2


NAMED = {"navier_stokes": {"velocity": ["u", "v"], "pressure": "p", "nu": 0.5, "force": ["c", 0]}}
AS_TEXT = [
    "u*diff(u, x) + v*diff(u, y) + diff(p, x) - 0.5*(diff(u, x, 2) + diff(u, y, 2)) - x = 0",
    "u*diff(v, x) + v*diff(v, y) + diff(p, y) - 0.5*(diff(v, x, 2) + diff(v, y, 2)) = 0",
    "diff(u, x) + diff(v, y) = 0",
]
AS_TEXT_ON_CUTS = [AS_TEXT[0].replace("- x = 0", "- c = 0"), *AS_TEXT[1:]]


def sheared(equation):
    """A flow in which a force that grows along x is borne by the pressure; it is looked at on cuts x = c."""
    cut = {"type": "integral", "over": "x = c", "at": {"c": [0.5, 2]}, "equation": equation, "lines": 5, "points": 12}
    return Problem(
        name="sheared",
        geometry={"channel": {"shape": "rectangle", "x": [0, 2], "y": [0, 1]}},
        fields={"u": {}, "v": {}, "p": {}},
        conditions={
            "cuts": cut,
            "inside": {"type": "interior", "equation": AS_TEXT, "points": 8},
            "walls": {"type": "dirichlet", "values": {"u": 0, "v": 0, "p": 0}, "points": 8},
        },
    )


def test_by_name_each_residual_is_0_in_the_mean_and_otherwise_what_scipy_finds():
    problem = sheared(NAMED)
    samples, item = problem.samples("train", 0)["cuts"], problem.conditions[0]
    assert item.name == "cuts" and len(item.residuals) == 3
    x, y = problem.words.symbols
    places = samples.inputs[::12, 0]
    assert np.ptp(places) > 0.3

    def means(u, v, p):
        found = dict(zip(problem.words.fields.values(), (p, u, v), strict=True))
        residuals = [sympy.lambdify((x, y), each.subs(found).doit() + 0 * x) for each in item.residuals]
        return [
            (samples.weights * np.broadcast_to(each(*samples.inputs.T), len(samples.inputs)).reshape(5, 12)).sum(axis=1)
            for each in residuals
        ]

    assert [str(each.func) for each in problem.words.fields.values()] == ["p", "u", "v"]
    np.testing.assert_allclose(means(2 * y, 0 * x, x**2 / 2), 0, atol=1e-12)
    u, v, p = x * sympy.sin(y), x**2 * y, sympy.exp(x * y)
    carried = lambda w: u * w.diff(x) + v * w.diff(y) - (w.diff(x, 2) + w.diff(y, 2)) / 2  # noqa: E731
    left = [carried(u) + p.diff(x) - x, carried(v) + p.diff(y), u.diff(x) + v.diff(y)]
    for own, expression in zip(means(u, v, p), left, strict=True):
        function = sympy.lambdify((y, x), expression)
        wanted = [quad(function, 0, 1, args=(place,))[0] for place in places]
        assert np.abs(wanted).min() > 1e-2
        np.testing.assert_allclose(own, wanted, rtol=1e-9)


@pytest.mark.usefixtures("double")
def test_by_name_it_is_that_by_text():
    found = []
    for equation in (NAMED, AS_TEXT_ON_CUTS):
        problem = sheared(equation)
        torch.manual_seed(0)
        solution = Solution(problem, FullyConnected(problem.inputs, problem.outputs, 6, 2))
        vector, jacobian = Residuals(problem, solution, problem.samples("train", 0), {}).jacobian()
        found.append((vector, jacobian))
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize(
    ("node", "message"),
    [
        ({"over": "edge", "equation": "u = 1"}, "all.over: is edge; give domain, boundary or a cut, as x = 1"),
        ({"over": "z = 1", "equation": "u = 1"}, "all.over: z = 1: z is no coordinate; there are x, y"),
        ({"over": "x = c", "equation": "u = 1"}, "all.over: c: c is not declared"),
        ({"over": "x = 5", "equation": "u = 1"}, "all: nothing of part is there at x = 5 to integrate over"),
        ({"over": "x = c", "at": {"c": 1}, "equation": "u = 1"}, "all.at: give a new name and its limits"),
        ({"at": {"c": [0, 1]}, "equation": "u = 1"}, "all.at: names what stands in over"),
        ({"where": "x = 0", "equation": "u = 1"}, "all.where: picks a part of a boundary; add over: boundary"),
        (
            {"over": "boundary", "where": "x = 9", "equation": "u = 1"},
            "all: nothing of part is there to integrate over",
        ),
        ({"equation": "1 = u"}, r"all.equation: 1 = u: u\(x, y\) cannot stand to the right of ="),
        ({"equation": "u = x"}, "all.equation: u = x: x cannot stand to the right of ="),
        ({"equation": "u"}, "an equation has one ="),
        ({"equation": "helmholtz"}, "all.equation.helmholtz: has no settings"),
        ({"equation": {"poisson": {"u": "u", "source": "d"}}}, "all.equation: d: d is not declared"),
        ({"equation": "normal(u) = 1"}, "on a boundary only"),
    ],
)
def test_a_mistake_is_one_line(node, message):
    with pytest.raises(UserError, match=message):
        drawn(node)
