import json
import os
import stat

from twinlib.launcher.pool import ANSWERS, Ended, Job, tell_trained


def job(tmp_path):
    return Job(3, {"lr": 0.1}, tmp_path / "sweep", "sweep")


def test_a_job_is_written_for_its_owner_only(tmp_path):
    written = job(tmp_path)
    written.write()
    assert json.loads(written.file.read_text()) == {
        "config": {"lr": 0.1},
        "group": "sweep",
        "result": str(tmp_path / "sweep" / "3.result.json"),
    }
    assert stat.S_IMODE(written.file.stat().st_mode) == 0o600


def test_an_answer_is_read_and_removed(tmp_path):
    ended = job(tmp_path)
    ended.write()
    ended.answer.write_text('{"objective": 1.0}')
    assert Ended.read(ended, 0, 2.0) == Ended(ended, 0, {"objective": 1.0}, 2.0)
    assert list(ended.folder.iterdir()) == []


def test_an_answer_of_a_failed_run_does_not_count(tmp_path):
    ended = job(tmp_path)
    ended.write()
    ended.answer.write_text('{"objective": 1.0}')
    assert Ended.read(ended, 137, 2.0).result is None


def test_a_run_without_an_answer_has_failed(tmp_path):
    ended = job(tmp_path)
    ended.write()
    assert Ended.read(ended, 0, 2.0).exit_code == 1
    ended.write()
    ended.answer.write_text("{")
    assert Ended.read(ended, 0, 2.0).exit_code == 1


def test_an_answer_of_an_earlier_job_is_not_taken_for_this_one(tmp_path):
    ended = job(tmp_path)
    ended.folder.mkdir()
    ended.answer.write_text('{"objective": 1.0}')
    ended.write()
    assert Ended.read(ended, 0, 2.0).result is None


def test_a_worker_says_that_it_has_trained(monkeypatch):
    read, write = os.pipe()
    monkeypatch.setenv(ANSWERS, f"{write} 5")
    tell_trained()
    os.close(write)
    assert os.read(read, 100) == b'{"number": 5, "code": null}\n'
    os.close(read)
    tell_trained()  # nobody listens
    monkeypatch.delenv(ANSWERS)
    tell_trained()  # a run on its own
