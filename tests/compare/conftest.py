import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from twinlib.identity.fingerprint import Identity
from twinlib.store.local import Store
from twinlib.sweep import manifest
from twinlib.sweep.manifest import Sweep, SweepPoint

# The smallest PNG there is.
PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010802000000907753de"
    "0000000c4944415408d763f8cfc0000003010100c9fe92ef0000000049454e44ae426082"
)


class Project:
    """The small project, with records that were written, not computed."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.store = Store(root / "runs")

    def record(self, *, name="lab/a", losses=(0.5, 0.25), code="1" * 64, objective=None, picture=False, **config):
        """Publish a run whose validation losses, epoch by epoch, are `losses`."""
        config = {"lr": 0.1, "model": {"_target_": "lab.line"}, "direction": "minimize"} | config
        identity = Identity(config, {"lab": code}, {"data.path": "0" * 32}, {"python": "3.11"})
        draft = self.store.draft("run", identity.fingerprint)
        (draft / "identity.json").write_text(json.dumps(identity.to_json()))
        history = [{"epoch": epoch, "val_loss": loss, "lr": 0.1} for epoch, loss in enumerate(losses, 1)]
        pq.write_table(pa.Table.from_pylist(history), draft / "history.parquet")
        if picture:
            (draft / "curve.png").write_bytes(PNG)
        return self.store.publish(
            draft,
            fingerprint=identity.fingerprint,
            label="run",
            name=name,
            metrics={"val_loss": losses[-1] if objective is None else objective, "test_loss": 2 * losses[-1]},
            objective="val_loss",
            seconds=1.5,
        )

    def sweep(self, *records, failed=0, name="sweep-1", ended="2026-01-01T00:01:00Z"):
        points = [
            SweepPoint(number, (f"lr={number}",), manifest.CACHED, record.fingerprint, record.folder.name, 0.5, 0.0)
            for number, record in enumerate(records)
        ]
        points += [
            SweepPoint(len(records) + number, ("lr=<b>9",), manifest.FAILED, error="it broke")
            for number in range(failed)
        ]
        sweep = Sweep(name, ("train.py", "-m"), "2026-01-01T00:00:00Z", ended, "val_loss", "minimize", tuple(points))
        manifest.write(sweep, self.store.path / manifest.FOLDER / name)
        return sweep


@pytest.fixture
def lab(lab, monkeypatch):
    monkeypatch.chdir(lab.root)
    return Project(lab.root)
