import numpy as np
import pytest

pytest.importorskip("skfem", reason="pip install scikit-fem")

from stages import steady_flow

# Ghia, Ghia & Shin (1982), Reynolds number 100: y and u where x = 1/2, x and v where y = 1/2.
GHIA_U = {0.0547: -0.03717, 0.1016: -0.06434, 0.1719: -0.10150, 0.2813: -0.15662, 0.4531: -0.21090, 0.5: -0.20581,
          0.6172: -0.13641, 0.7344: 0.00332, 0.8516: 0.23151, 0.9531: 0.68717, 0.9766: 0.84123}  # fmt: skip
GHIA_V = {0.0625: 0.09233, 0.0938: 0.12317, 0.1563: 0.16077, 0.2266: 0.17507, 0.5: 0.05454, 0.8047: -0.24533,
          0.9063: -0.16914, 0.9453: -0.10313, 0.9688: -0.05906}  # fmt: skip


def kovasznay(x, y):
    slope = 20 - np.sqrt(400 + 4 * np.pi**2)
    u = 1 - np.exp(slope * x) * np.cos(2 * np.pi * y)
    v = slope / (2 * np.pi) * np.exp(slope * x) * np.sin(2 * np.pi * y)
    return u, v, -np.exp(2 * slope * x) / 2


def test_a_known_flow_is_found_with_the_order_of_the_elements():
    errors = []
    at = np.random.default_rng(0).uniform(0.05, 0.95, (200, 2))
    for cells in (8, 16):
        flow = steady_flow.Flow(steady_flow.cavity_mesh(cells), 1 / 40)
        dofs = flow.velocity.get_dofs(flow.velocity.mesh.boundary_facets())
        values = np.zeros(flow.velocity.N)
        for name, component in (("u^1", 0), ("u^2", 1)):
            rows = dofs.all([name])
            values[rows] = kovasznay(*flow.velocity.doflocs[:, rows])[component]
        found = flow.at(flow.solve(dofs.all(["u^1", "u^2"]), values, pinned=0), at)
        exact = np.column_stack(kovasznay(*at.T))
        level = found[:, 2].mean() - exact[:, 2].mean()
        errors.append(np.abs(found - exact - [0, 0, level]).max(axis=0))
    assert (errors[1] < [2e-3, 5e-4, 2e-2]).all()
    assert (errors[0][:2] / errors[1][:2] > 5).all()  # third order
    assert errors[0][2] / errors[1][2] > 2.8  # second


def test_the_cavity_agrees_with_what_others_found():
    flow = steady_flow.Flow(steady_flow.cavity_mesh(24), 1 / 100)
    at = np.array([[0.5, y] for y in GHIA_U] + [[x, 0.5] for x in GHIA_V])
    u, v, _ = flow.cavity_flow(at).T
    np.testing.assert_allclose(u[: len(GHIA_U)], list(GHIA_U.values()), atol=6e-3)
    np.testing.assert_allclose(v[len(GHIA_U) :], list(GHIA_V.values()), atol=8e-3)
    # The table is less exact than these, by spectral methods: least u; least and greatest v on the two lines.
    line = np.linspace(0.005, 0.995, 199)
    u, v, _ = flow.cavity_flow(np.concatenate([np.c_[0 * line + 0.5, line], np.c_[line, 0 * line + 0.5]])).T
    found = [u[:199].min(), v[199:].min(), v[199:].max()]
    np.testing.assert_allclose(found, [-0.21404, -0.25380, 0.17957], atol=2e-3)


def test_the_flow_over_the_chip(tmp_path):
    said = steady_flow.chip(tmp_path / "chip.csv", 0.02, 16, 0.1)
    changes = [float(each.split()[1]) for each in said.partition("a side: ")[2].split(", ")]
    assert len(changes) == 3 and max(changes) < 0.1
    x, y, u, _, p = np.loadtxt(tmp_path / "chip.csv", delimiter=",", skiprows=1).T
    assert len(x) == 500 - 60
    assert not ((x > -1) & (x < 0) & (y < 0.1)).any()
    np.testing.assert_allclose(u[x == x.min()], 1.5 * (1 - 4 * y[x == x.min()] ** 2), atol=0.05)
    for at in (-1.75, -0.55, 1.45):  # what flows through a line, up to the rule of the middles
        assert u[np.isclose(x, at)].sum() * 0.1 == pytest.approx(1, abs=0.05)
    assert np.abs(p[np.isclose(x, 2.45)]).max() < 0.05 < 5 < p[np.isclose(x, -2.45)].min()


def test_chips_of_several_sizes_in_one_table(tmp_path):
    sizes = [(1.0, 0.6), (0.6, 0.8)]  # the second is too fast to be found from rest
    said = steady_flow.chip_sizes(tmp_path / "sizes.csv", 0.02, 16, 0.1, sizes)
    assert [line.partition(": ")[0].split() for line in said.splitlines()[1:]] == [
        ["width", "1,", "height", "0.6"],
        ["width", "0.6,", "height", "0.8"],
    ]
    table = np.loadtxt(tmp_path / "sizes.csv", delimiter=",", skiprows=1)
    first, second = (table[(table[:, 2:4] == size).all(axis=1)] for size in sizes)
    assert len(first) == 500 - 60 and len(second) == 500 - 48 and len(table) == 892
    steady_flow.chip(tmp_path / "chip.csv", 0.02, 16, 0.1)
    alone = np.loadtxt(tmp_path / "chip.csv", delimiter=",", skiprows=1)
    np.testing.assert_allclose(first[:, [0, 1, 4, 5, 6]], alone, atol=1e-8)
    over = np.isclose(second[:, 0], -0.75)  # two points across what is left above the chip
    assert over.sum() == 2 and second[over, 4].sum() * 0.1 == pytest.approx(1, abs=0.3)


def test_the_table_of_the_cavity(tmp_path):
    said = steady_flow.cavity(tmp_path / "cavity.csv", 100, 16, 8)
    assert "64 points" in said and float(said.split()[-1]) < 0.1
    rows = np.loadtxt(tmp_path / "cavity.csv", delimiter=",", skiprows=1)
    assert rows.shape == (64, 4)
    assert rows[rows[:, 1] == rows[:, 1].max(), 2].max() > 0.5


def test_what_does_not_converge_is_told():
    flow = steady_flow.Flow(steady_flow.cavity_mesh(4), 1e-6)
    with pytest.raises(ArithmeticError, match="does not converge"):
        flow.cavity_flow(np.array([[0.5, 0.5]]))
