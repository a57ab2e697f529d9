import json


def test_table(root, computed, say):
    first, second = computed(accuracy=0.96875), computed("lr=3e-4")
    rows = [line.split() for line in say("compare").splitlines()]
    assert rows[0] == ["val", "test", "test"]
    assert rows[1] == ["lr", "loss", "loss", "accuracy", "seconds", "hash"]
    assert sorted(rows[2:]) == sorted(
        [
            ["0.001", "0.625", "0.5", "0.9688", "12.3", first.fingerprint[:12]],
            ["0.0003", "0.625", "0.5", "0.75", "12.3", second.fingerprint[:12]],
        ]
    )


def test_json_and_page(root, computed, say):
    record, _ = computed(), computed("lr=3e-4")
    (row,) = json.loads(say("compare", "tiny/own", "--json", "-o", "made/page.html"))
    assert row == {
        "folder": str(record.folder),
        "name": "tiny/own",
        "fingerprint": record.fingerprint,
        "state": None,
        "seconds": 12.34,
        "objective": "val_loss",
        "metrics": record.metrics,
        "differs": {},
    }
    assert record.fingerprint[:12] in (root / "made" / "page.html").read_text()


def test_several_experiments_by_a_pattern(root, computed, say):
    record = computed()
    computed("lr=3e-4")
    (row,) = json.loads(say("compare", "*", "--json"))  # the data of the others are missing
    assert row["fingerprint"] == record.fingerprint


def test_mistakes(root, computed, refused):
    assert "no run to compare" in refused("compare")
    computed()
    assert "page.txt.html" in refused("compare", "-o", "page.txt")
    (root / "file").write_text("")
    assert "-o" in refused("compare", "-o", "file/page.html")
