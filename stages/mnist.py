"""Handwritten digits, and other image sets in the file format of MNIST, to an Arrow dataset.

The format (IDX) is described at http://yann.lecun.com/exdb/mnist/.
"""

import gzip
import math
import zlib
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from twinlib.data import arrow
from twinlib.data.schema import Field, Schema
from twinlib.data.splits import stratified
from twinlib.errors import UserError

PIXELS = 28
IDX = {
    "train": ("train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz"),
    "test": ("t10k-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte.gz"),
}
Labelled = tuple[np.ndarray, np.ndarray]  # images uint8 (n, 28, 28, 1), labels int64 (n,)


def prepare(
    raw: Path,
    target: Path,
    *,
    splits: Mapping[str, int],
    seed: int,
    label: str,
    classes: list[str],
    source: str,
    license: str,
) -> Schema:
    """Write the Arrow dataset `target` from the files in `raw`.

    Parameters
    ----------
    raw
        Folder with one CSV file (`*.csv.gz`, a row is 784 pixels and the class), all of which is split; or with
        the four IDX files, of which the test files give the test split and the training files all others.
    splits
        Number of samples in each split; stratified by class, drawn with `seed`.
    label, classes
        Name of the target field and of its classes.

    Raises
    ------
    UserError
        A file is missing or damaged, or the splits ask for more samples than there are.
    """
    tables = sorted(raw.glob("*.csv.gz"))
    if len(tables) == 1:
        samples, parts = read_csv(tables[0]), dict.fromkeys(splits, "all")
        available = {"all": samples}
    else:
        available = {part: read_idx_pair(raw / images, raw / labels) for part, (images, labels) in IDX.items()}
        parts = {split: "test" if split == "test" else "train" for split in splits}

    columns = {}
    for part, (images, labels) in available.items():
        sizes = {split: size for split, size in splits.items() if parts[split] == part}
        for split, rows in (stratified(labels, sizes, seed) if sizes else {}).items():
            columns[split] = [{"image": images[rows], label: labels[rows]}]
    shape, dims = (PIXELS, PIXELS, 1), ("row", "column", "channel")
    fields = (
        Field("image", shape, dims, "uint8", "grey level"),
        Field(label, (), (), "int64", "class", classes=tuple(classes)),
    )
    return arrow.write(target, columns, Schema(fields, kind="real", source=source, license=license))


def read_csv(file: Path) -> Labelled:
    """Images and labels of a gzipped CSV file without a header, 784 pixels and the class in each row."""
    try:
        table = np.loadtxt(file, delimiter=",", dtype=np.int64, ndmin=2)
    except (OSError, EOFError, zlib.error, ValueError) as error:
        raise UserError(f"{file} is damaged or no CSV file of whole numbers: {error}") from None
    if table.shape[1] != PIXELS**2 + 1:
        raise UserError(f"{file} has {table.shape[1]} columns, not {PIXELS**2} pixels and a class")
    pixels = table[:, :-1]
    if pixels.min() < 0 or pixels.max() > 255:
        raise UserError(f"{file}: a pixel is not in 0 … 255")
    return pixels.astype(np.uint8).reshape(-1, PIXELS, PIXELS, 1), table[:, -1]


def read_idx_pair(images_file: Path, labels_file: Path) -> Labelled:
    """Images and their labels out of two IDX files."""
    images, labels = read_idx(images_file), read_idx(labels_file)
    if images.shape != (len(labels), PIXELS, PIXELS) or labels.ndim != 1:
        raise UserError(f"{images_file} {images.shape} and {labels_file} {labels.shape} do not belong together")
    return images[..., np.newaxis], labels.astype(np.int64)


def read_idx(file: Path) -> np.ndarray:
    """The array in a gzipped IDX file of unsigned bytes: two zeros, 8, the number of axes, their sizes, the bytes."""
    try:
        content = gzip.decompress(file.read_bytes())
    except FileNotFoundError:
        raise UserError(f"{file} is missing; fetch it first") from None
    except (OSError, EOFError, zlib.error) as error:
        raise UserError(f"{file} is damaged: {error}") from None
    axes = content[3] if content[:3] == b"\0\0\x08" and len(content) > 3 else 0
    header = 4 + 4 * axes
    shape = tuple(int.from_bytes(content[i : i + 4], "big") for i in range(4, header, 4))
    if not axes or len(content) - header != math.prod(shape):
        raise UserError(f"{file} is damaged or no IDX file of bytes")
    return np.frombuffer(content, np.uint8, offset=header).reshape(shape)
