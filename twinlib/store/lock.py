"""One process at a time computes what has a given key; the others wait for its result.

The lock spares work, it does not protect data: a record is published by one atomic rename, so two processes that
hold a lock at once (a host that lost its network was taken for dead) cost time and nothing else.

The lock of a key is the file `<key>.<n>` with the greatest n, made with O_EXCL. Only its owner removes it. Who finds
the greatest n to be of a dead owner makes n + 1, and of several that try exactly one can. So nobody ever removes
another's file, which is where a takeover could remove the lock of a successor; what the dead left stays for `twin gc`.
"""

import json
import os
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from twinlib.store.faults import explained

HEARTBEAT = 10.0  # seconds between two touches of a held lock
STALE = 180.0  # seconds without a touch after which an owner elsewhere is dead; NFS may show a touch a minute late
UNWRITTEN = 10.0  # the same for a lock whose owner died before it wrote its name
POLL = 0.5  # seconds between two looks at a lock that another holds


@dataclass(frozen=True)
class Owner:
    """The process that holds a lock.

    `machine` tells apart what may share the name `host` and yet not see the same processes: containers, and the
    times before and after a restart. `started` tells a process from a later one with the same number.
    """

    host: str
    machine: str
    pid: int
    started: str


@contextmanager
def lock(
    folder: Path, key: str, waiting: Callable[[Owner], None] | None = None, named: str = "store.path"
) -> Iterator[None]:
    """Hold the lock of `key` while the body runs; wait for it as long as a living process holds it.

    Parameters
    ----------
    folder
        The store; lock files are kept in `.locks` in it.
    key
        Usable as a file name.
    waiting
        Called once for each owner that is waited for.
    named
        The key of the config that names the folder.

    Raises
    ------
    UserError
        The lock file cannot be made: no permission, no space.
    """
    with explained(folder, named):
        path = _acquire(folder / ".locks", key, waiting)
    released = threading.Event()
    heart = threading.Thread(target=_beat, args=(path, released), name="lock heartbeat", daemon=True)
    heart.start()
    try:
        yield
    finally:
        released.set()
        heart.join()
        with suppress(OSError):  # a result must not be lost because its lock cannot be removed
            path.unlink()


def owned(folder: Path) -> tuple[set[str], list[Path]]:
    """The keys of a store that a living process holds, and the lock files that the dead left."""
    living: set[str] = set()
    dead = []
    for path in sorted((folder / ".locks").glob("*.*")):
        key, _, number = path.name.rpartition(".")
        if not number.isdecimal():
            continue
        with suppress(FileNotFoundError):  # released meanwhile
            if _dead(_owner(path), path):
                dead.append(path)
            else:
                living.add(key)
    return living, dead


def _acquire(folder: Path, key: str, waiting: Callable[[Owner], None] | None) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    told = None
    while True:
        newest = max(_numbers(folder, key), default=-1)
        if newest >= 0:
            path = folder / f"{key}.{newest}"
            try:
                owner = _owner(path)
                dead = _dead(owner, path)
                # A number is used again after its release: what was judged must be what is there now.
                same = _owner(path) == owner
            except FileNotFoundError:
                continue  # released meanwhile
            if not same:
                continue
            if not dead:
                if owner is not None and owner != told and waiting is not None:
                    waiting(owner)
                    told = owner
                time.sleep(POLL)
                continue
        path = folder / f"{key}.{newest + 1}"
        if _create(path):
            return path


def _numbers(folder: Path, key: str) -> Iterator[int]:
    with os.scandir(folder) as entries:
        for entry in entries:
            name, _, number = entry.name.rpartition(".")
            if name == key and number.isdecimal():
                yield int(number)


def _create(path: Path) -> bool:
    try:
        descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666)
    except FileExistsError:
        return False
    try:
        with os.fdopen(descriptor, "w") as file:
            json.dump(asdict(Owner(os.uname().nodename, _machine(), os.getpid(), _started(os.getpid()) or "")), file)
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    return True


def _owner(path: Path) -> Owner | None:
    """Who holds a lock, or None where the owner has not written its name (yet)."""
    try:
        owner = Owner(**json.loads(path.read_bytes()))
    except (ValueError, TypeError):
        return None
    return owner if isinstance(owner.pid, int) and 0 < owner.pid < 2**31 else None


def _dead(owner: Owner | None, path: Path) -> bool:
    if owner is not None and owner.machine == _machine():
        started = _started(owner.pid)
        if started is None:
            return True
        if started and owner.started:
            return started != owner.started
    # The clocks of two hosts differ; the file system has set both times that are compared.
    with tempfile.TemporaryFile(dir=path.parent) as probe:
        os.utime(probe.fileno())
        age = os.fstat(probe.fileno()).st_mtime - path.stat().st_mtime
    return age > (UNWRITTEN if owner is None else STALE)


def _machine() -> str:
    words = [os.uname().nodename]
    with suppress(OSError):
        words.append(Path("/proc/sys/kernel/random/boot_id").read_text().strip())
        words.append(str(Path("/proc/self/ns/pid").readlink()))
    return " ".join(words)


def _started(pid: int) -> str | None:
    """When a living process of this machine started, in clock ticks since boot.

    None if it has ended; empty where the system does not tell (no `/proc`, or another user's process is hidden in it).
    """
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return None
    except PermissionError:
        pass
    try:
        words = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return ""
    ended = words[0] in "ZX"  # killed, and its parent has not looked yet
    return None if ended else words[19]


def _beat(path: Path, released: threading.Event) -> None:
    while not released.wait(HEARTBEAT):
        with suppress(OSError):  # the file system may come back
            os.utime(path)
