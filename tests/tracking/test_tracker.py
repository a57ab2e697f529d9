import pytest

from twinlib.errors import UserError
from twinlib.tracking.csv import Csv
from twinlib.tracking.tensorboard import TensorBoard
from twinlib.tracking.tracker import Trackers, trackers

TWO = {
    "csv": {"_target_": "twinlib.tracking.csv.Csv", "folder": "logs"},
    "tensorboard": {"_target_": "twinlib.tracking.tensorboard.TensorBoard", "folder": "logs"},
}
RANKS = ("RANK", "TF_CONFIG", "NODE_RANK", "LOCAL_RANK", "SLURM_PROCID")


@pytest.fixture(autouse=True)
def alone(monkeypatch):
    for name in RANKS:
        monkeypatch.delenv(name, raising=False)


class Heard:
    def __init__(self):
        self.messages = []

    def start(self, run):
        self.messages.append(("start", run))

    def epoch(self, row):
        self.messages.append(("epoch", row))

    def finish(self, metrics, pictures):
        self.messages.append(("finish", metrics, pictures))

    def prune(self):
        self.messages.append(("prune",))

    def fail(self):
        self.messages.append(("fail",))


class Breaks(Heard):
    """Raises at one message."""

    def __init__(self, at):
        super().__init__()
        self.at = at

    def __getattribute__(self, name):
        if name == object.__getattribute__(self, "at"):
            raise OSError(28, "No space\nleft")
        return object.__getattribute__(self, name)


def tell_all(tracker, run, rows, metrics):
    tracker.start(run)
    for row in rows:
        tracker.epoch(row)
    tracker.finish(metrics, [])


def test_all_trackers_of_the_config_at_once(run, rows, metrics):
    several = trackers({"tracking": TWO})
    tell_all(several, run, rows, metrics)
    folder = run.folder / "logs" / f"{run.label}-0123456789ab"
    written = sorted(path.name.split(".")[0] for path in folder.iterdir())
    assert written == ["events", "history", "metrics"]


def test_no_trackers(run, rows, metrics, capsys):
    tell_all(trackers({"tracking": {}}), run, rows, metrics)
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("name", ["RANK", "SLURM_PROCID", "LOCAL_RANK"])
def test_only_the_first_process_logs(name, run, rows, metrics, monkeypatch):
    monkeypatch.setenv(name, "1")
    tell_all(trackers({"tracking": TWO}), run, rows, metrics)
    assert not (run.folder / "logs").exists()


def test_a_wrong_target_is_refused_before_the_training():
    with pytest.raises(UserError, match="Cvs"):
        trackers({"tracking": {"csv": {"_target_": "twinlib.tracking.csv.Cvs", "folder": "logs"}}})


@pytest.mark.parametrize(("at", "calls"), [("start", 0), ("epoch", 1), ("finish", 3)])
def test_a_tracker_that_fails_warns_once_and_the_others_go_on(at, calls, run, rows, metrics, capsys):
    broken, heard = Breaks(at), Heard()
    tell_all(Trackers({"broken": broken, "heard": heard}), run, rows, metrics)
    assert [message[0] for message in heard.messages] == ["start", "epoch", "epoch", "finish"]
    assert len(broken.messages) == calls
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    assert lines[0].startswith("warning: tracking.broken: OSError")
    assert "No space left" in lines[0]


def test_an_interrupt_is_no_failure_of_the_tracker(run):
    class Interrupted(Heard):
        def start(self, run):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Trackers({"interrupted": Interrupted()}).start(run)


def test_after_the_end_nothing_is_told(run, rows, metrics):
    heard = Heard()
    several = Trackers({"heard": heard})
    tell_all(several, run, rows, metrics)
    several.prune()
    several.fail()
    assert heard.messages[-1][0] == "finish"


def test_a_pruned_run_has_not_failed(run):
    heard = Heard()
    several = Trackers({"heard": heard})
    several.start(run)
    several.prune()
    several.fail()
    assert [message[0] for message in heard.messages] == ["start", "prune"]


def test_no_tracker_sees_a_secret(run):
    heard = Heard()
    Trackers({"heard": heard}).start(run)
    _, seen = heard.messages[0]
    assert seen.config["store"]["remote"] == "sftp://anna:***@host/runs"
    assert seen.fingerprint == run.fingerprint


def test_the_shipped_trackers_end_after_a_failure(run, rows):
    for tracker in (Csv("logs/csv"), TensorBoard("logs/tensorboard")):
        tracker.start(run)
        tracker.epoch(rows[0])
        tracker.fail()
    assert len(list(run.folder.glob("logs/*/*"))) == 2
