import numpy as np
import pytest

from stages import equations


def test_burgers_is_solved():
    """Differences of the reference satisfy the equation, better the closer they lie."""
    nu, x, t, left = 0.05, np.linspace(-0.6, 0.6, 7), 0.4, []
    for h in (4e-3, 2e-3):
        wide = np.concatenate([x - h, x, x + h])
        before, at, after = equations.cole_hopf(wide, np.array([t - h, t, t + h]), nu, 600).T.reshape(3, 3, 7)
        u_x, u_xx = (at[2] - at[0]) / (2 * h), (at[2] - 2 * at[1] + at[0]) / h**2
        left.append(np.abs((after[1] - before[1]) / (2 * h) + at[1] * u_x - nu * u_xx).max())
    assert left[1] < 2e-3
    assert left[0] / left[1] == pytest.approx(4, rel=0.1)


def test_burgers_begins_and_ends_as_it_should():
    found = equations.cole_hopf(np.linspace(-1, 1, 9), np.array([0, 1e-6, 1.0]), 0.01 / np.pi, 1000)
    np.testing.assert_allclose(found[:, 1], found[:, 0], atol=2e-5)
    np.testing.assert_allclose(found[[0, 4, 8]], 0, atol=1e-12)
    np.testing.assert_allclose(found, -found[::-1], atol=1e-12)


def test_diffusion_on_a_circle_is_exact():
    found = equations.circle(lambda x: np.cos(3 * np.pi * x), lambda u: -2 * u, 0.01, 32, 3, 20)
    x = -1 + np.arange(32) / 16
    for row, t in enumerate((0, 0.5, 1)):
        expected = np.exp(-(0.09 * np.pi**2 + 2) * t) * np.cos(3 * np.pi * x)
        np.testing.assert_allclose(found[:, row], expected, atol=1e-7)


def test_steps_of_time_are_of_fourth_order():
    def logistic(steps):
        return equations.circle(lambda x: 0.1 + 0 * x, lambda u: 5 * u * (1 - u), 0.01, 4, 2, steps)[0, -1]

    exact = 1 / (1 + 9 * np.exp(-5))
    errors = [abs(logistic(steps) - exact) for steps in (8, 16)]
    assert errors[0] / errors[1] == pytest.approx(16, rel=0.35)
    assert errors[1] < 1e-4


@pytest.mark.parametrize("name", ["burgers", "allen_cahn"])
def test_a_table_has_its_columns_and_says_how_exact_it_is(name, tmp_path):
    target = tmp_path / "deep" / f"{name}.csv"
    settings = {
        "burgers": {"viscosity": 0.01, "nodes": 800},
        "allen_cahn": {"diffusivity": 1e-3, "rate": 5.0, "modes": 320, "steps": 5},
    }
    said = getattr(equations, name)(target, columns=41, rows=11, **settings[name])
    assert said.startswith(f"{target}: 451 points, ")
    assert float(said.split()[3]) < 1e-3
    assert target.read_text().startswith("x,t,u\n")
    x, t, u = np.loadtxt(target, delimiter=",", skiprows=1).T
    start = {"burgers": -np.sin(np.pi * x), "allen_cahn": x**2 * np.cos(np.pi * x)}[name]
    np.testing.assert_allclose(u[t == 0], start[t == 0], atol=1e-9)
    assert (x.min(), x.max(), t.max()) == (-1, 1, 1)
    assert np.abs(u).max() <= 1 + 1e-6
