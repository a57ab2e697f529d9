import numpy as np

from twinlib.flow.divergence import between_fluid, box_divergence


def test_a_linear_flow_has_its_divergence_everywhere():
    y, x = np.mgrid[:5, :7].astype(float)
    np.testing.assert_allclose(box_divergence(2 * x + 3 * y, 5 * x - 1.5 * y), np.full((4, 6), 0.5), atol=1e-14)


def test_it_is_of_second_order():
    errors = []
    for cells in (16, 32):
        y, x = (np.mgrid[:cells, :cells] + 0.5) / cells
        corner_y, corner_x = np.mgrid[1:cells, 1:cells] / cells
        found = box_divergence(np.sin(3 * x) * y, np.cos(2 * y) * x) * cells
        errors.append(np.abs(found - (3 * np.cos(3 * corner_x) * corner_y - 2 * np.sin(2 * corner_y) * corner_x)).max())
    assert 3.5 < errors[0] / errors[1] < 4.5


def test_only_corners_between_four_fluid_cells_count():
    fluid = np.ones((1, 4, 5))
    fluid[0, 0, 0] = fluid[0, 2, 3] = 0
    expected = np.ones((3, 4))
    expected[0, 0] = 0
    expected[1:3, 2:4] = 0
    np.testing.assert_array_equal(between_fluid(fluid)[0], expected)
