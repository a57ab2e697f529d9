from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from twinlib.errors import UserError
from twinlib.physics.distributions import distributions
from twinlib.physics.problem import Problem

pytest.importorskip("chaospy", reason="pip install 'twinlib[uncertainty]'")

from twinlib.physics.uncertain import predict_uncertain
from twinlib.physics.uncertainty import Expansion, propagate

ROOT = Path(__file__).parents[2]
RANGES = {"l": (1.0, 2.0), "c": (1.0, 2.0), "k": (0.0, 4.0), "a": (-1.0, 1.0), "b": (-1.0, 1.0)}


def expanded(function, points, texts, degree=6):
    """With a function of points and parameters by name."""
    names = list(texts)

    def fields(some, parameters):
        return function(some, **dict(zip(names, parameters.T, strict=True)))[:, None]

    return propagate(fields, np.asarray(points, dtype=float), Expansion(distributions(texts, RANGES), degree))


def deflection(x, length):
    return x * (x - length) / 2


def long_rod():
    return Problem(
        name="rod",
        parameters={"l": [1, 2]},
        geometry={"rod": {"shape": "line", "x": [0, "l"]}},
        fields={"u": {"range": [-0.5, 0]}},
        conditions={
            "balance": {"type": "interior", "equation": "diff(u, x, 2) = 1", "points": 16},
            "ends": {"type": "dirichlet", "values": {"u": 0}},
        },
    )


def rod_solution(points):
    return deflection(points[:, :1], points[:, 1:])


@pytest.mark.parametrize("degree", [1, 6, 20])
def test_a_rod_of_uniform_length(degree):
    x = np.array([[0.0], [0.25], [1.0]])
    found = expanded(lambda some, c: deflection(some[:, 0], c), x, {"c": "uniform(1, 2)"}, degree)
    x = x[:, 0]
    np.testing.assert_allclose(found.mean[:, 0], deflection(x, 1.5), atol=1e-12)
    np.testing.assert_allclose(found.deviation[:, 0], x / 2 / np.sqrt(12), atol=1e-12)
    np.testing.assert_allclose(found.quantiles["q05"][:, 0], deflection(x, 1.95), atol=1e-4)
    np.testing.assert_allclose(found.quantiles["q95"][:, 0], deflection(x, 1.05), atol=1e-4)
    np.testing.assert_allclose(found.first[0, :, 0], [np.nan, 1, 1], atol=1e-12)  # nothing varies at the end x = 0
    np.testing.assert_allclose(found.total[0, :, 0], [np.nan, 1, 1], atol=1e-12)
    assert found.differences[0] < 1e-10


def test_the_indices_of_a_product():
    """u = k c: Var = Var(k) Var(c) + E(k)^2 Var(c) + E(c)^2 Var(k)."""
    found = expanded(lambda some, c, k: c * k, [[0.0]], {"c": "uniform(1, 2)", "k": "uniform(0, 4)"})
    of_c, of_k = 2**2 / 12, 1.5**2 * 16 / 12
    both = 1 / 12 * 16 / 12
    variance = of_c + of_k + both
    assert found.mean[0, 0] == pytest.approx(3)
    assert found.deviation[0, 0] == pytest.approx(np.sqrt(variance))
    np.testing.assert_allclose(found.first[:, 0, 0], [of_c / variance, of_k / variance])
    np.testing.assert_allclose(found.total[:, 0, 0], [(of_c + both) / variance, (of_k + both) / variance])


def test_a_polynomial_on_a_sparse_grid_of_four_parameters():
    """There the sparse grid is exact too; two of the parameters do nothing."""
    texts = {"a": "uniform(-1, 1)", "b": "uniform(-1, 1)", "c": "normal(1.5, 0.15)", "k": "uniform(0, 4)"}
    found = expanded(lambda some, a, b, c, k: a + b**2 + a * b, [[0.0]], texts, 3)
    shares = np.array([1 / 3, 4 / 45, 0, 0])
    both = 1 / 9
    variance = shares.sum() + both
    assert found.deviation[0, 0] == pytest.approx(np.sqrt(variance))
    np.testing.assert_allclose(found.first[:, 0, 0], shares / variance, atol=1e-12)
    np.testing.assert_allclose(found.total[:, 0, 0], (shares + both * np.array([1, 1, 0, 0])) / variance, atol=1e-12)


