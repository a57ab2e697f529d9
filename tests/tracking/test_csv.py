import csv

from twinlib.tracking.csv import Csv


def read(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_history_grows_with_every_epoch(run, rows, metrics):
    tracker = Csv("logs/csv")
    tracker.start(run)
    history = run.folder / "logs/csv" / run.folder_name / "history.csv"
    for number, row in enumerate(rows, start=1):
        tracker.epoch(row)
        assert len(read(history)) == number
    tracker.finish(metrics, [])
    assert [{key: float(value) for key, value in row.items()} for row in read(history)] == rows
    (final,) = read(history.with_name("metrics.csv"))
    assert final["fingerprint"] == run.fingerprint
    assert final["name"] == "mnist/cnn"
    assert {key: float(final[key]) for key in metrics} == metrics


def test_a_column_that_comes_later(run, rows):
    tracker = Csv("logs")
    tracker.start(run)
    tracker.epoch(rows[0])
    tracker.epoch({**rows[1], "val_mae": 0.125})
    first, second = read(run.folder / "logs" / run.folder_name / "history.csv")
    assert (first["val_mae"], second["val_mae"]) == ("", "0.125")


def test_a_second_attempt_leaves_nothing_of_the_first(run, rows, metrics):
    first = Csv("logs")
    first.start(run)
    first.epoch(rows[0])
    first.finish(metrics, [])
    Csv("logs").start(run)
    assert not list((run.folder / "logs" / run.folder_name).iterdir())


def test_a_pruned_run_says_so(run, rows):
    tracker = Csv("logs")
    tracker.start(run)
    tracker.epoch(rows[0])
    tracker.prune()
    folder = run.folder / "logs" / run.folder_name
    assert len(read(folder / "history.csv")) == 1
    assert read(folder / "metrics.csv") == [{"fingerprint": run.fingerprint, "name": "mnist/cnn", "state": "pruned"}]


def test_every_digit_is_kept(run):
    tracker = Csv("logs")
    tracker.start(run)
    tracker.epoch({"epoch": 1, "val_loss": 0.1 + 0.2})
    (row,) = read(run.folder / "logs" / run.folder_name / "history.csv")
    assert float(row["val_loss"]) == 0.1 + 0.2
