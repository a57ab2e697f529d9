import shutil
from pathlib import Path

import pytest

CONF = Path(__file__).parents[2] / "conf"
EXTRA = """
import os
import signal
import time
from pathlib import Path

from lab import train as as_usual
from twinlib.errors import UserError


def train(*, does, **rest):
    if does == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    if does == "mistake":
        raise UserError("lr: too large")
    if does == "sleep":
        Path("sleeps" * 1).touch()
        time.sleep(60)
    if does == "fail some" and rest["config"]["seed"] == 1:
        does = "fail"
    return as_usual(does="nothing" if does == "fail some" else does, **rest)
"""


@pytest.fixture
def lab(lab):
    """The small project, with twinlib's launchers."""
    shutil.copytree(CONF / "launcher", lab.root / "conf" / "launcher")
    (lab.root / "extra.py").write_text(EXTRA)
    config = lab.root / "conf" / "config.yaml"
    text = config.read_text().replace("launcher: {}\n", "").replace("lab.train", "extra.train")
    ours = "launcher: local, _self_, {override hydra/launcher: twin}, {override hydra/sweeper: grid}"
    config.write_text(text.replace("schema, _self_", "schema, " + ours.replace("launcher: local", "{launcher: local}")))
    return lab
