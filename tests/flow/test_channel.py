import numpy as np
import pytest

from twinlib.errors import UserError
from twinlib.flow.channel import Unstable, Unsteady, passable, solve
from twinlib.flow.lattice import parabola

ROWS, COLUMNS = 32, 64


@pytest.fixture
def fluid():
    fluid = np.ones((ROWS, COLUMNS), bool)
    fluid[8:16, 20:28] = False
    return fluid


def test_an_empty_channel_keeps_its_parabola():
    flow = solve(np.ones((ROWS, COLUMNS), bool), 50)
    y, x = (np.arange(size) + 0.5 for size in (ROWS, COLUMNS))
    assert np.abs(flow.velocity[..., 0] - parabola(y, ROWS, 1)[:, None]).max() < 1e-5
    assert np.abs(flow.velocity[..., 1]).max() < 1e-5
    # The pressure is 0 in the column behind the last one; 8 u_max viscosity / height^2 falls in each cell.
    assert np.abs(flow.pressure - 8 / 50 * (COLUMNS + 0.5 - x) / ROWS).max() < 1e-4
    assert (flow.drag, flow.lift) == (0, 0)


def test_a_flow_is_steady_and_stands_still_in_solids(fluid):
    flow = solve(fluid, 50, outflow=32)
    assert flow.change < 1e-5
    assert flow.velocity.shape == (ROWS, COLUMNS, 2)
    assert (flow.velocity[~fluid] == 0).all()
    assert (flow.pressure[~fluid] == 0).all()
    longer = solve(fluid, 50, outflow=32, tolerance=1e-6)
    assert longer.steps > flow.steps
    assert np.abs(longer.velocity - flow.velocity).max() < 1e-3


def test_a_mirrored_channel_gives_the_mirrored_flow(fluid):
    flow, mirrored = solve(fluid, 50), solve(fluid[::-1], 50)
    assert mirrored.drag == pytest.approx(flow.drag, rel=1e-4)
    assert mirrored.lift == pytest.approx(-flow.lift, rel=1e-3)
    assert np.abs(mirrored.velocity[::-1] * [1, -1] - flow.velocity).max() < 1e-4


def test_the_end_of_the_channel_matters_little(fluid):
    short, long = solve(fluid, 50, outflow=32), solve(fluid, 50, outflow=128)
    assert np.abs(short.velocity - long.velocity).max() < 0.001
    assert short.drag == pytest.approx(long.drag, rel=1e-3)


def test_creeping_flow_has_no_memory_of_its_direction():
    """Stokes flow past what is symmetric along the channel is symmetric along it: nearly so at Reynolds number 0.5."""
    fluid = np.ones((24, 65), bool)
    fluid[9:15, 29:36] = False
    flow = solve(fluid, 0.5, u_max=0.01)
    along = flow.velocity[..., 0]
    assert np.abs(along[:, 10:55] - along[:, 10:55][:, ::-1]).max() < 0.02


@pytest.mark.parametrize(
    ("reynolds", "u_max", "message"),
    [
        (0, 0.1, "positive"),
        (np.nan, 0.1, "positive"),
        (100, 0.25, r"u_max is 0.25, Mach 0.43; use at most 0.173"),
        (100, 0, "u_max is 0"),
        (1e5, 0.1, r"reynolds 100000 on 32 rows: the relaxation time is 0.5001, too close to 1/2; use at most 1920"),
    ],
)
def test_what_cannot_work_is_said_beforehand(reynolds, u_max, message, fluid):
    with pytest.raises(UserError, match=message):
        solve(fluid, reynolds, u_max=u_max)


def test_what_grows_is_noticed_and_never_nan():
    fluid = np.ones((16, 48), bool)
    fluid[2:14, 12:20] = False  # two slits, and a Reynolds number just below what is refused
    with pytest.raises(Unstable, match=r"reynolds 900 on 16 rows: velocities grew beyond 0.5"):
        solve(fluid, 900, u_max=0.17)


def test_what_does_not_settle_is_said(fluid):
    with pytest.raises(Unsteady, match=r"after 1000 steps the velocity still changes by .* use more steps"):
        solve(fluid, 50, steps=1000)


def test_the_channel_has_to_be_open(fluid):
    closed = fluid.copy()
    closed[:, 40] = False
    with pytest.raises(UserError, match="close the channel at column 40"):
        solve(closed, 50)
    diagonal = np.ones((ROWS, COLUMNS), bool)
    diagonal[np.arange(ROWS), np.arange(ROWS) + 10] = False  # cells that touch in corners let nothing through
    with pytest.raises(UserError, match="close the channel"):
        passable(diagonal)
    inlet = fluid.copy()
    inlet[4:7, 0] = False
    with pytest.raises(UserError, match="obstacle at the inlet, column 0, rows 4 to 6"):
        passable(inlet)


@pytest.mark.parametrize("wrong", [np.ones((8, 8, 1), bool), np.ones((8, 8)), np.ones((2, 8), bool)])
def test_what_is_no_mask(wrong):
    with pytest.raises(UserError, match="mask: shape"):
        passable(wrong)


def test_a_hole_in_an_obstacle_is_filled(fluid):
    hollow = fluid.copy()
    hollow[10:14, 22:26] = True
    assert (passable(hollow) == fluid).all()
    assert (passable(fluid) == fluid).all()