@pytest.mark.parametrize(("mean", "deviation"), [(1.5, 0.1), (1.5, 0.25), (1.85, 0.09), (1.5, 1e-4)])
def test_a_normal_distribution_is_cut_off_where_nothing_was_trained(mean, deviation):
    found = expanded(lambda some, c: np.exp(c), [[0.0]], {"c": f"normal({mean}, {deviation})"}, 8)
    low, high = (1 - mean) / deviation, (2 - mean) / deviation

    def moment(n):  # of exp(c), in closed form
        part = (stats.norm.cdf(edge - n * deviation) for edge in (high, low))
        whole = stats.norm.cdf(high) - stats.norm.cdf(low)
        return np.exp(n * mean + (n * deviation) ** 2 / 2) * (next(part) - next(part)) / whole

    assert found.mean[0, 0] == pytest.approx(moment(1), rel=1e-7)
    assert found.deviation[0, 0] == pytest.approx(np.sqrt(moment(2) - moment(1) ** 2), rel=1e-5)
    known = stats.truncnorm(low, high, mean, deviation)
    np.testing.assert_allclose(found.quantiles["q95"][0, 0], np.exp(known.ppf(0.95)), rtol=1e-3)


def test_against_monte_carlo():
    def function(some, c, k):
        return np.sin(c * some[:, 0]) * np.exp(-k * some[:, 1])

    points = np.random.default_rng(0).uniform(0, 1, (50, 2))
    found = expanded(function, points, {"c": "uniform(1, 2)", "k": "normal(2, 0.5)"}, 8)
    generator = np.random.default_rng(1)
    lengths, rates = generator.uniform(1, 2, 20_000), generator.normal(2, 0.5, 20_000)
    drawn = np.sin(lengths[:, None] * points[:, 0]) * np.exp(-rates[:, None] * points[:, 1])
    np.testing.assert_allclose(found.mean[:, 0], drawn.mean(axis=0), rtol=0.01)
    np.testing.assert_allclose(found.deviation[:, 0], drawn.std(axis=0), rtol=0.02)
    np.testing.assert_allclose(found.quantiles["q05"][:, 0], np.quantile(drawn, 0.05, axis=0), atol=0.01)
    np.testing.assert_allclose(found.quantiles["q95"][:, 0], np.quantile(drawn, 0.95, axis=0), atol=0.01)
    assert (found.first.sum(axis=0) <= 1 + 1e-12).all() and (found.total >= found.first - 1e-12).all()


def test_a_file_of_points_becomes_statistics_and_a_picture(tmp_path):
    (tmp_path / "points.csv").write_text("x\n0.25\n0.5\n1\n1.5\n")
    said = predict_uncertain(
        long_rod(), rod_solution, tmp_path / "points.csv", tmp_path / "out.csv", {"l": "uniform(1, 2)"}
    )
    assert "1 of 4 points lie outside for some value of l" in said and "statistics of u at 4 points" in said
    assert "expansion of order 6 from 7 values of l; at 32 others it differs" in said
    assert (tmp_path / "out.png").read_bytes().startswith(b"\x89PNG")
    table = np.genfromtxt(tmp_path / "out.csv", delimiter=",", names=True)
    assert table.dtype.names == ("x", "u_mean", "u_std", "u_q05", "u_q95", "u_first_l", "u_total_l")
    np.testing.assert_allclose(table["u_mean"][:3], deflection(table["x"][:3], 1.5))
    assert np.isnan(table["u_mean"]).tolist() == [False] * 3 + [True]


def test_maps_of_a_plate_and_its_other_parameter_stays_a_column(tmp_path):
    plate = Problem(
        name="plate",
        parameters={"a": [0, 1], "l": [1, 2]},
        geometry={"plate": {"shape": "rectangle", "x": [0, 1], "y": [0, 1]}},
        fields={"u": {}},
        conditions={
            "inside": {"type": "interior", "equation": "diff(u, x, 2) + diff(u, y, 2) = 0", "points": 16},
            "walls": {"type": "dirichlet", "values": {"u": 0}},
        },
    )
    assert plate.words.inputs == ("x", "y", "a", "l")
    x, y = (each.ravel() for each in np.meshgrid(np.linspace(0, 1, 5), np.linspace(0, 1, 5)))
    np.savetxt(tmp_path / "in.csv", np.column_stack([x, y, 0 * x + 0.5]), delimiter=",", header="x,y,a", comments="")
    predict_uncertain(
        plate,
        lambda points: (points[:, :1] + points[:, 1:2]) * points[:, 2:3] * points[:, 3:],
        tmp_path / "in.csv", tmp_path / "out.npy", {"l": "uniform(1, 2)"},
    )  # fmt: skip
    np.testing.assert_allclose(np.load(tmp_path / "out.npy")[:, 0], (x + y) * 0.5 * 1.5, atol=1e-12)
    assert (tmp_path / "out.png").is_file()


