"""The store against killed processes, full disks and missing permissions, all real."""

import errno
import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from twinlib.errors import UserError
from twinlib.store.faults import explained
from twinlib.store.local import Store

Publish = Any  # conftest.py
OTHER = hashlib.sha256(b"another run").hexdigest()

# For n = 1, 2, … a child publishes in <folder>/<n> and is killed at the n-th of its steps: before and after each call
# that opens, writes, closes, syncs, moves, makes or removes something. Ends when a child gets through, and prints how
# many were killed.
KILLER = """
import os, shutil, signal, sys
from pathlib import Path
from twinlib.store.local import Store

template, folder, fingerprint = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]
CALLS = {"open", "write", "__exit__", "close", "fsync", "rename", "mkdir", "rmdir", "unlink"}

def killed_at(step):
    steps = 0
    def profile(frame, event, function):
        nonlocal steps
        if event in ("c_call", "c_return") and function.__name__ in CALLS:
            steps += 1
            if steps == step:
                os.kill(os.getpid(), signal.SIGKILL)
    return profile

step = 0
while True:
    step += 1
    shutil.copytree(template, folder / str(step))
    store = Store(folder / str(step))
    draft = store.draft("digits", fingerprint)
    (draft / "weights.pt").write_text("new!")
    (draft / "config.yaml").write_text("lr: 0.001")
    child = os.fork()
    if child == 0:
        sys.stderr = open(os.devnull, 'w')
        sys.setprofile(killed_at(step))
        store.publish(draft, fingerprint=fingerprint, label="digits", name=None, metrics={"x": 1.0}, objective="x",
                      seconds=1.0)
        sys.setprofile(None)
        os._exit(0)
    status = os.waitpid(child, 0)[1]
    if os.WIFEXITED(status):
        assert os.WEXITSTATUS(status) == 0, status
        break
    assert os.WTERMSIG(status) == signal.SIGKILL, status
print(step - 1)
"""


@pytest.mark.parametrize("before", ["nothing", "good", "damaged"])
def test_killed_at_any_step_of_publishing(
    tmp_path: Path, publish: Publish, fingerprint: str, capsys: Any, before: str
) -> None:
    template = Store(tmp_path / "template")
    publish(template, fingerprint=OTHER, weights=b"safe")
    if before != "nothing":
        folder = publish(template, weights=b"old!").folder
        if before == "damaged":
            (folder / "weights.pt").write_bytes(b"!dlo")
    (tmp_path / "killed").mkdir()
    command = [sys.executable, "-c", KILLER, template.path, tmp_path / "killed", fingerprint]
    steps = int(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout)
    assert steps >= 20

    seen = set()
    for step in range(1, steps + 2):
        store = Store(tmp_path / "killed" / str(step))
        record = store.find(fingerprint, "digits")
        content = None if record is None else (record.folder / "weights.pt").read_bytes()
        seen.add(content)
        for visible in store.records():
            if before != "damaged" or visible.fingerprint == OTHER:
                visible.verify()
        if before != "damaged":
            assert capsys.readouterr().err == ""  # nothing half-visible, not even to be refused
        other = store.find(OTHER, "digits")
        assert other is not None and (other.folder / "weights.pt").read_bytes() == b"safe"

        after = publish(store, weights=b"next")
        assert store.find(fingerprint, "digits") == after
        assert (after.folder / "weights.pt").read_bytes() == (content or b"next")
        capsys.readouterr()
    assert seen == ({b"old!"} if before == "good" else {None, b"new!"})


def fill(disk: Path, leave: int) -> Path:
    """Write a file that leaves so many bytes of the disk."""
    filler = disk / "filler"
    free = os.statvfs(disk)
    filler.write_bytes(b"\0" * max(0, free.f_bavail * free.f_frsize - leave))
    return filler


def test_a_full_disk(small_disk: Path, publish: Publish, fingerprint: str) -> None:
    store = Store(small_disk / "runs")
    publish(store, fingerprint=OTHER, weights=b"safe")
    draft = store.draft("digits", fingerprint)
    (draft / "weights.pt").write_bytes(b"1234")
    filler = fill(small_disk, leave=0)
    rest: dict[str, Any] = {
        "fingerprint": fingerprint,
        "label": "digits",
        "name": None,
        "metrics": {"x": 1.0},
        "objective": "x",
        "seconds": 1.0,
    }
    with pytest.raises(UserError, match=f"no space left on device; free some space.*; the result stays in {draft}"):
        store.publish(draft, **rest)
    assert store.find(fingerprint, "digits") is None
    assert [record.fingerprint for record in store.records()] == [OTHER]

    filler.unlink()
    assert store.publish(draft, **rest) == store.find(fingerprint, "digits")


