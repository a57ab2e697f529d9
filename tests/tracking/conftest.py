from pathlib import Path

import pytest
from matplotlib.figure import Figure

from twinlib.tracking.tracker import RunInfo

ROWS = [
    {"epoch": 1, "train_loss": 2.0, "val_loss": 1.5, "val_accuracy": 0.5, "lr": 1e-3, "seconds": 0.25},
    {"epoch": 2, "train_loss": 1.0, "val_loss": 0.75, "val_accuracy": 0.75, "lr": 1e-3, "seconds": 0.25},
]
METRICS = {"test_loss": 0.5, "test_accuracy": 0.875, "best_epoch": 2.0}


@pytest.fixture
def run(tmp_path):
    config = {
        "name": "mnist/cnn",
        "lr": 1e-3,
        "epochs": 2,
        "model": {"_target_": "twinlib.models.cnn_torch.cnn", "filters": [32, 64]},
        "store": {"path": "runs", "remote": "sftp://anna:open-sesame@host/runs"},
    }
    return RunInfo(
        fingerprint="0123456789abcdef" * 4,
        name="mnist/cnn",
        label="mnist-cnn-torch-lr=0.001-seed=0",
        group="sweep-7",
        job_type="train",
        config=config,
        folder=tmp_path,
    )


@pytest.fixture
def rows():
    return [dict(row) for row in ROWS]


@pytest.fixture
def metrics():
    return dict(METRICS)


@pytest.fixture
def picture(tmp_path) -> Path:
    path = tmp_path / "learning_curve.png"
    Figure(figsize=(2, 1), dpi=50).savefig(path)
    return path