def test_an_expansion_that_is_too_low_is_warned_of(tmp_path):
    (tmp_path / "points.csv").write_text("x\n0.25\n0.5\n")
    words = [long_rod(), lambda points: np.sin(20 * points[:, 1:]), tmp_path / "points.csv", tmp_path / "out.csv"]
    with pytest.warns(UserWarning, match=r"% of the greatest u away from the solution; predict.degree=6 or"):
        predict_uncertain(*words, {"l": "uniform(1, 2)"}, 2)
    assert "order 18" in predict_uncertain(*words, {"l": "uniform(1, 2)"}, 18)


@pytest.mark.parametrize(
    ("texts", "line"),
    [
        ({}, "give distributions by name"),
        ("uniform(1, 2)", "give distributions by name"),
        ({"x": "uniform(1, 2)"}, r"predict.uncertain.x: is no parameter that was trained; there are a, b, c, k, l"),
        ({"l": "beta(1, 2)"}, r"beta\(1, 2\) cannot be read; give uniform"),
        ({"l": "__import__('os')"}, "cannot be read"),
        ({"l": 3}, "3 cannot be read"),
        ({"l": "uniform(1, l)"}, "something else than numbers"),
        ({"l": "uniform(1, inf)"}, "not finite"),
        ({"l": "uniform(2, 1)"}, "the first has to be less"),
        ({"l": "normal(1.5, 0)"}, "a deviation is greater than 0"),
        (
            {"l": "uniform(0.5, 2)"},
            r"leaves what was trained, 1 to 2; stay within it, or train with a wider data.param",
        ),
        ({"l": "normal(1.9, 0.2)"}, r"31 % of normal\(1.9, 0.2\) lie outside of what was trained, 1 to 2; stay within"),
    ],
)
def test_distributions_that_cannot_be_used_are_one_line(texts, line):
    with pytest.raises(UserError, match=line):
        distributions(texts, RANGES)


def test_a_problem_without_parameters():
    with pytest.raises(UserError, match=r"predict.uncertain.l: is no parameter that was trained; the problem has none"):
        distributions({"l": "uniform(1, 2)"}, {})


@pytest.mark.parametrize("degree", [0, 21, 2.5, True, "six"])
def test_a_degree_that_is_none(degree):
    with pytest.raises(UserError, match=r"predict.degree"):
        Expansion(distributions({"l": "uniform(1, 2)"}, RANGES), degree)


def test_files_that_cannot_be_used_are_one_line(tmp_path):
    (tmp_path / "points.csv").write_text("x,l\n0.5,1\n")
    (tmp_path / "outside.csv").write_text("x\n3\n")
    words, texts = [long_rod(), rod_solution], {"l": "uniform(1, 2)"}
    with pytest.raises(UserError, match=r"has a column l, which predict.uncertain has too; leave one of them out"):
        predict_uncertain(*words, tmp_path / "points.csv", tmp_path / "out.csv", texts)
    with pytest.raises(UserError, match="no point lies in the domain of u for all values of l"):
        predict_uncertain(*words, tmp_path / "outside.csv", tmp_path / "out.csv", texts)
    with pytest.raises(UserError, match=r"with predict.uncertain the output is a .csv or .npy file"):
        predict_uncertain(*words, tmp_path / "points.csv", tmp_path / "out.vtu", texts)


def test_a_command_line_is_read_as_it_is_written():
    from twinlib.cli.predict import _with

    node = {"_target_": "twinlib.physics.predict.predict", "_partial_": True}
    read = _with(node, ["predict.uncertain={c: uniform(1, 2), k: normal(2, 0.5), a: uniform(-1, 1)}"], ROOT)
    assert read["uncertain"] == {"c": "uniform(1, 2)", "k": "normal(2, 0.5)", "a": "uniform(-1, 1)"}
    quoted = _with(node, ["predict.uncertain={c: 'uniform(1, 2)'}", "predict.degree=4"], ROOT)
    assert quoted["uncertain"] == {"c": "uniform(1, 2)"} and quoted["degree"] == 4


def test_nothing_of_it_is_part_of_the_identity(tmp_path):
    from twinlib.config.compose import compose
    from twinlib.identity.fingerprint import identify
    from twinlib.identity.stat_cache import StatCache

    config = compose(["experiment=equations/poisson_parameterised"], ROOT)
    identity = identify(config, ROOT, StatCache(tmp_path))
    own = {f"twinlib.physics.{name}" for name in ("predict", "uncertain", "uncertainty", "distributions")}
    assert not own & set(identity.code)
    assert not {"chaospy", "numpoly"} & set(identity.environment)
