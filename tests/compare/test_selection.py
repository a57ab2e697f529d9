import pytest

from twinlib.compare.selection import choose
from twinlib.errors import UserError


def hashes(lab, *words):
    return sorted(run.hash for run in choose(words, lab.root).runs)


def short(*records):
    return sorted(record.fingerprint[:12] for record in records)


def test_all_some_or_the_named_runs(lab):
    slow, fast = lab.record(lr=0.01), lab.record(lr=1.0)
    assert hashes(lab) == short(slow, fast)
    assert hashes(lab, "lr<0.1") == short(slow)
    assert hashes(lab, fast.folder.name) == short(fast)
    assert hashes(lab, fast.fingerprint[:8], slow.fingerprint[:8]) == short(slow, fast)
    assert hashes(lab, fast.fingerprint[:8], slow.fingerprint[:8], "lr=1") == short(fast)


def test_a_run_that_is_named_twice_is_there_once(lab):
    record = lab.record()
    assert hashes(lab, record.folder.name, record.fingerprint) == short(record)


def test_a_folder_outside_the_store(lab, tmp_path):
    record = lab.record()
    moved = record.folder.rename(tmp_path / "elsewhere")
    assert hashes(lab, str(moved)) == short(record)


def test_the_points_of_a_sweep_cached_ones_and_failed_ones(lab):
    first, second, other = lab.record(lr=1.0), lab.record(lr=2.0), lab.record(lr=3.0)
    lab.sweep(other, name="sweep-0", ended="2025-01-01T00:00:00Z")
    lab.sweep(first, second, failed=1)
    for word in ("last", "sweep-1"):
        chosen = choose([word], lab.root)
        assert sorted(run.hash for run in chosen.runs) == short(first, second)
        assert {run.state for run in chosen.runs} == {"cached"}
        assert [point.error for point in chosen.without] == ["it broke"]
    assert hashes(lab, "last", "lr=2") == short(second)
    assert hashes(lab, "sweep-0", "sweep-1") == short(first, second, other)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["sweep"], "2 sweeps begin so"),
        (["lr>100"], "no run to compare"),
        (["nothing"], "no such run"),
        (["mnist/*"], "no experiment has such a name"),
        (["lrr=1"], "did you mean lr"),
    ],
)
def test_mistakes(lab, words, told):
    record = lab.record()
    lab.sweep(record), lab.sweep(record, name="sweep-2")
    with pytest.raises(UserError, match=told):
        choose(words, lab.root)


def test_no_sweep_yet(lab):
    lab.record()
    with pytest.raises(UserError, match="no sweep yet"):
        choose(["last"], lab.root)


def test_the_objective_is_that_of_most_runs(lab):
    lab.record(lr=1.0), lab.record(lr=2.0)
    chosen = choose([], lab.root)
    assert (chosen.objective, chosen.minimize) == ("val_loss", True)
    lab.record(lr=3.0, direction="maximize")
    assert not choose([], lab.root).minimize
