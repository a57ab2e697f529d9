import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

CONFIG = """
defaults: [schema, _self_, {override hydra/job_logging: none}, {override hydra/hydra_logging: none}]
data: {_target_: lab.Data, path: data}
model: {_target_: lab.slope}
trainer: {_target_: lab.train, _partial_: true, framework: numpy, does: nothing}
optimizer: {_target_: lab.slope}
schedule: {_target_: lab.slope}
loss: {_target_: lab.slope}
metrics: {}
evaluation: {}
pictures: {}
predict: {}
tracking: {}
launcher: {}
strategy: {name: single, accelerator: cpu, devices: 1, nodes: 1, precision: "32", tf32: false, address: null}
store: {path: runs, remote: null}
name: lab/slope
lr: 0.1
batch_size: 10
accumulate: 1
epochs: 3
seed: 0
clip_norm: null
clip_value: null
objective: val_loss
direction: minimize
early_stopping: {patience: null, min_delta: 0.0}
checkpoint: last
checkpoint_seconds: 0
output: identity
code_deps: []
inputs: {}
workers: 0
progress: true
export: null
hydra: {output_subdir: null, run: {dir: .}, sweep: {dir: ., subdir: .}}
"""
LAB = '''
"""A training without a framework: the slope of a line, by gradient descent."""
import os
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np

from twinlib.training.evaluation import Evaluation
from twinlib.training.outcome import Outcome

__code_deps__ = []


class Data:
    name, input, classes = "line", "x", None
    schema = SimpleNamespace(kind="synthetic")
    preprocess = SimpleNamespace(to_json=dict)

    def __init__(self, path):
        self.x = np.loadtxt(Path(path) / "x.txt")


def slope():
    return None


def draw(outcome, dataset, folder, title="line"):
    (folder / "own.png").write_text(f"{title} of {len(outcome.predictions)}")
    return [folder / "own.png"]


def train(*, config, dataset, folder, report, framework, does):
    with open("trainings.log", "a") as log:
        log.write(f"{os.getpid()}\\n")
    if does == "fail":
        raise ValueError("the slope is too steep")
    if does == "wait":
        while not Path("go" * 1).exists():  # a file that is named outright would count as code
            time.sleep(0.02)
    slope, history = 0.0, []
    for epoch in range(1, config["epochs"] + 1):
        report.epoch_begins(epoch, 1)
        slope -= config["lr"] * float(np.mean((slope - 2) * dataset.x**2))
        loss = float(np.mean((slope - 2) ** 2 * dataset.x**2))
        history.append({"epoch": epoch, "train_loss": loss, "val_loss": loss, "lr": config["lr"], "seconds": 0.1})
        report.epoch_ends(history[-1])
    np.save(folder / "weights.npy", slope)
    metrics = {"test_loss": loss, "train_loss": loss, "val_loss": loss, "best_epoch": epoch, "epochs": epoch}
    return Outcome(history, metrics, {"test": Evaluation({}, slope * dataset.x, 2 * dataset.x)}, "weights.npy")
'''
TRAIN = "from pathlib import Path\nfrom twinlib.cli.train import main\n\nmain(Path(__file__).resolve().parent)\n"
FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"),
    *("--disable-background-networking", "--disable-component-update", "--disable-dev-shm-usage"),
    "--window-size=1366,900",
)


class Project:
    """A small project of its own, whose training takes no time."""

    def __init__(self, root: Path) -> None:
        self.root = root
        for name, text in {
            "conf/config.yaml": CONFIG,
            "lab.py": LAB,
            "train.py": TRAIN,
            "data/x.txt": "1\n2\n3\n",
            "dvc.yaml": "stages: {measure: {cmd: 'true', outs: [data]}}\n",
        }.items():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text(text)

    def start(self, *arguments: str, cwd: Path | None = None) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, str(self.root / "train.py"), *arguments],
            cwd=cwd or self.root,
            # Tests that were started in the background have interrupts ignored, and what they start has too.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def train(self, *arguments: str, cwd: Path | None = None) -> tuple[int, str, str]:
        process = self.start(*arguments, cwd=cwd)
        out, err = process.communicate(timeout=60)
        return process.returncode, out, err

    @property
    def trainings(self) -> int:
        log = self.root / "trainings.log"
        return len(log.read_text().splitlines()) if log.exists() else 0

    @property
    def records(self) -> list[Path]:
        return sorted(path.parent for path in (self.root / "runs").glob("[!.]*/record.json"))


@pytest.fixture
def lab(tmp_path):
    return Project(tmp_path / "lab")


@pytest.fixture(scope="session")
def browser(tmp_path_factory):
    """Chromium. It and its driver are no Python packages: without them, what needs a browser is skipped."""
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    driver = shutil.which("chromedriver")
    if chromium is None or driver is None:
        pytest.skip("no browser: apt-get install chromium chromium-driver")
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for flag in (*FLAGS, f"--user-data-dir={tmp_path_factory.mktemp('browser')}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    chrome = webdriver.Chrome(options=options, service=Service(driver))
    yield chrome
    chrome.quit()


def pytest_collection_modifyitems(items):
    """The walk through all pages takes as long as all other tests: it begins first, beside them."""
    items.sort(key=lambda item: item.path.name != "test_docs.py")
