import copy

import numpy as np
import pytest

from twinlib.errors import UserError
from twinlib.physics.problem import Problem

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
        ({"equation": "normal(u) = 1"}, "on a boundary only"),
    ],
)
def test_a_mistake_is_one_line(node, message):
    with pytest.raises(UserError, match=message):
        drawn(node)
