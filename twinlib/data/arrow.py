"""Datasets on disk: one Arrow IPC file for each split, read as memory-mapped numpy views.

Each file holds one record batch, so a field is one contiguous block: row i is found by multiplication, and any
Arrow library reads it. The whole schema is in the metadata of every file, under the key `twinlib`.
"""

import json
import shutil
import tempfile
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO

import numpy as np
import pyarrow as pa

from twinlib.data.schema import TRAIN, Field, Schema
from twinlib.data.statistics import with_statistics
from twinlib.errors import UserError

Arrays = Mapping[str, np.ndarray]  # field name -> samples, shape (n, *field.shape)
KEY = b"twinlib"


@dataclass(frozen=True)
class Splits:
    """An opened dataset: `arrays[split][field]` is a read-only view of the file, shape (n, *field.shape)."""

    schema: Schema
    arrays: Mapping[str, Arrays]


def write(folder: Path, splits: Mapping[str, Iterable[Arrays]], schema: Schema) -> Schema:
    """Write a dataset; the same samples give the same bytes, however they are cut into chunks.

    Everything is written next to `folder` first and takes its place at the end; a dataset that was there before
    is replaced. Takes the memory of one chunk, and for a while the disk space of the largest split twice.

    Parameters
    ----------
    splits
        For each split its chunks; each chunk has every field of the schema, shape (rows, *field.shape). One of
        the splits is called `train`.
    schema
        Its statistics and the sizes of its splits are filled in here.

    Returns
    -------
    The schema as it was written.

    Raises
    ------
    UserError
        A chunk does not fit the schema, a value is not finite, a split is empty, `folder` holds something else.
    """
    if TRAIN not in splits:
        raise UserError(f"{folder}: no split is called {TRAIN}")
    if folder.exists() and not (folder.is_dir() and all(f.suffix == ".arrow" for f in folder.iterdir())):
        raise UserError(f"{folder} holds something else than Arrow files; move it away or choose another folder")
    folder.parent.mkdir(parents=True, exist_ok=True)
    draft = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
    try:
        raw, new, old = (draft / part for part in ("raw", "new", "old"))
        raw.mkdir()
        new.mkdir()
        # The training split's statistics stand in the header of every file, ahead of samples that may come in
        # any number: so these go to raw files first.
        sizes = {split: _spool(raw, split, chunks, schema.fields) for split, chunks in splits.items()}
        train = _columns(raw, TRAIN, sizes[TRAIN], schema.fields)
        complete = replace(schema, splits=sizes, fields=tuple(with_statistics(f, train[f.name]) for f in schema.fields))
        for split, size in sizes.items():
            _write_file(new / f"{split}.arrow", _columns(raw, split, size, schema.fields), complete)
            for field in schema.fields:
                (raw / f"{split}.{field.name}").unlink()
        if folder.exists():
            folder.rename(old)
        new.rename(folder)
    finally:
        shutil.rmtree(draft)
    return complete


def open(folder: Path) -> Splits:
    """Map a dataset into memory; nothing is read before it is asked for.

    Raises
    ------
    UserError
        The folder or one of its files is missing, damaged, or from another dataset.
    """
    first = folder / f"{TRAIN}.arrow"
    schema = read(first)[0]
    arrays = {}
    for split, size in schema.splits.items():
        file = folder / f"{split}.arrow"
        found, arrays[split] = read(file)
        if found != schema or any(len(array) != size for array in arrays[split].values()):
            raise UserError(f"{file} is from another dataset than {first}; prepare the dataset again")
    return Splits(schema, arrays)


def read(file: Path) -> tuple[Schema, Arrays]:
    """The schema of the dataset and the views of one of its files. Raises UserError when it is missing or damaged."""
    try:
        with pa.memory_map(str(file)) as source:
            reader = pa.ipc.open_file(source)
            schema = Schema.from_json(json.loads(reader.schema.metadata[KEY]))
            if reader.num_record_batches != 1 or not reader.schema.equals(_arrow_schema(schema)):
                raise ValueError("unexpected layout")
            batch = reader.get_batch(0)
            return schema, {field.name: _view(batch.column(field.name), field) for field in schema.fields}
    except FileNotFoundError:
        raise UserError(f"{file} is missing; prepare the dataset with dvc repro") from None
    except (OSError, pa.ArrowException, KeyError, TypeError, ValueError) as error:
        raise UserError(f"{file} is no dataset or damaged ({error}); prepare it again with dvc repro") from None


