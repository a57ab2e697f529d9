import copy

import numpy as np
import pytest

from twinlib.errors import UserError
from twinlib.physics.error import RelativeL2
from twinlib.physics.problem import Problem

PLATE = {
    "name": "plate",
    "geometry": {"plate": {"shape": "rectangle", "x": [0, 2], "y": [0, 1]}},
    "fields": {"u": {}, "w": {}},
    "conditions": {
        "all": {"type": "interior", "equation": ["u = x", "w = y"], "points": 16},
    },
}


def plate(**reference):
    return copy.deepcopy(PLATE) | {"reference": reference}


@pytest.fixture
def grid(tmp_path):
    """u = x + 2 y on a grid that is larger than the plate."""
    x, y = np.linspace(0, 3, 31), np.linspace(0, 1, 21)
    np.savez(tmp_path / "grid.npz", x=x, y=y, u=x[:, None] + 2 * y)
    return tmp_path / "grid.npz"


def test_a_solution_is_compared_at_the_points_of_a_file(grid):
    problem = Problem(**plate(file=str(grid), kind="synthetic", w="x"))
    columns = problem.columns("test")
    (x, y), inside = columns["point"].T, columns["inside"][:, 0]
    assert len(x) == 31 * 21
    np.testing.assert_array_equal(inside, x <= 2 + 1e-12)
    np.testing.assert_allclose(columns["solution"][:, 0], np.where(inside, x + 2 * y, 0))
    np.testing.assert_allclose(columns["solution"][:, 1], np.where(inside, x, 0))
    assert problem.schema.kind == "synthetic" and problem.schema.splits == {"test": 31 * 21}
    some = problem.columns("val")
    assert len(some["point"]) == 256 and len(np.unique(some["point"], axis=0)) == 256
    predictions = np.where(columns["inside"], 1.1 * columns["solution"], 0)
    errors = RelativeL2()(problem, "test", predictions, columns["solution"])
    assert errors["relative_l2_u"] == pytest.approx(0.1)


def test_points_of_a_table_and_a_field_that_is_not_there(tmp_path):
    (tmp_path / "some.csv").write_text("w,x,y\n1,0,0\n2,1,0.5\n")
    problem = Problem(**plate(file=str(tmp_path / "some.csv"), kind="real"))
    columns = problem.columns("val")
    assert columns["point"].tolist() == [[0, 0], [1, 0.5]]
    assert columns["solution"][:, 1].tolist() == [1, 2]
    assert np.isnan(columns["solution"][:, 0]).all()
    assert problem.schema.kind == "real"


@pytest.mark.parametrize(
    ("reference", "message"),
    [
        ({"file": "GRID"}, "data.reference.kind: say whether the file is real or synthetic"),
        ({"kind": "real"}, "data.reference.kind: is of a file"),
        ({"file": "no.csv", "kind": "real"}, "data.reference.file: no.csv cannot be read"),
        ({"file": "no.npy", "kind": "real"}, "no.npy has no named columns"),
        ({"file": "GRID", "kind": "real", "u": "x"}, "has no column of a field: u, w"),
        ({"file": "FAR", "kind": "real"}, "no point of .* lies in plate"),
        ({"fiel": "GRID"}, "data.reference.fiel: no field and no unknown number; did you mean file"),
    ],
)
def test_a_mistake_is_one_line(grid, tmp_path, reference, message):
    (tmp_path / "far.csv").write_text("u,x,y\n1,7,0\n")
    names = {"GRID": str(grid), "FAR": str(tmp_path / "far.csv")}
    with pytest.raises(UserError, match=message):
        Problem(**plate(**{key: names.get(value, value) for key, value in reference.items()}))
