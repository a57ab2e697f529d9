import io

import pytest

from twinlib.cli.progress import Progress

ROW = {"epoch": 2, "train_loss": 0.123456, "val_loss": 0.25, "val_accuracy": 0.9, "lr": 1e-3, "seconds": 1.26}
LINE = "epoch  2/10  train_loss 0.1235  val_loss 0.25  val_accuracy 0.9  lr 0.001  1.3 s\n"


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture(autouse=True)
def alone(monkeypatch):
    for name in ("RANK", "TF_CONFIG", "NODE_RANK", "LOCAL_RANK", "SLURM_PROCID"):
        monkeypatch.delenv(name, raising=False)


def epoch(out, progress=True):
    report = Progress({"epochs": 10, "progress": progress}, out)
    report.epoch_begins(2, 4)
    for _ in range(4):
        report.batch()
    report.epoch_ends(ROW)
    return out.getvalue()


def test_a_line_an_epoch_in_a_file():
    assert epoch(io.StringIO()) == LINE


def test_a_bar_in_a_terminal_that_leaves_the_line():
    shown = epoch(Terminal())
    assert "epoch  2/10:   0%" in shown
    assert "0/4" in shown
    assert shown.rpartition("\r")[2] == LINE


@pytest.mark.parametrize("out", [io.StringIO, Terminal])
def test_nothing_with_progress_false(out):
    assert epoch(out(), progress=False) == ""


def test_nothing_from_another_rank(monkeypatch):
    monkeypatch.setenv("RANK", "1")
    assert epoch(Terminal()) == ""


def test_a_training_that_ends_within_an_epoch_leaves_no_bar():
    out = Terminal()
    report = Progress({"epochs": 10, "progress": True}, out)
    report.epoch_begins(1, 4)
    report.batch()
    report.close()
    assert out.getvalue().endswith("\r")
    report.close()


def test_stderr_is_where_it_goes(capsys):
    report = Progress({"epochs": 10, "progress": True})
    report.epoch_begins(2, 4)
    report.epoch_ends(ROW)
    assert capsys.readouterr() == ("", LINE)