def test_a_disk_that_fills_anywhere_on_the_way(small_disk: Path, publish: Publish, fingerprint: str) -> None:
    store = Store(small_disk / "runs")
    first = publish(store, fingerprint=OTHER, weights=b"safe")
    failed = 0
    for pages in range(100):
        filler = fill(small_disk, leave=pages * 4096)
        try:
            record = publish(store)
        except (UserError, OSError) as error:  # an OSError: while the test itself writes the draft
            failed += 1
            assert isinstance(error, UserError) or error.errno == errno.ENOSPC
            assert store.find(fingerprint, "digits") is None
            assert list(store.records()) == [first]
            filler.unlink()
        else:
            assert store.find(fingerprint, "digits") == record
            break
    assert failed > 3
    assert len(list(store.records())) == 2


def test_a_disk_that_is_mounted_read_only(small_disk: Path, publish: Publish, fingerprint: str) -> None:
    store = Store(small_disk / "runs")
    record = publish(store, fingerprint=OTHER)
    draft = store.draft("digits", fingerprint)
    subprocess.run(["mount", "-o", "remount,ro", small_disk], check=True)
    assert store.find(OTHER, "digits") == record
    assert store.find(fingerprint, "digits") is None
    with pytest.raises(UserError, match=r"read-only file system; get permission for it, or set store.path"):
        store.draft("digits", fingerprint)
    with pytest.raises(UserError, match=f"read-only file system.*the result stays in {draft}"):
        store.publish(
            draft, fingerprint=fingerprint, label="digits", name=None, metrics={"x": 1.0}, objective="x", seconds=1.0
        )


# Prints the first UserError of each of some actions in ./runs, done by a user without rights.
NOBODY = """
import json, os, sys
from pathlib import Path
from twinlib.errors import UserError
from twinlib.store import lock
from twinlib.store.local import Store

if os.getuid() == 0:  # permission bits do not bind root
    os.setgroups([])
    os.setgid(65534)
    os.setuid(65534)
store, fingerprint, other = Store(Path("runs")), sys.argv[1], sys.argv[2]

def hold():
    with lock.lock(store.path, fingerprint):
        pass

actions = {
    "find": lambda: store.find(fingerprint, "digits"),
    "find other": lambda: store.find(other, "digits"),
    "draft": lambda: store.draft("digits", fingerprint),
    "lock": hold,
    "records": lambda: len(list(store.records())),
}
answers = {}
for name, action in actions.items():
    try:
        answers[name] = str(action())
    except UserError as error:
        answers[name] = f"error: {error}"
print(json.dumps(answers))
"""


def as_nobody(folder: Path, fingerprint: str) -> tuple[dict[str, str], str]:
    folder.chmod(0o755)
    command = [sys.executable, "-c", NOBODY, fingerprint, OTHER]
    environment = os.environ | {"PYTHONPATH": str(Path.cwd())}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout), done.stderr


def test_a_store_without_write_permission_gives_hits_and_says_what_to_do(
    tmp_path: Path, store: Store, publish: Publish, fingerprint: str
) -> None:
    publish(store, fingerprint=OTHER)
    for folder in (store.path, store.path / ".draft"):
        folder.chmod(0o555)
    answers, _ = as_nobody(tmp_path, fingerprint)
    assert answers["find"] == "None"
    assert answers["find other"].startswith("Record(")
    assert answers["records"] == "1"
    assert answers["draft"].startswith("error: runs/.draft/digits-")
    assert answers["draft"].endswith(
        "permission denied; get permission for it, or set store.path to a folder of your own"
    )
    assert answers["lock"].startswith("error: runs/.locks: permission denied")


def test_a_record_that_may_not_be_read_is_not_taken_for_a_damaged_one(
    tmp_path: Path, store: Store, publish: Publish, fingerprint: str
) -> None:
    private = publish(store).folder
    publish(store, fingerprint=OTHER)
    private.chmod(0o700)
    try:
        if os.getuid() != 0:
            private.chmod(0)
        answers, errors = as_nobody(tmp_path, fingerprint)
    finally:
        private.chmod(0o755)
    assert answers["find"].startswith(f"error: runs/{private.name}/record.json: permission denied")
    assert answers["records"] == "1"
    assert f"skipped runs/{private.name}" in errors


def test_a_file_in_place_of_the_store(tmp_path: Path, fingerprint: str) -> None:
    (tmp_path / "runs").write_text("")
    store = Store(tmp_path / "runs")
    for act in (store.find, lambda *_: next(store.records()), lambda *_: store.draft("digits", fingerprint)):
        with pytest.raises(UserError, match=r"runs.*; set store.path to a folder"):
            act(fingerprint, "digits")


def test_other_errors_stay_what_they_are(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="no mend") as caught, explained(tmp_path):
        raise OSError(errno.EIO, "no mend")
    assert not isinstance(caught.value, UserError)
