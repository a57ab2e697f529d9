import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest

from twinlib.errors import UserError
from twinlib.store import lock as locks
from twinlib.store.local import Store
from twinlib.store.lock import Owner, lock

KEY = "5e1f" * 16
HERE = Owner(os.uname().nodename, locks._machine(), os.getpid(), str(locks._started(os.getpid())))
ELSEWHERE = replace(HERE, host="node-7", machine="node-7 another boot")


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(locks, "POLL", 0.005)


def leave(folder: Path, owner: Owner | None, age: float = 0.0, number: int = 0) -> Path:
    """The lock that an owner has taken and not touched for `age` seconds."""
    (folder / ".locks").mkdir(exist_ok=True)
    path = folder / ".locks" / f"{KEY}.{number}"
    path.write_text("" if owner is None else json.dumps(asdict(owner)))
    os.utime(path, (time.time() - age, time.time() - age))
    return path


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in (folder / ".locks").iterdir())


class Waiter(threading.Thread):
    """Takes the lock once; `waits_for` lists whom it had to wait for."""

    def __init__(self, folder: Path) -> None:
        super().__init__(daemon=True)
        self.folder = folder
        self.waits_for: list[Owner] = []
        self.waits, self.holds, self.may_end = threading.Event(), threading.Event(), threading.Event()
        self.start()

    def run(self) -> None:
        with lock(self.folder, KEY, self._waiting):
            self.holds.set()
            self.may_end.wait()

    def _waiting(self, owner: Owner) -> None:
        self.waits_for.append(owner)
        self.waits.set()

    def end(self) -> None:
        self.may_end.set()
        self.join()


@contextmanager
def process(program: str, *arguments: object) -> Iterator[Any]:
    """A process to talk with line by line."""
    command = [sys.executable, "-c", program, *map(str, arguments)]
    talk = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        yield talk
    finally:
        talk.kill()
        talk.communicate()


def test_a_free_lock_is_taken_and_leaves_nothing(tmp_path: Path) -> None:
    with lock(tmp_path / "runs", KEY):
        assert files(tmp_path / "runs") == [f"{KEY}.0"]
        assert Owner(**json.loads((tmp_path / "runs" / ".locks" / f"{KEY}.0").read_text())) == HERE
    assert files(tmp_path / "runs") == []


def test_it_is_released_when_the_body_fails(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), lock(tmp_path, KEY):
        raise ZeroDivisionError
    assert files(tmp_path) == []


def test_keys_do_not_wait_for_each_other(tmp_path: Path) -> None:
    with lock(tmp_path, KEY), lock(tmp_path, KEY[:-1]), lock(tmp_path, KEY + ".0"):
        assert len(files(tmp_path)) == 3


def test_a_second_one_waits_and_is_told_once_for_whom(tmp_path: Path) -> None:
    with lock(tmp_path, KEY):
        waiter = Waiter(tmp_path)
        waiter.waits.wait()
        time.sleep(20 * locks.POLL)
        assert not waiter.holds.is_set()
        assert waiter.waits_for == [HERE]
    waiter.holds.wait()
    waiter.end()
    assert files(tmp_path) == []


HOLDER = """
import sys
from pathlib import Path
from twinlib.store.lock import lock
with lock(Path(sys.argv[1]), sys.argv[2]):
    print("holds", flush=True)
    sys.stdin.readline()
"""


