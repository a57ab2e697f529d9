import hashlib
import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from twinlib.store.record import LARGEST, RECORD, Damaged, FileEntry, Record

EMPTY = FileEntry(0, hashlib.sha256(b"").hexdigest())
RUN = Record(
    folder=Path("x"),
    fingerprint="ab" * 32,
    name="mnist/cnn",
    created="2026-01-31T12:00:00Z",
    seconds=12.5,
    host="node-1",
    objective="val_loss",
    metrics={"val_loss": 0.1, "auc": float("inf")},
    files={"weights.pt": EMPTY, "shards/0.bin": EMPTY},
)


@pytest.fixture
def record(tmp_path: Path) -> Record:
    """A good record on the disk."""
    (tmp_path / "shards").mkdir()
    for name in RUN.files:
        (tmp_path / name).touch()
    (tmp_path / RECORD).write_text(RUN.to_json())
    return replace(RUN, folder=tmp_path)


def test_what_is_written_is_read(record: Record) -> None:
    assert Record.read(record.folder) == record
    record.verify()


def test_the_text_is_strict_json_also_with_infinite_metrics() -> None:
    def refuse(word: str) -> None:
        raise AssertionError(f"{word} is no JSON")

    json.loads(RUN.to_json(), parse_constant=refuse)
    with_nan = replace(RUN, metrics={"val_loss": float("nan")})
    assert str(Record.parse(with_nan.to_json().encode(), RUN.folder).metrics["val_loss"]) == "nan"


def test_cut_off_anywhere_it_is_damaged(record: Record) -> None:
    text = (record.folder / RECORD).read_bytes()
    for length in range(len(text) - 1):  # without the last line end it is whole
        with pytest.raises(Damaged):
            Record.parse(text[:length], record.folder)


def test_any_flipped_bit_shows(record: Record) -> None:
    text = (record.folder / RECORD).read_bytes()
    for place in range(len(text) - 1):
        altered = bytearray(text)
        altered[place] ^= 1
        try:
            read = Record.parse(bytes(altered), record.folder)
        except Damaged:
            continue
        assert read == record  # a space became another space


@pytest.mark.parametrize("name", ["weights.pt", "shards/0.bin", RECORD])
def test_a_missing_file(record: Record, name: str) -> None:
    (record.folder / name).unlink()
    with pytest.raises(Damaged, match=f"{name} is missing"):
        Record.read(record.folder)


def test_a_missing_folder(tmp_path: Path) -> None:
    with pytest.raises(Damaged, match="missing"):
        Record.read(tmp_path / "none")
    (tmp_path / "file").touch()
    with pytest.raises(Damaged, match="missing"):
        Record.read(tmp_path / "file")


def test_a_file_of_another_size(record: Record) -> None:
    (record.folder / "weights.pt").write_bytes(b"x")
    with pytest.raises(Damaged, match=r"weights\.pt has another size"):
        Record.read(record.folder)


def test_a_file_of_another_content(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"abc")
    record = replace(RUN, folder=tmp_path, files={"a": FileEntry(3, hashlib.sha256(b"abd").hexdigest())})
    (tmp_path / RECORD).write_text(record.to_json())
    with pytest.raises(Damaged, match="a has another content"):
        Record.read(tmp_path).verify()


@pytest.mark.parametrize("name", ["weights.pt", "shards", RECORD])
def test_links_are_refused_even_to_the_same_content(record: Record, tmp_path_factory: Any, name: str) -> None:
    elsewhere = tmp_path_factory.mktemp("elsewhere") / "moved"
    (record.folder / name).rename(elsewhere)
    (record.folder / name).symlink_to(elsewhere)
    with pytest.raises(Damaged, match="is a link"):
        Record.read(record.folder)


@pytest.mark.parametrize("name", ["weights.pt", RECORD])
def test_a_pipe_in_place_of_a_file_does_not_block(record: Record, name: str) -> None:
    (record.folder / name).unlink()
    os.mkfifo(record.folder / name)
    with pytest.raises(Damaged, match="no regular file"):
        Record.read(record.folder)


def test_a_huge_record_json_is_not_read(record: Record) -> None:
    with (record.folder / RECORD).open("r+b") as file:
        file.truncate(LARGEST + 1)
    with pytest.raises(Damaged, match="too large"):
        Record.read(record.folder)


@pytest.mark.parametrize(
    "name",
    [
        "../outside",
        "a/../../outside",
        "/etc/passwd",
        "//host/share",
        "..",
        ".",
        "",
        "a//b",
        "a/",
        "./a",
        "a\\b",
        "a\nb",
        "a\0b",
        "\x1b[2J",
        "\ud800",
        RECORD,
        "x" * 256,
        "é" * 128,
        "/".join("a" * 600),
    ],
)
def test_names_that_reach_outside_or_that_no_disk_takes(name: str) -> None:
    with pytest.raises(Damaged):
        Record.parse(replace(RUN, files={name: EMPTY}).to_json().encode(), RUN.folder)


def test_a_file_below_a_file() -> None:
    with pytest.raises(Damaged, match="lies in a file"):
        Record.parse(replace(RUN, files={"a": EMPTY, "a/b/c": EMPTY}).to_json().encode(), RUN.folder)


def test_a_name_that_stands_twice() -> None:
    once = json.dumps("weights.pt")
    text = RUN.to_json().replace(f"{once}:", f'{once}: {{"size": 5, "sha256": "{EMPTY.sha256}"}}, {once}:')
    with pytest.raises(Damaged, match="twice"):
        Record.parse(text.encode(), RUN.folder)


@pytest.mark.parametrize(
    "change",
    [
        {"fingerprint": "AB" * 32},
        {"fingerprint": "ab" * 31},
        {"fingerprint": None},
        {"name": 5},
        {"name": "a\x1bb"},
        {"created": "yesterday"},
        {"host": ["node"]},
        {"objective": "unknown"},
        {"objective": ["val_loss"]},
        {"metrics": {"val_loss": "0.1"}},
        {"metrics": {"val_loss": True}},
        {"metrics": {"val_loss": None}},
        {"metrics": ["val_loss"]},
        {"seconds": "soon"},
        {"seconds": 10**400},
        {"files": []},
        {"files": {"a": None}},
        {"files": {"a": {"size": -1, "sha256": EMPTY.sha256}}},
        {"files": {"a": {"size": True, "sha256": EMPTY.sha256}}},
        {"files": {"a": {"size": 1.5, "sha256": EMPTY.sha256}}},
        {"files": {"a": {"size": 1, "sha256": "0"}}},
        {"files": {"a": {"size": 1}}},
        {"version": 2},
    ],
    ids=str,
)
def test_values_of_another_type(change: dict[str, Any]) -> None:
    """The hash of the text is right: it comes from somebody who can compute it."""
    tree = json.loads(RUN.to_json()) | change
    del tree["sha256"]
    text = json.dumps(tree, sort_keys=True, separators=(",", ":"))
    tree["sha256"] = hashlib.sha256(text.encode()).hexdigest()
    with pytest.raises(Damaged) as caught:
        Record.parse(json.dumps(tree).encode(), RUN.folder)
    assert "altered" not in str(caught.value)


@pytest.mark.parametrize("text", [b"", b"null", b"[]", b"{}", b"5", b"\xff\xfe", b"[" * 100_000, b'{"version": 1}'])
def test_text_that_is_no_record(text: bytes) -> None:
    with pytest.raises(Damaged):
        Record.parse(text, RUN.folder)
