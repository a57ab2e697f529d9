import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from twinlib.flow.lattice import MAGIC, Lattice, parabola

ROOT = Path(__file__).parents[2]
ROWS, COLUMNS = 16, 48


@pytest.fixture
def fluid():
    y, x = np.mgrid[:ROWS, :COLUMNS]
    return np.hypot(y - 6.2, x - 16) > 3


def reference_step(f, fluid, omega_plus, omega_minus):
    """Collide and stream on a periodic grid with half-way walls: the textbook's form, whole populations, no tricks."""
    e = [(0, 0), (1, 0), (0, 1), (-1, 0), (0, -1), (1, 1), (-1, 1), (-1, -1), (1, -1)]
    w = [4 / 9] + [1 / 9] * 4 + [1 / 36] * 4
    back = [0, 3, 4, 1, 2, 7, 8, 5, 6]
    rho = f.sum(axis=0)
    ux, uy = (sum(f[q] * e[q][axis] for q in range(9)) for axis in (0, 1))
    equilibrium = []
    for (ex, ey), weight in zip(e, w, strict=True):
        along = ex * ux + ey * uy
        equilibrium.append(weight * (rho + 3 * along + 4.5 * along**2 - 1.5 * (ux**2 + uy**2)))
    after = np.empty_like(f)
    for q in range(9):
        even = (f[q] + f[back[q]] - equilibrium[q] - equilibrium[back[q]]) / 2
        odd = (f[q] - f[back[q]] - equilibrium[q] + equilibrium[back[q]]) / 2
        after[q] = f[q] - omega_plus * even - omega_minus * odd
    new = np.empty_like(f)
    for q in range(9):
        shift = (e[q][1], e[q][0])
        new[q] = np.where(np.roll(fluid, shift, (0, 1)), np.roll(after[q], shift, (0, 1)), after[back[q]])
    return new


def test_an_independent_implementation_gives_the_same(fluid):
    """Away from inlet and outlet, as far as their news have not travelled."""
    viscosity, steps, u_max = 0.03, 12, 0.08
    lattice = Lattice(fluid, viscosity, u_max, precision=np.float64)
    lattice.advance(steps)
    walled = np.zeros((ROWS + 2, COLUMNS), bool)
    walled[1:-1] = fluid
    ux = np.zeros(walled.shape)
    ux[1:-1] = np.where(fluid, parabola(np.arange(ROWS) + 0.5, ROWS, u_max)[:, None], 0)
    e = np.array([[0, 1, 0, -1, 0, 1, -1, -1, 1], [0, 0, 1, 0, -1, 1, 1, -1, -1]])
    w = np.array([4 / 9] + [1 / 9] * 4 + [1 / 36] * 4)[:, None, None]
    along = e[0][:, None, None] * ux
    # The lattice begins with what has just collided, so its first step streams.
    f = w * (1 + 3 * along + 4.5 * along**2 - 1.5 * ux**2)
    omega_plus, omega_minus = 1 / (3 * viscosity + 0.5), 1 / (MAGIC / (3 * viscosity) + 0.5)
    f = reference_step(f, walled, 0, 0)
    for _ in range(steps - 1):
        f = reference_step(f, walled, omega_plus, omega_minus)
    inner = slice(steps + 1, COLUMNS - steps - 1)
    for axis in (0, 1):
        momentum = (f * e[axis][:, None, None]).sum(axis=0)[1:-1]
        assert np.allclose(
            lattice.velocity[..., axis][:, inner][fluid[:, inner]],
            momentum[:, inner][fluid[:, inner]],
            atol=1e-14,
            rtol=0,
        )
    pressure = (f.sum(axis=0)[1:-1] - 1) / 3
    assert np.allclose(
        lattice.pressure[:, inner][fluid[:, inner]], pressure[:, inner][fluid[:, inner]], atol=1e-14, rtol=0
    )
    assert np.abs(lattice.velocity[..., 1]).max() > 1e-3  # the obstacle has been noticed


def test_mass_that_comes_in_goes_out(fluid):
    lattice = Lattice(fluid, 0.05, 0.05, precision=np.float64)
    lattice.advance(12_000)
    flux = lattice.flux
    assert flux.mean() == pytest.approx(parabola(np.arange(ROWS) + 0.5, ROWS, 0.05).sum(), rel=2e-3)
    assert np.ptp(flux) < 1e-12 * flux.mean()


def test_float32_agrees_with_float64(fluid):
    single, double = (Lattice(fluid, 0.05, 0.05, precision=kind) for kind in (np.float32, np.float64))
    for lattice in (single, double):
        lattice.advance(5000)
    assert np.abs(single.velocity - double.velocity).max() < 1e-6
    assert single.force == pytest.approx(double.force, rel=1e-4)


def test_several_threads_and_odd_steps_give_the_same_bytes(fluid):
    one, many, parts = (Lattice(fluid, 0.05, 0.05) for _ in range(3))
    one.advance(101)
    many.advance(101, parallel=True)
    for steps in (50, 1, 0, 50):
        parts.advance(steps)
    assert (one.velocity == many.velocity).all()
    assert (one.velocity == parts.velocity).all()
    assert (one.pressure == parts.pressure).all()


def test_the_force_balances_the_channel():
    """Pressure at both ends less friction at the walls is the force on the obstacle: momentum is conserved."""
    rows, columns, viscosity, u_max = 24, 160, 0.1, 0.02
    y, x = np.mgrid[:rows, :columns]
    lattice = Lattice(np.hypot(y - 11.5, x - 60) > 4, viscosity, u_max, precision=np.float64)
    lattice.advance(40_000)
    velocity, pressure = lattice.velocity[..., 0], lattice.pressure
    # Far from the obstacle the flow is the parabola, which carries the same momentum in as out.
    first, last = 15, 144
    push = pressure[:, first].sum() - pressure[:, last].sum()
    # At a wall half a cell away, from the two nearest rows, second order.
    shear = [
        viscosity * (3 * near - next_ / 3) for near, next_ in ((velocity[0], velocity[1]), (velocity[-1], velocity[-2]))
    ]
    friction = sum((side[first] + side[last]) / 2 + side[first + 1 : last].sum() for side in shear)
    assert lattice.force[0] == pytest.approx(push - friction, rel=0.01)
    assert lattice.force[1] == pytest.approx(0, abs=1e-12)


def test_what_one_process_compiled_the_next_one_loads(tmp_path):
    code = (
        "import numpy as np\nfrom twinlib.flow import lattice\n"
        "lattice.Lattice(np.ones((8, 8), bool), 0.1, 0.1).advance(1)\n"
        "stats = lattice._advance.stats\nprint(sum(stats.cache_hits.values()), sum(stats.cache_misses.values()))"
    )
    said = []
    for _ in range(2):
        environment = os.environ | {"NUMBA_CACHE_DIR": str(tmp_path)}
        done = subprocess.run(
            [sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, text=True, check=True
        )
        said.append(done.stdout.strip())
    assert said == ["0 1", "1 0"]
