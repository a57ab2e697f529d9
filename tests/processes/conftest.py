import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

# Trains as the small project does; each process says who it is, and `does` lets one of them come to harm.
TOGETHER = """
import json
import os
import signal
import time
from pathlib import Path

from lab import train as alone
from twinlib.errors import UserError

__code_deps__ = []
NAMES = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE", "GROUP_RANK", "MASTER_ADDR", "MASTER_PORT",
         "TF_CONFIG", "OMP_NUM_THREADS", "TORCHELASTIC_USE_AGENT_STORE")


def train(*, config, dataset, folder, report, framework, does, resume=None):
    own = {name: os.environ.get(name) for name in NAMES} | {"pid": os.getpid(), "resume": str(resume)}
    rank, size = int(own["RANK"] or 0), int(own["WORLD_SIZE"] or 1)
    said = Path("said" * 1)
    said.mkdir(exist_ok=True)
    (said / f".{rank}").write_text(json.dumps(own))
    (said / f".{rank}").rename(said / str(rank))
    while len(list(said.glob("[0-9]*"))) < size:  # as a framework waits for its processes
        time.sleep(0.02)
    verb, _, who = does.partition(" ")
    if who in (str(rank), "all"):
        if verb == "die":
            os.kill(os.getpid(), signal.SIGKILL)
        if verb == "fail":
            raise ValueError("the slope is too steep")
        if verb == "refuse":
            raise UserError("lr: too large")
    elif verb in ("die", "refuse") or who == "wait":
        time.sleep(60)
    elif verb == "fail":
        raise RuntimeError("connection closed by peer")  # what a framework says where another has failed
    if verb == "wait":
        time.sleep(60)
    return alone(config=config, dataset=dataset, folder=folder, report=report, framework=framework, does="nothing")
"""


class Together:
    """The small project with a training of several processes."""

    def __init__(self, lab):
        self.lab, self.root = lab, lab.root
        (lab.root / "together.py").write_text(TOGETHER)
        config = lab.root / "conf" / "config.yaml"
        text = config.read_text().replace("lab.train", "together.train")
        config.write_text(text.replace("name: single", "name: data_parallel"))

    def start(self, *arguments, **environment):
        return subprocess.Popen(
            [sys.executable, str(self.root / "train.py"), *arguments],
            cwd=self.root,
            env=os.environ | {name: str(value) for name, value in environment.items()},
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def said(self):
        """What each process found in its environment, by rank."""
        found = {int(path.name): json.loads(path.read_text()) for path in (self.root / "said").glob("[0-9]*")}
        return dict(sorted(found.items()))

    def wait_for(self, count, seconds=30):
        deadline = time.monotonic() + seconds
        while len(self.said()) < count:
            assert time.monotonic() < deadline, "waited too long"
            time.sleep(0.05)
        return self.said()


@pytest.fixture
def together(lab):
    return Together(lab)


@pytest.fixture
def port():
    """Of which the one before is free too: torchrun's and ours."""
    while True:
        with socket.create_server(("127.0.0.1", 0)) as first:
            number = first.getsockname()[1]
            try:
                socket.create_server(("127.0.0.1", number + 1)).close()
            except OSError:
                continue
            return number


def alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


@pytest.fixture
def ends():
    """Wait until processes are gone."""

    def ends(pids, seconds=20):
        deadline = time.monotonic() + seconds
        while any(map(alive, pids)):
            assert time.monotonic() < deadline, "still alive"
            time.sleep(0.05)

    return ends
