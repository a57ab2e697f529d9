import numpy as np
import pytest

from twinlib.flow.walls import OPPOSITE, E, links

ROWS, COLUMNS = 12, 20
STRIDE, WIDTH = 400, COLUMNS + 2


@pytest.fixture
def fluid():
    y, x = np.mgrid[: ROWS + 2, : COLUMNS + 2] - 0.5
    inner = np.zeros((ROWS + 2, COLUMNS + 2), bool)
    inner[1:-1, 1:-1] = True
    return inner & (surface(x, y) > 0)


def surface(x, y):
    return np.hypot(x - 9, y - 6.5) - 2.6


def places(index):
    return index // STRIDE, index % STRIDE // WIDTH, index % STRIDE % WIDTH


def test_the_directions():
    assert (E[OPPOSITE] == -E).all()
    assert (E.sum(axis=0) == 0).all()


def test_every_pull_out_of_the_fluid_has_one_link(fluid):
    """Those through the inlet and the outlet have none; f[near] is what left towards the wall."""
    found = links(fluid, STRIDE)
    expected = {
        (q, y - E[q, 1], x - E[q, 0], y, x)
        for y, x in np.argwhere(fluid)
        for q in range(1, 9)
        if not fluid[y - E[q, 1], x - E[q, 0]] and not (x - E[q, 0] in (0, COLUMNS + 1) and 0 < y - E[q, 1] <= ROWS)
    }
    q, y, x = places(found.target)
    back, from_y, from_x = places(found.near)
    assert set(zip(q, y, x, from_y, from_x, strict=True)) == expected
    assert len(q) == len(expected)
    assert (back == OPPOSITE[q]).all()
    assert (found.out == -E[q]).all()
    assert (found.on_obstacle == ((y > 0) & (y <= ROWS) & (x > 0) & (x <= COLUMNS))).all()
    assert found.far.size == found.a.size == 0


def test_interpolation_is_exact_where_populations_are_linear_along_the_link(fluid):
    """With q and its opposite mirrored at the wall, f(s) = -f(-s), linear in between, what comes back is known."""
    found = links(fluid, STRIDE, surface)
    some = len(found.far)
    assert some == found.on_obstacle.sum()
    _, y, x = places(found.near[:some])
    out = found.out[:some]
    for n in range(some):
        part = np.roots(
            [
                out[n] @ out[n],
                2 * out[n] @ [x[n] - 0.5 - 9, y[n] - 0.5 - 6.5],
                np.hypot(x[n] - 9.5, y[n] - 7) ** 2 - 2.6**2,
            ]
        ).min()  # where the link meets the circle, by its equation
        assert 0 < part < 1
        # A wave towards the wall has the value s there, at a distance s before it; coming back, a distance s behind it
        # counts as -s. The population that arrives in the cell has travelled one step: from 1 - part behind the wall.
        place = 1 + part if part < 0.5 else -part  # of `far`: the cell behind, or the cell's own on its way back
        assert found.a[n] * part + found.b[n] * place == pytest.approx(1 - part, abs=1e-9)
        assert found.a[n] + found.b[n] == pytest.approx(1)


def test_a_cell_without_fluid_behind_it_keeps_the_half_way_wall():
    fluid = np.zeros((5, 9), bool)
    fluid[1:-1, 1:-1] = True
    fluid[2, 3], fluid[2, 5] = False, False  # one cell between two obstacles

    def near_cells(x, y):
        return np.minimum(np.hypot(x - 2.5, y - 1.5), np.hypot(x - 4.5, y - 1.5)) - 0.3

    found = links(fluid, 100, near_cells)
    half_way = slice(len(found.far), None)
    between = (found.near % 100 == 2 * 9 + 4) & found.on_obstacle & (found.out[:, 1] == 0)
    assert between.sum() == 2
    assert between[half_way].sum() == 2
