import subprocess
import sys

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from twinlib.tracking.tensorboard import TensorBoard


@pytest.fixture
def written(run, rows, metrics, picture):
    tracker = TensorBoard("logs/tensorboard")
    tracker.start(run)
    for row in rows:
        tracker.epoch(row)
    tracker.finish(metrics, [picture])
    return read(run)


def read(run):
    events = EventAccumulator(str(run.folder / "logs/tensorboard" / run.folder_name))
    events.Reload()
    return events


def points(events, tag):
    return [(event.step, event.value) for event in events.Scalars(tag)]


def test_curves(written):
    assert points(written, "val_loss") == [(1, 1.5), (2, 0.75)]
    assert points(written, "val_accuracy") == [(1, 0.5), (2, 0.75)]
    assert "epoch" not in written.Tags()["scalars"]


def test_final_metrics(written):
    assert points(written, "final/test_accuracy") == [(2, 0.875)]


def test_config_and_fingerprint_as_text(written, run):
    (event,) = written.Tensors("config/text_summary")
    text = event.tensor_proto.string_val[0].decode()
    assert '"lr": 0.001' in text
    assert run.fingerprint in text


def test_pictures(written, picture):
    (image,) = written.Images("learning_curve")
    assert (image.width, image.height) == (100, 50)
    assert image.encoded_image_string == picture.read_bytes()


def test_every_epoch_is_on_disk_at_once(run, rows):
    tracker = TensorBoard("logs/tensorboard")
    tracker.start(run)
    tracker.epoch(rows[0])
    assert points(read(run), "val_loss") == [(1, 1.5)]
    tracker.fail()


def test_a_second_attempt_replaces_the_first(written, run, rows):
    tracker = TensorBoard("logs/tensorboard")
    tracker.start(run)
    tracker.epoch({**rows[0], "val_loss": 3.0})
    tracker.fail()
    assert points(read(run), "val_loss") == [(1, 3.0)]


def test_a_pruned_run_says_so(run, rows):
    tracker = TensorBoard("logs/tensorboard")
    tracker.start(run)
    tracker.epoch(rows[0])
    tracker.prune()
    events = read(run)
    (event,) = events.Tensors("state/text_summary")
    assert (event.step, event.tensor_proto.string_val[0]) == (1, b"pruned")
    assert points(events, "val_loss") == [(1, 1.5)]


def test_neither_torch_nor_tensorflow_is_imported(tmp_path):
    program = f"""
import sys
from pathlib import Path
from twinlib.tracking.tensorboard import TensorBoard
from twinlib.tracking.tracker import RunInfo
tracker = TensorBoard("logs")
tracker.start(RunInfo("0" * 64, None, "label", None, "train", {{}}, Path({str(tmp_path)!r})))
tracker.epoch({{"epoch": 1, "val_loss": 1.0}})
tracker.finish({{"test_loss": 1.0}}, [])
print(sorted({{"torch", "tensorflow", "keras"}} & set(sys.modules)))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
