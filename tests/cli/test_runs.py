import json


def test_a_row_a_run_by_time(root, computed, say):
    record = computed(created="2026-03-02T00:00:00Z", accuracy=0.96875)
    other = computed("lr=3e-4", created="2026-03-01T00:00:00Z")
    first, second, *rows = [line.split() for line in say("runs").splitlines()]
    assert first == ["test", "test", "val"]
    assert second == ["name", "lr", "seed", "epochs", "loss", "accuracy", "loss", "seconds", "hash"]
    assert rows == [
        ["tiny/own", "0.0003", "0", "10", "0.5", "0.75", "0.625", "12.3", other.fingerprint[:12]],
        ["tiny/own", "0.001", "0", "10", "0.5", "0.9688", "0.625", "12.3", record.fingerprint[:12]],
    ]


def test_a_narrow_terminal_keeps_every_number(root, computed, say, monkeypatch):
    record = computed()
    monkeypatch.setenv("COLUMNS", "76")
    monkeypatch.setenv("FORCE_COLOR", "1")  # rich then takes what it writes to for a terminal
    text = say("runs")
    for piece in ("0.001", "0.625", "12.3", record.fingerprint[:12]):
        assert piece in text


def test_json_has_all(root, computed, say):
    record = computed("epochs=3")
    (row,) = json.loads(say("runs", "--json"))
    assert row == {
        "folder": str(record.folder),
        "name": "tiny/own",
        "fingerprint": record.fingerprint,
        "created": record.created,
        "seconds": 12.34,
        "host": record.host,
        "objective": "val_loss",
        "metrics": record.metrics,
        "settings": {"lr": 1e-3, "seed": 0, "epochs": 3},
    }


def test_no_run_yet(root, say):
    assert "make one with: python train.py" in say("runs")
    assert json.loads(say("runs", "--json")) == []


def test_another_store(root, computed, say):
    computed("store.path=elsewhere")
    assert json.loads(say("runs", "--json")) == []
    assert len(json.loads(say("runs", "--json", "store.path=elsewhere"))) == 1


def test_from_below_the_project(root, computed, say, monkeypatch):
    computed()
    monkeypatch.chdir(root / "data")
    assert "tiny/own" in say("runs")


def test_a_damaged_record_is_skipped_and_named(root, computed, capsys, say):
    record = computed()
    (record.folder / "weights.npy").unlink()
    assert json.loads(say("runs", "--json")) == []


def test_filters_and_order(root, computed, say):
    slow, fast = computed("lr=3e-4", accuracy=0.75), computed("lr=3e-3", accuracy=0.875)

    def found(*words):
        return [row["fingerprint"] for row in json.loads(say("runs", "--json", *words))]

    assert found("lr<1e-3") == [slow.fingerprint]
    assert found("model=linear", "metric.test_accuracy>0.8") == [fast.fingerprint]
    assert found("--sort", "lr", "--reverse") == [fast.fingerprint, slow.fingerprint]
    assert found("model=cnn") == []
    assert found("lr=3e-4", "store.path=elsewhere") == []
    assert "no such run" in say("runs", "model=cnn")


def test_one_run_is_for_show(root, refused):
    assert "twin show tiny/own" in refused("runs", "tiny/own")


def test_a_key_that_no_run_has(root, computed, refused):
    computed()
    assert refused("runs", "lrr=1") == "lrr: no run has such a key; did you mean lr?"
