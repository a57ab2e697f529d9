import os

import pytest

from twinlib.training.quiet import without_greetings


def test_holds_back_greetings_only(capfd):
    with without_greetings():
        os.write(2, b"I0000 00:00:1 port.cc:153] oneDNN\nE0000 broken\nanything\n")
    os.write(2, b"I0000 later\n")
    assert capfd.readouterr().err == "E0000 broken\nanything\nI0000 later\n"


def test_an_error_passes_with_what_was_written_before(capfd):
    with pytest.raises(ImportError), without_greetings():
        os.write(2, b"cannot load\n")
        raise ImportError
    assert capfd.readouterr().err == "cannot load\n"
