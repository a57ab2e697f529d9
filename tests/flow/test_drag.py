"""The momentum balance against flows whose force is known in closed form."""

import numpy as np
import pytest

from twinlib.flow.drag import drag

ROWS, COLUMNS = 96, 160
Y, X = np.mgrid[:ROWS, :COLUMNS] + 0.5
X, Y = X - 80, Y - 44.3
R2 = X**2 + Y**2
DISC = R2 > 64


def force(velocity, reynolds, fluid=DISC):
    """In units of density, u_max squared and a cell."""
    return drag(fluid, np.stack(velocity, axis=-1), reynolds) * ROWS / 2


def test_viscous_a_point_force_in_creeping_flow():
    """Stokeslet in the plane: u = f / (4 pi mu) (-ln r e_x + x r / r^2) pushes the fluid with f along the channel."""
    f = 1e-6  # so slow that inertia, of the order of f squared, does not count
    velocity = f / (4 * np.pi) * (X**2 / R2 - np.log(R2) / 2), f / (4 * np.pi) * X * Y / R2
    assert force(velocity, reynolds=ROWS) == pytest.approx(-f, rel=1e-3)  # viscosity 1


def test_inertial_a_source_in_a_stream():
    """A source of strength m in a stream U takes up the momentum -m U (Milne-Thomson 1968, art. 8.63)."""
    m, u = 3.0, 0.7
    assert force((u + m / (2 * np.pi) * X / R2, m / (2 * np.pi) * Y / R2), 1e12) == pytest.approx(-m * u, rel=1e-3)


def test_a_potential_flow_has_no_drag():
    doublet = 0.9 - 50 * (X**2 - Y**2) / R2**2, -50 * 2 * X * Y / R2**2
    assert abs(force(doublet, 1e12)) < 1e-10


def test_an_empty_channel_has_none():
    assert drag(np.ones((8, 16), bool), np.ones((8, 16, 2)), 100.0) == 0


def test_the_solver_agrees():
    """Its force is the momentum that the obstacle's faces take up: nothing in common with this balance."""
    from twinlib.flow.channel import solve

    y, x = np.mgrid[:32, :64] + 0.5
    fluid = np.hypot(x - 22, y - 15) > 4.2
    flow = solve(fluid, 20.0, outflow=16, tolerance=1e-4)
    assert drag(fluid, flow.velocity, 20.0) == pytest.approx(flow.drag, rel=0.04)
