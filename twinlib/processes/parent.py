"""A process that must not outlive the one that started it."""

import ctypes
import os
import signal
import sys


def die_with(parent: int) -> None:
    """Let the kernel kill this process when `parent`, which started it from its main thread, is killed itself.

    Who is killed cannot end what it started. Linux only; elsewhere nothing happens.
    """
    if sys.platform == "linux":
        PR_SET_PDEATHSIG = 1
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # it is gone already
            os._exit(1)