def _spool(folder: Path, split: str, chunks: Iterable[Arrays], fields: tuple[Field, ...]) -> int:
    """Append the chunks to one raw file for each field; returns the number of samples."""
    size = 0
    with ExitStack() as stack:
        files: dict[str, IO[bytes]] = {
            field.name: stack.enter_context((folder / f"{split}.{field.name}").open("wb")) for field in fields
        }
        for chunk in chunks:
            rows = _check(chunk, fields, split, size)
            for name, file in files.items():
                np.ascontiguousarray(chunk[name]).tofile(file)
            size += rows
    if not size:
        raise UserError(f"split {split} is empty")
    return size


def _check(chunk: Arrays, fields: tuple[Field, ...], split: str, row: int) -> int:
    if set(chunk) != {field.name for field in fields}:
        raise UserError(f"split {split}: fields are {', '.join(chunk)}, not {', '.join(f.name for f in fields)}")
    rows = len(chunk[fields[0].name])
    for field in fields:
        samples, where = chunk[field.name], f"split {split}, field {field.name}, from row {row}"
        if samples.dtype != field.dtype or samples.shape != (rows, *field.shape):
            found, wanted = (samples.dtype, samples.shape), (field.dtype, (rows, *field.shape))
            raise UserError(f"{where}: {found[0]} {found[1]} instead of {wanted[0]} {wanted[1]}")
        if samples.dtype.kind == "f" and not np.isfinite(samples).all():
            raise UserError(f"{where}: a value is not finite; fill such values or leave the sample out")
        if rows and field.classes and not (samples.min() >= 0 and samples.max() < len(field.classes)):
            raise UserError(f"{where}: a class index is not in 0 … {len(field.classes) - 1}")
    return rows


def _columns(folder: Path, split: str, size: int, fields: tuple[Field, ...]) -> dict[str, np.ndarray]:
    return {
        field.name: np.memmap(folder / f"{split}.{field.name}", field.dtype, "r", shape=(size, *field.shape))
        for field in fields
    }


def _write_file(file: Path, columns: Arrays, schema: Schema) -> None:
    layout = _arrow_schema(schema)
    arrays = [_array(columns[entry.name], entry.type) for entry in layout]
    # One batch can hold more than 2**31 values.
    options = pa.ipc.IpcWriteOptions(allow_64bit=True)
    with pa.OSFile(str(file), "wb") as sink, pa.ipc.new_file(sink, layout, options=options) as writer:
        writer.write_batch(pa.record_batch(arrays, schema=layout))


def _arrow_schema(schema: Schema) -> pa.Schema:
    return pa.schema(
        [pa.field(field.name, _arrow_type(field), nullable=False) for field in schema.fields],
        metadata={KEY: json.dumps(schema.to_json())},
    )


def _arrow_type(field: Field) -> pa.DataType:
    value = pa.from_numpy_dtype(np.dtype(field.dtype))
    return pa.fixed_shape_tensor(value, field.shape, dim_names=field.dims) if field.shape else value


def _array(samples: np.ndarray, kind: pa.DataType) -> pa.Array:
    tensor = isinstance(kind, pa.FixedShapeTensorType)
    buffers = [None, pa.py_buffer(samples)]
    values = pa.Array.from_buffers(kind.value_type if tensor else kind, samples.size, buffers)
    if not tensor:
        return values
    rows = pa.FixedSizeListArray.from_arrays(values, type=kind.storage_type)
    return pa.ExtensionArray.from_storage(kind, rows)


def _view(array: pa.Array, field: Field) -> np.ndarray:
    values = array.storage.flatten() if field.shape else array
    view: np.ndarray = np.frombuffer(values.buffers()[1], field.dtype, count=len(values))
    return view.reshape(len(array), *field.shape)
