import csv
import json
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from twinlib.data import arrow
from twinlib.errors import UserError


@pytest.fixture
def samples(root):
    _, columns = arrow.read(root / "data/tiny/test.arrow")
    return columns["image"]


@pytest.fixture
def expected(samples, computed):
    """Softmax of the scaled pixels times the weights, by hand."""
    weights = np.load(computed().folder / "weights.npy")
    scores = np.exp(samples.reshape(len(samples), -1) / 255 @ weights)
    return scores / scores.sum(axis=1, keepdims=True)


def test_array_to_array(root, samples, expected, say):
    np.save("in.npy", samples)
    assert say("predict", "tiny/own", "in.npy", "-o", "out.npy").startswith("6 predictions of tiny-linear-torch-")
    np.testing.assert_allclose(np.load("out.npy"), expected, rtol=1e-5)


@pytest.mark.parametrize(
    "words",
    [
        ["tiny/own", "data/tiny/test.arrow", "-o", "out.npy"],
        ["-o", "out.npy", "tiny/own", "data/tiny/test.arrow"],
        ["tiny/own", "data/tiny/test.arrow", "-o", "out.npy", "workers=2"],
        ["tiny/own", "workers=2", "data/tiny/test.arrow", "--output=out.npy"],
        ["experiment=tiny/own", "data/tiny/test.arrow", "-o", "out.npy"],
    ],
)
def test_settings_stand_anywhere(words, root, expected, say):
    say("predict", *words)
    np.testing.assert_allclose(np.load("out.npy"), expected, rtol=1e-5)


def test_csv(root, expected, say):
    say("predict", "tiny/own", "data/tiny/test.arrow", "-o", "out.csv")
    with Path("out.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [int(row["class"]) for row in rows] == expected.argmax(axis=1).tolist()
    np.testing.assert_allclose([float(row["probability"]) for row in rows], expected.max(axis=1), rtol=1e-5)
    np.testing.assert_allclose([[float(row[f"class_{n}"]) for n in range(3)] for row in rows], expected, rtol=1e-5)


def test_json_and_parquet_hold_the_same(root, expected, say):
    say("predict", "tiny/own", "data/tiny/test.arrow", "-o", "out.json")
    say("predict", "tiny/own", "data/tiny/test.arrow", "-o", "out.parquet")
    with Path("out.json").open() as file:
        rows = json.load(file)
    assert rows == pq.read_table("out.parquet").to_pylist()
    assert rows[0]["class"] == expected[0].argmax()


def test_values_instead_of_classes(root, samples, computed, say):
    computed("output=identity")
    say("predict", "tiny/own", "output=identity", "data/tiny/test.arrow", "-o", "out.json")
    with Path("out.json").open() as file:
        assert list(json.load(file)[0]) == ["value_0", "value_1", "value_2"]


def test_the_output_is_checked_before_anything_is_computed(root, computed, refused):
    computed()
    line = refused("predict", "tiny/own", "in.npy", "-o", "out.xlsx")
    assert line == "out.xlsx: unknown type of file; use one of .npy, .csv, .json, .parquet"
    assert "no such folder" in refused("predict", "tiny/own", "in.npy", "-o", "nowhere/out.csv")


def test_a_missing_input(root, computed, refused):
    computed()
    assert refused("predict", "tiny/own", "in.npy", "-o", "out.csv") == "in.npy: no such file"


def test_samples_that_are_scaled_already(root, computed, samples, refused):
    computed()
    np.save("in.npy", samples / 255)
    line = refused("predict", "tiny/own", "in.npy", "-o", "out.csv")
    assert "whole numbers from 0 to 255" in line


def test_samples_of_another_shape(root, computed, refused):
    computed()
    np.save("in.npy", np.zeros((2, 5, 4, 1), np.uint8))
    line = refused("predict", "tiny/own", "in.npy", "-o", "out.csv")
    assert line == "image: shape (n, 4, 5, 1) is needed, not (2, 5, 4, 1)"


def test_a_warning_is_one_line(root, computed, samples, capsys, monkeypatch):
    import warnings

    from twinlib.cli import twin

    computed()
    own = root / "own.py"
    own.write_text(own.read_text() + "\nEDITED = 1\n")
    name = next(folder.name for folder in (root / "runs").iterdir() if folder.name.startswith("tiny"))
    with warnings.catch_warnings():
        warnings.simplefilter("default")
        assert twin.main(["predict", name, "data/tiny/test.arrow", "-o", "out.csv"]) == 0
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"warning: {name}: its code has changed since it was trained (own);")


def test_two_words_are_needed(root, refused):
    for words in (["tiny/own"], ["tiny/own", "a.npy", "b.npy"], [], ["3f2a9c", "store.path=runs"]):
        assert "twin predict RUN INPUT -o OUTPUT" in refused("predict", *words, "-o", "out.csv")


def test_user_errors_are_what_is_shown(root, computed):
    from twinlib.cli.predict import predict

    computed()
    with pytest.raises(UserError, match=r"no\.npy"):
        predict(["tiny/own", "no.npy"], "out.csv")


def test_the_experiment_says_what_is_done_with_a_whole_input(root, computed, say, refused):
    record = computed("+predict={_target_:own.whole,_partial_:true}")
    words = ["predict", record.folder.name, "s3://maps/a.zarr", "-o", "out.txt"]
    assert say(*words) == "2 rows of s3://maps/a.zarr\n"
    assert say(*words, "predict.rows=5") == "5 rows of s3://maps/a.zarr\n"
    assert Path("out.txt").read_text() == "tiny/own s3://maps/a.zarr 5"
    assert refused(*words, "predict.row=5") == "predict.row: own.whole takes no such key; did you mean rows?"


def test_settings_of_a_whole_input_need_one(root, computed, refused):
    record = computed()
    line = refused("predict", "tiny/own", "data/tiny/test.arrow", "-o", "out.csv", "predict.rows=5")
    assert line == f"predict.rows=5: {record.folder.name} predicts sample by sample and takes no such settings"


def test_what_is_done_with_a_whole_input_is_no_part_of_the_identity(root, computed):
    from twinlib import lookup

    plain = computed()
    other = lookup.described(["experiment=tiny/own", "+predict={_target_:own.whole,_partial_:true}"], root)
    assert other.identity.fingerprint == plain.fingerprint
