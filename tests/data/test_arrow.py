import hashlib
import tracemalloc

import numpy as np
import pyarrow as pa
import pytest

from twinlib.data import arrow
from twinlib.data.schema import Field, Schema
from twinlib.errors import UserError


def in_chunks(arrays, size):
    rows = len(next(iter(arrays.values())))
    for start in range(0, rows, size):
        yield {name: samples[start : start + size] for name, samples in arrays.items()}


def digest(folder):
    return {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in folder.iterdir()}


def test_what_was_written_is_read(folder, samples, schema):
    opened = arrow.open(folder)
    assert dict(opened.schema.splits) == {"train": 50, "val": 7, "test": 1}
    assert list(opened.arrays) == ["train", "val", "test"]
    for split, arrays in samples.items():
        for name, expected in arrays.items():
            found = opened.arrays[split][name]
            assert found.dtype == expected.dtype
            np.testing.assert_array_equal(found, expected)


def test_statistics_are_of_the_training_split(folder, samples):
    field = arrow.open(folder).schema["weather"]
    np.testing.assert_allclose(field.mean, samples["train"]["weather"].mean(axis=(0, 1, 2), dtype=np.float64))
    np.testing.assert_allclose(field.std, samples["train"]["weather"].std(axis=(0, 1, 2), dtype=np.float64))


def test_other_libraries_read_it(folder, samples):
    table = pa.ipc.open_file(folder / "train.arrow").read_all()
    assert table.schema.field("weather").type == pa.fixed_shape_tensor(
        pa.float32(), (4, 5, 2), dim_names=("row", "column", "channel")
    )
    np.testing.assert_array_equal(
        table.column("weather").combine_chunks().to_numpy_ndarray(), samples["train"]["weather"]
    )
    assert table.column("storm").to_pylist() == samples["train"]["storm"].tolist()


def test_views_are_the_file(folder):
    """The views are made without an allocation, and a byte changed in the file changes in them."""
    before = pa.total_allocated_bytes()
    opened = arrow.open(folder)
    view = opened.arrays["train"]["picture"]
    assert pa.total_allocated_bytes() == before
    content = bytearray((folder / "train.arrow").read_bytes())
    where = content.find(view.tobytes())
    with (folder / "train.arrow").open("r+b") as file:
        file.seek(where)
        file.write(bytes([255 - content[where]]))
    assert view[0, 0, 0, 0] == 255 - content[where]


def test_opening_does_not_read_the_data(tmp_path):
    schema = Schema((Field("x", (1000, 1000), ("row", "column"), "float64", "m"),), "synthetic", "zeros", "none")
    arrow.write(tmp_path / "d", {"train": ({"x": np.zeros((1, 1000, 1000))} for _ in range(8))}, schema)
    tracemalloc.start()
    view = arrow.open(tmp_path / "d").arrays["train"]["x"]
    assert view.nbytes == 64_000_000
    assert tracemalloc.get_traced_memory()[1] < 1_000_000
    tracemalloc.stop()


def test_views_are_read_only(folder):
    view = arrow.open(folder).arrays["train"]["weather"]
    with pytest.raises(ValueError, match="read-only"):
        view[0] = 0
    with pytest.raises(ValueError, match="WRITEABLE"):
        view.flags.writeable = True


def test_same_samples_same_bytes_in_chunks_of_any_size(folder, tmp_path, samples, schema):
    for size in (1, 3, 50):
        other = tmp_path / f"chunks of {size}"
        arrow.write(other, {split: in_chunks(arrays, size) for split, arrays in samples.items()}, schema)
        assert digest(other) == digest(folder)


def test_writing_takes_the_memory_of_one_chunk(tmp_path):
    schema = Schema((Field("x", (1000,), ("point",), "float64", "m"),), "synthetic", "zeros", "none")
    tracemalloc.start()
    arrow.write(tmp_path / "d", {"train": ({"x": np.full((100, 1000), float(i))} for i in range(100))}, schema)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (tmp_path / "d" / "train.arrow").stat().st_size > 80_000_000
    assert peak < 40_000_000  # a block of the statistics in float64, twice


def test_nothing_is_left_of_a_write_that_fails(tmp_path, samples, schema):
    def broken():
        yield samples["train"]
        raise RuntimeError("the disk of the archive")

    with pytest.raises(RuntimeError, match="the disk of the archive"):
        arrow.write(tmp_path / "data", {"train": broken()}, schema)
    assert list(tmp_path.iterdir()) == []


def test_a_dataset_is_replaced_and_anything_else_is_not(folder, samples, schema, tmp_path):
    arrow.write(folder, {"train": [samples["val"]]}, schema)
    assert dict(arrow.open(folder).schema.splits) == {"train": 7}
    assert [file.name for file in tmp_path.iterdir()] == ["data"]
    (folder / "notes.txt").write_text("mine")
    with pytest.raises(UserError, match="something else"):
        arrow.write(folder, {"train": [samples["val"]]}, schema)
    assert (folder / "notes.txt").exists()


def change(arrays, **changes):
    return {**arrays, **changes}


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda a: change(a, weather=a["weather"].astype(np.float64)), "float64"),
        (lambda a: change(a, weather=a["weather"].astype(">f4")), ">f4"),
        (lambda a: change(a, weather=a["weather"][:-1]), r"\(50,\) instead of int64 \(49,\)"),
        (lambda a: change(a, weather=a["weather"][..., :1]), "weather"),
        (lambda a: change(a, weather=a["weather"] * np.nan), "not finite"),
        (lambda a: change(a, storm=a["storm"] + 1), "class index"),
        (lambda a: change(a, storm=a["storm"] - 1), "class index"),
        (lambda a: change(a, more=a["storm"]), "fields are"),
        (lambda a: {"storm": a["storm"]}, "fields are"),
        (lambda a: {name: samples[:0] for name, samples in a.items()}, "empty"),
    ],
)
def test_samples_that_do_not_fit(spoil, message, tmp_path, samples, schema):
    with pytest.raises(UserError, match=message):
        arrow.write(tmp_path / "data", {"train": [spoil(samples["train"])]}, schema)
    assert list(tmp_path.iterdir()) == []


def test_there_must_be_a_training_split(tmp_path, samples, schema):
    with pytest.raises(UserError, match="train"):
        arrow.write(tmp_path / "data", {"test": [samples["test"]]}, schema)


def test_missing(tmp_path, folder):
    with pytest.raises(UserError, match=r"train\.arrow is missing"):
        arrow.open(tmp_path / "no")
    (folder / "val.arrow").unlink()
    with pytest.raises(UserError, match=r"val\.arrow is missing"):
        arrow.open(folder)


@pytest.mark.parametrize("keep", [0, 7, 100, -1, -1000])
def test_truncated(keep, folder):
    file = folder / "train.arrow"
    file.write_bytes(file.read_bytes()[:keep])
    with pytest.raises(UserError, match=r"train\.arrow is no dataset or damaged"):
        arrow.open(folder)


def test_other_arrow_files(folder):
    table = pa.table({"a": [1, 2]})
    with pa.ipc.new_file(folder / "train.arrow", table.schema) as writer:
        writer.write_table(table)
    with pytest.raises(UserError, match="no dataset"):
        arrow.open(folder)


def test_a_split_of_another_dataset(folder, tmp_path, samples, schema):
    arrow.write(tmp_path / "other", {split: [samples[split]] for split in ("train", "val")}, schema)
    (tmp_path / "other" / "val.arrow").replace(folder / "val.arrow")
    with pytest.raises(UserError, match="another dataset"):
        arrow.open(folder)
