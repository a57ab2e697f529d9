"""Starts workers by forking, so that what all of them need is imported once: `python -m twinlib.launcher.fork_server`.

A worker then costs a few milliseconds instead of the better part of a second, and is as good as a fresh process: the
server imports no framework and nothing of a project, which a worker does itself after it was pinned to its device; and
if a file of what it did import has changed since, of twinlib or of a package, the worker starts a fresh Python.

stdin takes one order a line, `{"number", "module", "arguments", "environment", "log"}`: run a module as
`python -m module arguments` does, in its own process group, with its output in a file. stdout tells how each ended,
`{"number", "code"}`, and before that what the worker says with `twinlib.launcher.pool.tell_trained`. When stdin ends,
also because the other side was killed, the workers are interrupted, and killed after a grace period.
"""

import atexit
import gc
import importlib
import json
import os
import runpy
import select
import signal
import sys
import threading
import time
import traceback
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from twinlib.loaded import require_unchanged

# isort: split
from twinlib.errors import UserError
from twinlib.launcher.pool import ANSWERS
from twinlib.processes.parent import die_with

# What every run needs besides its framework: at its start, and at its end.
AT_START = (
    "hydra.utils",
    "yaml",
    "tqdm",
    "numpy.random",
    "twinlib.worker",
    "twinlib.tracking.tracker",
    "twinlib.cli.progress",
)
AT_END = (
    "pyarrow.parquet",
    "matplotlib.backends.backend_agg",
    "matplotlib.figure",
    "PIL.JpegImagePlugin",
    "twinlib.plots",
)
SETTLED = 2.0  # seconds: the coarsest clock of a file system


@dataclass(frozen=True)
class Order:
    """A worker to start."""

    number: int
    module: str
    arguments: list[str]
    environment: dict[str, str]
    log: str


def serve(orders: int, answers: int, grace: float) -> Order | None:
    """Start workers as ordered until `orders` ends. Returns None in the server, and in each worker its order.

    Parameters
    ----------
    orders, answers
        File descriptors.
    grace
        Seconds from the interrupt to the kill.
    """
    began, server = time.time(), os.getpid()
    _warm(AT_START)
    later = list(AT_END)
    wake, woken = os.pipe()
    for end in (wake, woken):
        os.set_blocking(end, False)
    signal.set_wakeup_fd(woken, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda *_: None)  # the wake-up needs a handler
    workers: dict[int, Order] = {}
    text = b""
    while True:
        # The first workers are at work before they need the rest, and so is this process.
        ready, _, _ = select.select([orders, wake], [], [], 0 if later and workers else None)
        if not ready:
            _warm([later.pop(0)])
        if wake in ready:
            os.read(wake, 4096)
            _tell_ended(workers, answers)
        if orders not in ready:
            continue
        received = os.read(orders, 65536)
        if not received:
            break
        *lines, text = (text + received).split(b"\n")
        for line in lines:
            order = Order(**json.loads(line))
            try:
                pid = os.fork()
            except OSError as error:  # no memory or too many processes: this run fails, the others go on
                Path(order.log).write_text(f"the worker cannot be started: {error}\n")
                _tell(answers, order, 1)
                continue
            if pid == 0:
                die_with(server)
                signal.set_wakeup_fd(-1)
                for descriptor in (orders, wake, woken):
                    os.close(descriptor)
                _settle(order, answers)
                # On macOS, system libraries refuse to work in a forked process.
                if sys.platform == "darwin" or _is_outdated(began):
                    os.execv(sys.executable, [sys.executable, "-m", order.module, *order.arguments])
                return order
            workers[pid] = order
    _stop(workers, answers, grace)
    return None


def run(order: Order) -> NoReturn:
    """Do what `python -m module arguments` does, and end."""
    sys.argv = [order.module, *order.arguments]
    sys.modules.pop(order.module, None)
    code = 1
    try:
        runpy.run_module(order.module, run_name="__main__", alter_sys=True)
        code = 0
    except SystemExit as ended:
        if ended.code is None or isinstance(ended.code, int):
            code = ended.code or 0
        else:
            print(ended.code, file=sys.stderr)
    except BaseException:
        traceback.print_exc()
    # As multiprocessing ends its processes: to take apart all that was imported costs more than to run a small model.
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def _warm(modules: Sequence[str]) -> None:
    for module in modules:
        with suppress(ImportError):  # the worker that needs it will say so
            importlib.import_module(module)
    gc.freeze()  # or each worker copies all of it, when it counts references and when it ends


def _tell_ended(workers: dict[int, Order], answers: int) -> None:
    for pid in list(workers):
        ended, status = os.waitpid(pid, os.WNOHANG)
        if ended:
            code = os.waitstatus_to_exitcode(status)
            if code:
                _signal(pid, signal.SIGKILL)  # what it started and left behind
            _tell(answers, workers.pop(pid), code)


def _tell(answers: int, order: Order, code: int) -> None:
    with suppress(BrokenPipeError):  # Python ignores SIGPIPE
        os.write(answers, json.dumps({"number": order.number, "code": code}).encode() + b"\n")


def _stop(workers: dict[int, Order], answers: int, grace: float) -> None:
    for pid in workers:
        _signal(pid, signal.SIGINT)
    deadline = time.monotonic() + grace
    while workers and time.monotonic() < deadline:
        time.sleep(0.02)
        _tell_ended(workers, answers)
    for pid in workers:
        _signal(pid, signal.SIGKILL)


def _signal(group: int, number: int) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)


def _settle(order: Order, answers: int) -> None:
    """Make the forked process what a fresh one would be."""
    os.setpgid(0, 0)  # not a session of its own: the scheduler may see to sessions first and to `nice` in them only
    log = os.open(order.log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o666)
    nothing = os.open(os.devnull, os.O_RDONLY)
    for descriptor, place in ((nothing, 0), (log, 1), (log, 2)):
        os.dup2(descriptor, place)
    os.close(log)
    os.close(nothing)
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    # A shell starts what it puts into the background with interrupts ignored, and Ray its processes with them blocked.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGINT])
    os.set_inheritable(answers, True)
    os.environ.update(order.environment | {ANSWERS: f"{answers} {order.number}"})
    importlib.invalidate_caches()
    numpy: Any = sys.modules.get("numpy")
    if numpy is not None:
        numpy.random.seed()  # or all workers would draw the same numbers; Python's own generator sees to it itself


def _is_outdated(began: float) -> bool:
    """Was twinlib, or a file of another imported module, changed since the server started?"""
    try:
        require_unchanged()
    except UserError:
        return True
    for module in list(sys.modules.values()):
        file = getattr(module, "__file__", None) if module.__name__ != "__main__" else None
        try:
            if file is not None and Path(file).stat().st_ctime > began - SETTLED:
                return True
        except OSError:
            return True
    return False


def main(grace: float) -> Order | None:
    orders, answers = os.dup(0), os.dup(1)
    os.dup2(2, 1)  # what an import prints is no answer
    return serve(orders, answers, grace)


if __name__ == "__main__":
    order = main(float(sys.argv[1]))
    if order is not None:
        run(order)
