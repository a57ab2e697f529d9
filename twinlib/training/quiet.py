"""Importing TensorFlow without its greetings."""

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

# What TensorFlow logs while it loads, and no setting of its own silences.
GREETINGS = (b"WARNING: All log messages before absl", b"I0000 ")


@contextmanager
def without_greetings() -> Iterator[None]:
    """Hold back what is written to the process's stderr, and then write it without the greetings."""
    sys.stderr.flush()
    with tempfile.TemporaryFile() as held:
        stderr = os.dup(2)
        os.dup2(held.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(stderr, 2)
            os.close(stderr)
            held.seek(0)
            for line in held:
                if not line.startswith(GREETINGS):
                    os.write(2, line)
