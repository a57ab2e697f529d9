import numpy as np
import pytest

from twinlib.errors import UserError
from twinlib.physics.polygons import require_simple


def test_corners_one_after_the_other_are_fine_either_way_round():
    square = np.array([[0, 0], [1, 0], [1, 1], [0, 1]], dtype=float)
    require_simple(square, "here")
    require_simple(square[::-1], "here")


@pytest.mark.parametrize(
    ("corners", "message"),
    [
        ([[0, 0], [1, 0], [1, 1], [0, 0]], "here: the corners 1 and 4 are the same"),
        ([[0, 0], [1, 1], [2, 2]], "here: its corners enclose no area"),
        ([[0, 0], [2, 0], [0, 1], [3, 3]], "here: the sides after the corners 2 and 4 cross"),
    ],
)
def test_corners_that_are_no_polygon_are_one_line(corners, message):
    with pytest.raises(UserError, match=message):
        require_simple(np.array(corners, dtype=float), "here")
