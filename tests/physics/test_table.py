import numpy as np
import pytest

from twinlib.errors import UserError
from twinlib.physics.table import read_table, table_names


def test_columns_go_by_their_names(tmp_path):
    (tmp_path / "a.csv").write_text("u, x,more,t\n1,2,3,4\n5,6,7,8\n")
    points, values = read_table(tmp_path / "a.csv", ("x", "t"), ("u",), "input")
    assert points.tolist() == [[2, 4], [6, 8]]
    assert values["u"].tolist() == [1, 5]
    np.save(tmp_path / "a.npy", np.array([1, 2, 3]))
    assert read_table(tmp_path / "a.npy", ("x",), (), "input")[0].tolist() == [[1], [2], [3]]


def test_arrays_by_name_are_points_or_a_grid(tmp_path):
    np.savez(tmp_path / "a.npz", x=[1.0, 2], y=[3.0, 4, 5], u=np.arange(6).reshape(2, 3), more=[0.0])
    points, values = read_table(tmp_path / "a.npz", ("x", "y"), ("u",), "input")
    assert points.tolist() == [[1, 3], [1, 4], [1, 5], [2, 3], [2, 4], [2, 5]]
    assert values["u"].tolist() == [0, 1, 2, 3, 4, 5]
    np.savez(tmp_path / "b.npz", x=[1.0, 2], y=[3.0, 4], u=[5.0, 6])
    points, values = read_table(tmp_path / "b.npz", ("x", "y"), ("u",), "input")
    assert points.tolist() == [[1, 3], [2, 4]] and values["u"].tolist() == [5, 6]
    assert table_names(tmp_path / "a.npz", "input") == ["x", "y", "u", "more"]
    np.savez(tmp_path / "c.npz", x=[1.0, 2], y=[3.0, 4], u=[5.0, 6, 7])
    with pytest.raises(UserError, match=r"c.npz cannot be read: arrays of the shapes \(2,\), \(3,\)"):
        read_table(tmp_path / "c.npz", ("x", "y"), ("u",), "input")
    np.savez(tmp_path / "d.npz", x=np.array([None]))
    with pytest.raises(UserError, match="cannot be read"):
        read_table(tmp_path / "d.npz", ("x",), (), "input")


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.csv", "x\n1\n", "has no column t; it needs x, t"),
        ("a.csv", "x,t\n1,nan\n", "not finite"),
        ("a.csv", "x,t\n1,b\n", "cannot be read"),
        ("a.csv", "x,t\n", "it needs"),
        ("missing.csv", None, "cannot be read"),
        ("a.npy", "no array", "cannot be read"),
    ],
)
@pytest.mark.filterwarnings("ignore:loadtxt")
def test_other_files_are_refused_in_one_line(tmp_path, name, text, message):
    if text is not None:
        (tmp_path / name).write_text(text)
    with pytest.raises(UserError, match=message) as refusal:
        read_table(tmp_path / name, ("x", "t"), (), "input")
    assert "\n" not in str(refusal.value)
