import json
import socket
import struct
import sys
import time
from dataclasses import replace

import pytest
import wandb as library

from twinlib.errors import UserError
from twinlib.tracking.tracker import Trackers
from twinlib.tracking.wandb import Wandb, choose_mode

KEY = "f00dfeed" * 5
HOST = "http://127.0.0.1:9"


@pytest.fixture(autouse=True)
def clean(monkeypatch, tmp_path):
    """No key, no settings and no terminal of whoever runs the tests."""
    for name in ("WANDB_API_KEY", "WANDB_MODE", "WANDB_BASE_URL", "WANDB_IDENTITY_TOKEN_FILE", "WANDB_DIR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    monkeypatch.setenv("WANDB_CONFIG_DIR", str(tmp_path / "settings"))
    monkeypatch.setenv("WANDB_ERROR_REPORTING", "false")
    yield
    library.teardown()


def netrc(tmp_path, machine):
    path = tmp_path / "netrc"
    path.write_text(f"machine {machine}\n  login user\n  password {KEY}\n")
    path.chmod(0o600)


def records(file):
    """The records of a .wandb file: a LevelDB log of protocol buffers after a header of 7 bytes."""
    from wandb.proto.wandb_internal_pb2 import Record

    raw, at, parts = file.read_bytes(), 7, b""
    assert raw[:4] in (b":W&B", b"")
    while at + 7 <= len(raw):
        left = 32768 - at % 32768
        if left < 7:
            at += left
            continue
        length, kind = struct.unpack("<HB", raw[at + 4 : at + 7])
        if at + 7 + length > len(raw):
            return  # is still being written
        parts += raw[at + 7 : at + 7 + length]
        at += 7 + length
        if kind in (1, 4):  # whole, or last of several
            record = Record()
            record.ParseFromString(parts)
            parts = b""
            yield record


def of_kind(file, kind):
    """The records of one kind of a run that is over: its file is complete shortly after `finish` returns."""
    ends = time.monotonic() + 20
    while "exit" not in [record.WhichOneof("record_type") for record in records(file)]:
        assert time.monotonic() < ends, f"{file} never ends"
        time.sleep(0.02)
    return [getattr(record, kind) for record in records(file) if record.WhichOneof("record_type") == kind]


def items(message):
    return {
        item.key or ".".join(item.nested_key): json.loads(item.value_json)
        for item in (message.update if hasattr(message, "update") else message.item)
    }


@pytest.fixture(scope="module")
def offline(tmp_path_factory):
    """One offline run, told everything through the composite, with a key in the environment."""
    from matplotlib.figure import Figure

    from twinlib.tracking.tracker import RunInfo

    folder = tmp_path_factory.mktemp("project")
    picture = folder / "learning_curve.png"
    Figure(figsize=(2, 1), dpi=50).savefig(picture)
    config = {"lr": 1e-3, "model": {"filters": [32, 64]}, "api_key": KEY, "store": {"remote": "s3://a:b@c"}}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WANDB_API_KEY", KEY)
        patch.setenv("WANDB_CONFIG_DIR", str(folder / "settings"))
        patch.setenv("WANDB_ERROR_REPORTING", "false")
        tracker = Trackers({"wandb": Wandb("twins", "offline", ".")})
        tracker.start(RunInfo("0123456789abcdef" * 4, "mnist/cnn", "mnist-cnn", "sweep-7", "train", config, folder))
        tracker.epoch({"epoch": 1, "val_loss": 1.5})
        tracker.epoch({"epoch": 2, "val_loss": 0.75})
        tracker.finish({"test_accuracy": 0.875}, [picture])
        library.teardown()
    return folder


@pytest.fixture
def file(offline):
    (found,) = offline.glob("wandb/offline-run-*-0123456789ab/run-0123456789ab.wandb")
    return found


def test_offline_run_has_id_name_group_job_type_and_project(file):
    (run, *_) = of_kind(file, "run")
    assert (run.run_id, run.display_name, run.run_group, run.job_type, run.project) == (
        "0123456789ab",
        "mnist-cnn-0123456789ab",
        "sweep-7",
        "train",
        "twins",
    )


def test_only_points_of_a_sweep_are_named_as_their_records(run, rows, metrics):
    tracker = Wandb("twins", "offline", ".")
    tracker.start(replace(run, group=None))
    tracker.finish(metrics, [])
    (file,) = run.folder.glob("wandb/offline-run-*/*.wandb")
    (first, *_) = of_kind(file, "run")
    assert (first.display_name, first.run_group) == ("mnist/cnn", "")


def test_offline_run_has_config_and_fingerprint(file):
    (run, *_) = of_kind(file, "run")
    config = items(run.config)
    assert config["lr"] == 1e-3
    assert config["model"] == {"filters": [32, 64]}
    assert config["fingerprint"] == "0123456789abcdef" * 4


def test_offline_run_has_history_by_epoch(file):
    rows = [items(history) for history in of_kind(file, "history")]
    epochs = [row for row in rows if "val_loss" in row]
    assert [(row["epoch"], row["val_loss"], row["_step"]) for row in epochs] == [(1, 1.5, 1), (2, 0.75, 2)]


def test_offline_run_has_metrics_pictures_and_exit_code(file):
    summary = {key: value for part in of_kind(file, "summary") for key, value in items(part).items()}
    assert summary["test_accuracy"] == 0.875
    (kept,) = file.parent.glob("files/media/images/learning_curve*.png")
    assert kept.read_bytes()[:4] == b"\x89PNG"
    assert [left.exit_code for left in of_kind(file, "exit")] == [0]


def test_no_file_holds_a_secret(offline):
    files = [path for path in offline.rglob("*") if path.is_file()]
    assert len(files) > 4
    for path in files:
        assert KEY.encode() not in path.read_bytes(), path
        assert b"a:b@c" not in path.read_bytes(), path


def test_a_failed_run_says_so(run, rows):
    tracker = Wandb("twins", "offline", ".")
    tracker.start(run)
    tracker.epoch(rows[0])
    tracker.fail()
    (file,) = run.folder.glob("wandb/offline-run-*/*.wandb")
    assert [left.exit_code for left in of_kind(file, "exit")] == [1]


def test_a_pruned_run_is_finished_and_says_so(run, rows):
    tracker = Wandb("twins", "offline", ".")
    tracker.start(run)
    tracker.epoch(rows[0])
    tracker.prune()
    (file,) = run.folder.glob("wandb/offline-run-*/*.wandb")
    assert [left.exit_code for left in of_kind(file, "exit")] == [0]
    assert list(of_kind(file, "run")[-1].tags) == ["pruned"]


def test_offline_prints_nothing_and_asks_nothing(run, rows, metrics, capfd, monkeypatch):
    monkeypatch.setattr(sys, "stdin", None)
    tracker = Wandb("twins", "auto", ".")
    tracker.start(run)
    tracker.epoch(rows[0])
    tracker.finish(metrics, [])
    assert capfd.readouterr() == ("", "")


def test_a_run_left_open_by_others_is_not_taken(run, rows, metrics, tmp_path):
    with library.init(mode="offline", id="other", dir=tmp_path, settings=library.Settings(silent=True)) as other:
        tracker = Wandb("twins", "offline", ".")
        tracker.start(run)
        tracker.epoch(rows[0])
        tracker.finish(metrics, [])
        other.log({"a": 1})
    assert len(list(run.folder.glob("wandb/offline-run-*-0123456789ab"))) == 1


def test_no_key_is_offline():
    assert choose_mode("auto") == "offline"


def test_a_key_in_the_environment_is_online(monkeypatch):
    monkeypatch.setenv("WANDB_API_KEY", KEY)
    assert choose_mode("auto") == "online"
    assert choose_mode("offline") == "offline"


def test_an_empty_key_is_none(monkeypatch):
    monkeypatch.setenv("WANDB_API_KEY", "")
    assert choose_mode("auto") == "offline"


def test_a_key_that_cannot_be_one_is_offline_with_a_warning(monkeypatch, capsys):
    monkeypatch.setenv("WANDB_API_KEY", "two words")
    assert choose_mode("auto") == "offline"
    captured = capsys.readouterr().err
    assert captured.startswith("warning: tracking.wandb: AuthenticationError: WANDB_API_KEY")
    assert "two words" not in captured


def test_netrc_of_the_public_server(tmp_path):
    netrc(tmp_path, "api.wandb.ai")
    assert choose_mode("auto") == "online"


@pytest.mark.parametrize(("machine", "mode"), [("127.0.0.1:9", "online"), ("api.wandb.ai", "offline")])
def test_netrc_of_an_own_server(tmp_path, monkeypatch, machine, mode):
    monkeypatch.setenv("WANDB_BASE_URL", HOST)
    netrc(tmp_path, machine)
    assert choose_mode("auto") == mode


@pytest.mark.parametrize(("named", "mode"), [("offline", "offline"), ("disabled", "disabled"), ("online", "online")])
def test_wandb_mode_decides_before_auto(monkeypatch, named, mode):
    monkeypatch.setenv("WANDB_API_KEY", KEY)
    monkeypatch.setenv("WANDB_MODE", named)
    assert choose_mode("auto") == mode
    assert choose_mode("online") == "online"


def test_online_without_a_key_is_offline_with_a_warning(capsys):
    assert choose_mode("online") == "offline"
    assert "needs a key" in capsys.readouterr().err


def test_a_server_that_cannot_be_reached_is_logged_offline(run, rows, metrics, monkeypatch, capsys):
    with socket.socket() as taken:  # bound but not listening: every connection is refused
        taken.bind(("127.0.0.1", 0))
        monkeypatch.setenv("WANDB_BASE_URL", f"http://127.0.0.1:{taken.getsockname()[1]}")
        monkeypatch.setenv("WANDB_API_KEY", KEY)
        monkeypatch.setenv("WANDB_INIT_TIMEOUT", "1")
        tracker = Wandb("twins", "auto", ".")
        tracker.start(run)
        tracker.epoch(rows[0])
        tracker.finish(metrics, [])
    (file,) = run.folder.glob("wandb/offline-run-*-0123456789ab/*.wandb")
    assert [items(history)["val_loss"] for history in of_kind(file, "history")] == [1.5]
    captured = capsys.readouterr().err
    assert "this run is logged offline" in captured
    assert KEY not in captured


def test_an_unknown_mode_is_refused():
    with pytest.raises(UserError, match=r"tracking\.wandb\.mode=quiet: choose one of auto, offline, online"):
        Wandb("twins", "quiet", ".")
