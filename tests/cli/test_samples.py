import numpy as np
import pytest
from PIL import Image

from twinlib.cli import samples
from twinlib.data import arrow
from twinlib.data.schema import Field, Schema
from twinlib.errors import UserError

GREY = Field("image", (2, 3, 1), ("row", "column", "channel"), "uint8", "1")
COLOUR = Field("image", (2, 3, 3), ("row", "column", "channel"), "uint8", "1")
PIXELS = np.array([[0, 1, 2], [3, 254, 255]], np.uint8)


def refused(path, field=GREY):
    with pytest.raises(UserError) as error:
        samples.read(path, field)
    assert str(error.value).startswith(f"{path}: ")
    return str(error.value).removeprefix(f"{path}: ")


def test_npy(tmp_path):
    np.save(tmp_path / "a.npy", PIXELS)
    np.testing.assert_array_equal(samples.read(tmp_path / "a.npy", GREY), PIXELS)


def test_npz_with_one_array_or_one_of_the_name_of_the_field(tmp_path):
    np.savez(tmp_path / "one.npz", x=PIXELS)
    np.savez(tmp_path / "two.npz", x=PIXELS + 1, image=PIXELS)
    for name in ("one.npz", "two.npz"):
        np.testing.assert_array_equal(samples.read(tmp_path / name, GREY), PIXELS)


def test_npz_with_several(tmp_path):
    np.savez(tmp_path / "a.npz", x=PIXELS, y=PIXELS)
    assert refused(tmp_path / "a.npz") == "holds x, y; call the array of samples image"


def test_no_pickle_is_opened(tmp_path):
    np.save(tmp_path / "a.npy", np.array([{}], dtype=object), allow_pickle=True)
    assert refused(tmp_path / "a.npy").startswith("cannot be read as .npy")


@pytest.mark.parametrize("suffix", [".npy", ".npz", ".png", ".arrow"])
def test_a_file_that_is_something_else(suffix, tmp_path):
    path = tmp_path / f"a{suffix}"
    path.write_text("nonsense")
    with pytest.raises(UserError, match="a" + suffix):
        samples.read(path, GREY)


def test_grey_png(tmp_path):
    Image.fromarray(PIXELS).save(tmp_path / "a.png")
    np.testing.assert_array_equal(samples.read(tmp_path / "a.png", GREY), PIXELS[..., None])


def test_grey_png_saved_as_colour(tmp_path):
    Image.fromarray(PIXELS).convert("RGB").save(tmp_path / "a.png")
    np.testing.assert_array_equal(samples.read(tmp_path / "a.png", GREY), PIXELS[..., None])
    np.testing.assert_array_equal(samples.read(tmp_path / "a.png", COLOUR), np.stack([PIXELS] * 3, axis=-1))


def test_png_that_does_not_fit(tmp_path):
    path = tmp_path / "a.png"
    Image.fromarray(PIXELS.T.copy()).save(path)
    assert refused(path) == "is 2 x 3 pixels; the twin takes 3 x 2"
    Image.fromarray(np.stack([PIXELS, PIXELS, PIXELS + 1], axis=-1)).save(path)
    assert refused(path) == "is in colour; the twin takes grey pictures"
    Image.fromarray(np.stack([PIXELS] * 4, axis=-1), "RGBA").save(path)
    assert refused(path).startswith("is transparent")
    Image.fromarray(PIXELS.astype(np.uint16) * 200).save(path)
    assert refused(path).startswith("has 16 bits")
    series = Field("wind", (6, 2), ("time", "channel"), "float32", "m/s")
    assert refused(path, series).endswith("which is no picture")


@pytest.mark.parametrize("head", ["", "a,b,c,d,e,f\n"])
def test_csv_with_and_without_names(head, tmp_path):
    (tmp_path / "a.csv").write_text(head + "0,1,2,3,254,255\n\n1,1,1,1,1,1\n")
    read = samples.read(tmp_path / "a.csv", GREY)
    assert read.shape == (2, 2, 3, 1)
    np.testing.assert_array_equal(read[0, ..., 0], PIXELS)


def test_csv_that_does_not_fit(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("1,2,3,4,5,6\n1,2,3\n")
    assert refused(path) == "sample 2 has 3 values; image has 6"
    path.write_text("1,2,3,x,5,6\n")
    assert refused(path).startswith("cannot be read as .csv")


def test_arrow(tmp_path):
    rows = PIXELS[None, ..., None]
    arrow.write(tmp_path / "d", {"train": [{"image": rows}]}, Schema((GREY,), "synthetic", "made", "CC0"))
    path = tmp_path / "d" / "train.arrow"
    np.testing.assert_array_equal(samples.read(path, GREY), rows)
    assert refused(path, Field("mask", (2, 3, 1), GREY.dims, "uint8", "1")) == "has no field mask; there are image"


def test_unknown_type(tmp_path):
    assert refused(tmp_path / "a.jpg") == "unknown type of file; use one of .npy, .npz, .png, .csv, .arrow"


def test_table_of_values():
    one = samples.table(np.array([[1.0], [2.0]]), classes=False)
    assert {name: column.tolist() for name, column in one.items()} == {"value": [1.0, 2.0]}
    several = samples.table(np.arange(8.0).reshape(2, 2, 2), classes=False)
    assert several["value_3"].tolist() == [3.0, 7.0]
