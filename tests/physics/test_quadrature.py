import numpy as np
import pytest

from twinlib.physics.quadrature import over_part, product_gauss


def test_gauss_points_of_a_cube_integrate_polynomials():
    points, weights = product_gauss(3, 2)
    assert weights @ (points[:, 0] ** 5 * points[:, 1] ** 4) == pytest.approx(1 / 30, rel=1e-13)


def test_the_ends_of_intervals_are_found():
    def inside(points):
        x = points[:, 0]
        return ((x > 0.1) & (x < np.pi / 10)) | (x > 0.7)

    points, weights = over_part(inside, 1, 13)
    assert len(points) == len(weights) == 13
    assert inside(points[weights > 0]).all()
    wanted = ((np.pi / 10) ** 4 - 0.1**4 + 1 - 0.7**4) / 4
    assert weights @ points[:, 0] ** 3 == pytest.approx(wanted, rel=1e-12)


def test_a_quarter_of_a_disc_and_a_ball():
    points, weights = over_part(lambda at: np.square(at).sum(axis=1) < 1, 2, 900)
    assert weights.sum() == pytest.approx(np.pi / 4, rel=1e-4)
    assert weights @ points.prod(axis=1) == pytest.approx(1 / 8, rel=1e-6)
    _, weights = over_part(lambda at: np.square(at).sum(axis=1) < 1, 3, 8000)
    assert weights.sum() == pytest.approx(np.pi / 6, rel=1e-3)


def test_a_body_in_a_corner_and_one_in_the_middle():
    def beside(points):
        x, y = points.T
        return (y > 0.613) | (x < 0.31) | (x > np.sqrt(0.3))

    points, weights = over_part(beside, 2, 400)
    assert len(weights) == len(points) == 400
    width = np.sqrt(0.3) - 0.31
    assert weights.sum() == pytest.approx(1 - 0.613 * width, rel=1e-12)
    assert weights @ points.prod(axis=1) == pytest.approx((1 - (0.3 - 0.31**2) * 0.613**2) / 4, rel=1e-12)
    around = over_part(lambda at: np.square(at - 0.5).sum(axis=1) > 0.04, 2, 900)[1]
    assert around.sum() == pytest.approx(1 - 0.04 * np.pi, rel=1e-4)


def test_nothing_has_no_weight():
    assert over_part(lambda at: np.zeros(len(at), dtype=bool), 2, 20)[1].sum() == 0
    assert over_part(lambda at: np.ones(len(at), dtype=bool), 0, 20)[1].tolist() == [1]
