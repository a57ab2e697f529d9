import hashlib
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from twinlib.store.local import Store
from twinlib.store.record import Record

Publish = Callable[..., Record]


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "runs")


@pytest.fixture
def fingerprint() -> str:
    return hashlib.sha256(b"a run").hexdigest()


@pytest.fixture
def publish(fingerprint: str) -> Publish:
    """Draft, write and publish a small run; `weights` is what two computations of one run differ in."""

    def act(store: Store, fingerprint: str = fingerprint, label: str = "digits", weights: bytes = b"1234") -> Record:
        draft = store.draft(label, fingerprint)
        (draft / "weights.pt").write_bytes(weights)
        (draft / "config.yaml").write_text("lr: 0.001\n")
        (draft / "shards").mkdir()
        (draft / "shards" / "0.bin").write_bytes(b"\0" * 1000)
        return store.publish(
            draft,
            fingerprint=fingerprint,
            label=label,
            name="mnist/cnn",
            metrics={"val_loss": 0.25, "test_accuracy": 0.97},
            objective="val_loss",
            seconds=1.5,
        )

    return act


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own with 256 KiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", folder], stderr=subprocess.PIPE, text=True
    )
    if mount.returncode:
        pytest.skip(f"no right to mount a small disk here: {mount.stderr.strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", folder], check=True)
