"""Memory of the training process."""

import ctypes

# Where memory comes from changes no result.
__code_deps__: list[str] = []

# glibc's malloc.h
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3


def keep_freed_memory() -> None:
    """Let the C library keep what is freed for the next step.

    By default glibc hands large blocks back to the system, and each step takes the same ones again, page by page: on a
    CPU a good tenth of the time. Does nothing with another C library.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(M_MMAP_THRESHOLD, 1 << 30)
        mallopt(M_TRIM_THRESHOLD, (1 << 31) - 1)
