import hashlib
import io
import os

import ml_dtypes
import numpy as np
import pytest

from twinlib.training import checkpoint
from twinlib.training.checkpoint import Checkpoints

ARRAYS = {
    "weights/0": np.random.default_rng(0).normal(size=(3, 4)).astype(np.float32),
    "halves": np.arange(5).astype(ml_dtypes.bfloat16),
    "count": np.array(7),
    "none": np.empty((0, 2)),
    "turned": np.arange(6.0).reshape(2, 3).T,
}
STATE = {"epoch": 3, "history": [{"val_loss": 0.1, "lr": 1e-30}], "best": float("inf"), "name": "μ"}


def files(folder):
    return sorted(path.name for path in folder.iterdir())


def epochs(folder):
    return [int(name.split("-")[0]) for name in files(folder)]


def test_what_was_written_is_read(tmp_path):
    Checkpoints(tmp_path / "new" / "run").write(3, ARRAYS, STATE)
    arrays, state = Checkpoints(tmp_path / "new" / "run").latest()
    assert state == STATE
    assert list(arrays) == list(ARRAYS)
    for name, array in ARRAYS.items():
        assert arrays[name].dtype == array.dtype
        np.testing.assert_array_equal(arrays[name], array)


def test_without_a_folder_nothing_is_kept():
    none = Checkpoints(None, 0)
    none.write(1, ARRAYS, STATE)
    assert not none.due() and none.latest() is None


def test_nothing_is_found_where_nothing_was_written(tmp_path):
    assert Checkpoints(tmp_path / "missing").latest() is None


def test_the_last_two_are_kept(tmp_path):
    kept = Checkpoints(tmp_path)
    for epoch in (1, 2, 9, 10):
        kept.write(epoch, ARRAYS, {"epoch": epoch})
    assert epochs(tmp_path) == [9, 10]
    assert kept.latest()[1] == {"epoch": 10}


def test_seconds_between_two_writes(tmp_path, monkeypatch):
    now = [100.0]
    monkeypatch.setattr(checkpoint.time, "monotonic", lambda: now[0])
    kept = Checkpoints(tmp_path, 10)
    due = []
    for _ in range(9):
        now[0] += 4
        due.append(kept.due())
        if due[-1]:
            kept.write(1, {}, {})
    assert due == [False, False, True] * 3
    assert all(Checkpoints(tmp_path, 0).due() for _ in range(3))


@pytest.mark.parametrize("damage", ["cut", "turned", "empty"])
def test_a_broken_one_is_said_and_the_one_before_taken(tmp_path, capsys, damage):
    for epoch in (4, 5):
        Checkpoints(tmp_path).write(epoch, ARRAYS, {"epoch": epoch})
    newest = tmp_path / files(tmp_path)[-1]
    content = bytearray(newest.read_bytes())
    content[len(content) // 2] ^= 1
    newest.write_bytes({"cut": content[:-20], "turned": content, "empty": b""}[damage])
    kept = Checkpoints(tmp_path)
    assert kept.latest()[1] == {"epoch": 4}
    said = capsys.readouterr().err
    assert said.count("\n") == 1 and str(newest) in said
    kept.write(6, ARRAYS, {"epoch": 6})
    assert epochs(tmp_path) == [4, 6]  # what is broken is not one of the two


def test_epochs_of_a_course_that_was_left_are_forgotten(tmp_path):
    for epoch in (7, 8):
        Checkpoints(tmp_path).write(epoch, ARRAYS, {"epoch": epoch, "course": 1})
    Checkpoints(tmp_path).write(8, ARRAYS, {"epoch": 8, "course": 2})
    assert epochs(tmp_path) == [7, 8]
    assert Checkpoints(tmp_path).latest()[1] == {"epoch": 8, "course": 2}


def test_all_broken_is_a_fresh_start(tmp_path):
    Checkpoints(tmp_path).write(1, ARRAYS, STATE)
    (tmp_path / files(tmp_path)[0]).write_bytes(b"PK")
    assert Checkpoints(tmp_path).latest() is None


def test_loading_executes_nothing(tmp_path, capsys):
    """An archive with a pickle in it, under the right hash, is refused."""
    with pytest.raises(ValueError, match="Object arrays"):
        Checkpoints(tmp_path).write(1, {"object": np.array([print], dtype=object)}, {})
    assert not files(tmp_path)
    content = io.BytesIO()
    np.savez(content, state=np.frombuffer(b"{}", np.uint8), **{"plain/object": np.array([print], dtype=object)})
    digest = hashlib.blake2b(content.getvalue(), digest_size=16).hexdigest()
    (tmp_path / f"000000001-{digest}.npz").write_bytes(content.getvalue())
    assert Checkpoints(tmp_path).latest() is None
    assert "allow_pickle=False" in capsys.readouterr().err


def test_a_full_disk_does_not_end_the_training(tmp_path, capsys, monkeypatch):
    kept = Checkpoints(tmp_path)
    kept.write(1, ARRAYS, {"epoch": 1})

    def full(descriptor):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        kept.write(2, ARRAYS, {"epoch": 2})
    said = capsys.readouterr().err
    assert said.count("\n") == 1 and "epoch 2: No space left on device" in said and "goes on" in said
    assert epochs(tmp_path) == [1] and kept.latest()[1] == {"epoch": 1}


def test_a_disk_that_is_really_full(capsys):
    """The kernel refuses a write in the middle of a file."""
    resource = pytest.importorskip("resource")
    import signal
    import tempfile
    from pathlib import Path

    with tempfile.TemporaryDirectory() as folder:
        before, ignored = resource.getrlimit(resource.RLIMIT_FSIZE), signal.getsignal(signal.SIGXFSZ)
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        try:
            resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, before[1]))
            Checkpoints(Path(folder)).write(1, {"large": np.ones(1_000_000)}, {})
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)
            signal.signal(signal.SIGXFSZ, ignored)
        assert capsys.readouterr().err.count("\n") == 1
        assert not list(Path(folder).iterdir())