def test_the_lock_of_a_killed_process_is_taken_over(tmp_path: Path) -> None:
    with process(HOLDER, tmp_path, KEY) as holder:
        assert holder.stdout.readline() == "holds\n"
        waiter = Waiter(tmp_path)
        waiter.waits.wait()
        assert not waiter.holds.is_set()
        holder.send_signal(signal.SIGKILL)
        waiter.holds.wait()  # although the process has not been waited for, and is a zombie
        assert [owner.pid for owner in waiter.waits_for] == [holder.pid]
        assert Path(f"/proc/{holder.pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
        waiter.end()
    with lock(tmp_path, KEY):
        pass


def test_a_stopped_process_keeps_its_lock_however_old_the_heartbeat(tmp_path: Path) -> None:
    with process(HOLDER, tmp_path, KEY) as holder:
        assert holder.stdout.readline() == "holds\n"
        holder.send_signal(signal.SIGSTOP)
        os.utime(tmp_path / ".locks" / f"{KEY}.0", (0, 0))
        waiter = Waiter(tmp_path)
        waiter.waits.wait()
        time.sleep(20 * locks.POLL)
        assert not waiter.holds.is_set()
        holder.send_signal(signal.SIGKILL)
        waiter.holds.wait()
        waiter.end()


def test_a_process_with_the_same_number_is_not_the_owner(tmp_path: Path) -> None:
    leave(tmp_path, replace(HERE, started="1"))
    with lock(tmp_path, KEY):
        assert files(tmp_path) == [f"{KEY}.0", f"{KEY}.1"]


@pytest.mark.parametrize("owner", [ELSEWHERE, None])
def test_an_owner_elsewhere_or_unknown_is_dead_when_its_heartbeat_is_old(tmp_path: Path, owner: Owner | None) -> None:
    limit = locks.STALE if owner else locks.UNWRITTEN
    left = leave(tmp_path, owner, age=limit / 2)
    waiter = Waiter(tmp_path)
    time.sleep(20 * locks.POLL)
    assert not waiter.holds.is_set()
    leave(tmp_path, owner, age=limit + 10)
    waiter.holds.wait()
    waiter.end()
    assert waiter.waits_for == ([owner] if owner else [])
    assert files(tmp_path) == [left.name]


def test_the_clock_of_this_host_does_not_matter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    leave(tmp_path, ELSEWHERE)
    monkeypatch.setattr(time, "time", lambda: 4e9)
    monkeypatch.setattr(time, "time_ns", lambda: 4 * 10**18)
    waiter = Waiter(tmp_path)
    waiter.waits.wait()
    time.sleep(20 * locks.POLL)
    assert not waiter.holds.is_set()
    os.utime(tmp_path / ".locks" / f"{KEY}.0", (0, 0))
    waiter.holds.wait()
    waiter.end()


@pytest.mark.parametrize("text", ["{", "[]", "{}", '{"pid": 1}', json.dumps(asdict(replace(HERE, pid=-1))), "\xff"])
def test_a_lock_that_nobody_can_read_is_judged_by_its_age(tmp_path: Path, text: str) -> None:
    path = leave(tmp_path, None)
    path.write_text(text, encoding="latin-1")
    waiter = Waiter(tmp_path)
    time.sleep(20 * locks.POLL)
    assert not waiter.holds.is_set()
    os.utime(path, (0, 0))
    waiter.holds.wait()
    waiter.end()


def test_a_held_lock_is_touched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(locks, "HEARTBEAT", 0.01)
    with lock(tmp_path, KEY):
        path = tmp_path / ".locks" / f"{KEY}.0"
        os.utime(path, (0, 0))
        while path.stat().st_mtime < 1e9:
            time.sleep(0.005)
    assert [thread for thread in threading.enumerate() if thread.name == "lock heartbeat"] == []


def test_what_the_dead_left_counts_only_as_long_as_nobody_came_after(tmp_path: Path) -> None:
    leave(tmp_path, replace(HERE, started="1"), number=0)
    leave(tmp_path, replace(HERE, started="2"), number=9)
    leave(tmp_path, HERE, number=10)
    waiter = Waiter(tmp_path)
    waiter.waits.wait()
    assert waiter.waits_for == [HERE]
    leave(tmp_path, replace(HERE, started="3"), number=10)
    waiter.holds.wait()
    assert files(tmp_path) == [f"{KEY}.{number}" for number in (0, 10, 11, 9)]
    waiter.end()


def test_a_number_that_is_used_again_is_not_taken_for_the_dead_ones(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An owner releases and ends, and another follows, between the reading of a lock and the look at its owner."""
    leave(tmp_path, replace(HERE, started="1"))
    dead = locks._dead

    def followed(owner: Owner | None, path: Path) -> bool:
        answer = dead(owner, path)
        if owner and owner.started == "1":
            leave(tmp_path, HERE)
        return answer

    monkeypatch.setattr(locks, "_dead", followed)
    waiter = Waiter(tmp_path)
    waiter.waits.wait()
    assert waiter.waits_for == [HERE] and not waiter.holds.is_set()
    (tmp_path / ".locks" / f"{KEY}.0").unlink()
    waiter.holds.wait()
    waiter.end()


# Takes the lock some times and writes down when it goes in and out. Kills itself where its random numbers say so; one
# does so between making the lock and writing its name into it.
CONTENDER = """
import os, random, signal, sys, time
from pathlib import Path
from twinlib.store import lock as locks

folder, seed, times = Path(sys.argv[1]), int(sys.argv[2]), 20
locks.POLL = 0.002
locks.UNWRITTEN = 3.0
chance = random.Random(seed)
log = os.open(folder / "log", os.O_CREAT | os.O_WRONLY | os.O_APPEND)

def die():
    os.kill(os.getpid(), signal.SIGKILL)

machine = locks._machine
def machine_or_death():
    if sys._getframe(1).f_code.co_name == "_create" and seed == 5 and turn == 3:
        die()
    return machine()
locks._machine = machine_or_death

for turn in range(times):
    with locks.lock(folder, "key"):
        os.write(log, f"in {seed}.{turn}\\n".encode())
        time.sleep(chance.random() * 0.002)
        if chance.random() < 0.05:
            die()
        os.write(log, f"out {seed}.{turn}\\n".encode())
"""


def test_many_that_want_one_lock_and_die_with_it(tmp_path: Path) -> None:
    """Whenever one dies another starts."""

    def start(seed: int) -> subprocess.Popen[bytes]:
        return subprocess.Popen([sys.executable, "-c", CONTENDER, tmp_path, str(seed)])

    running, started, killed = [start(seed) for seed in range(6)], 6, 0
    while running:
        code = running.pop(0).wait()
        assert code in (0, -signal.SIGKILL)
        if code and started < 25:
            running.append(start(started))
            started += 1
        killed += code != 0

    inside, left = None, set()
    for line in (tmp_path / "log").read_text().splitlines():
        act, turn = line.split()
        if act == "in":
            inside = turn  # whoever was in before and has not left was killed, and so never leaves
        else:
            assert turn == inside, f"{turn} was in together with {inside}"
            left.add(turn)
            inside = None
    assert killed > 5 and len(left) > 100
    with lock(tmp_path, "key"):
        pass


# One run, as the library computes it: lock, look again, compute, publish. Says what it did.
RUN = """
import sys
from pathlib import Path
from twinlib.store import lock as locks
from twinlib.store.local import Store

locks.POLL = 0.01
store, fingerprint = Store(Path(sys.argv[1])), sys.argv[2]
assert store.find(fingerprint, "digits") is None
with locks.lock(store.path, fingerprint, lambda owner: print("waits for", owner.pid, flush=True)):
    if store.find(fingerprint, "digits") is not None:
        print("found")
        sys.exit()
    draft = store.draft("digits", fingerprint)
    print("computes", flush=True)
    sys.stdin.readline()
    (draft / "weights.pt").write_text("1234")
    store.publish(draft, fingerprint=fingerprint, label="digits", name=None, metrics={"x": 1.0}, objective="x",
                  seconds=1.0)
    print("published")
"""


def test_of_two_that_want_the_same_run_one_computes_and_the_other_finds_it(tmp_path: Path) -> None:
    with process(RUN, tmp_path / "runs", KEY) as first, process(RUN, tmp_path / "runs", KEY) as second:
        if first.stdout.readline() != "computes\n":
            first, second = second, first
            assert first.stdout.readline() == "computes\n"
        else:
            assert second.stdout.readline() == f"waits for {first.pid}\n"
        assert first.communicate("go\n")[0] == "published\n"
        assert second.communicate()[0] == "found\n"
    assert len(list(Store(tmp_path / "runs").records())) == 1


def test_when_the_one_that_computes_is_killed_the_other_computes(tmp_path: Path) -> None:
    with process(RUN, tmp_path / "runs", KEY) as first:
        assert first.stdout.readline() == "computes\n"
        with process(RUN, tmp_path / "runs", KEY) as second:
            assert second.stdout.readline() == f"waits for {first.pid}\n"
            first.kill()
            assert second.stdout.readline() == "computes\n"
            assert second.communicate("go\n")[0] == "published\n"
    assert len(list(Store(tmp_path / "runs").records())) == 1


def test_a_folder_that_cannot_be_is_explained(tmp_path: Path) -> None:
    (tmp_path / "runs").touch()
    with pytest.raises(UserError, match=r"runs.*set store.path to a folder"), lock(tmp_path / "runs", KEY):
        pass


def test_errors_of_the_body_are_not_explained(tmp_path: Path) -> None:
    with pytest.raises(PermissionError), lock(tmp_path, KEY):
        raise PermissionError(13, "of the training")
