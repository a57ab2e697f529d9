"""Questions about many records: `twin runs` and `twin explain` with their index against reading every record.

The records are written by simulation: settings and numbers are random, the files have the form that the store gives
them. Prints the wall time of whole commands with a warm index, of reading all records without one, and their ratios.
"""

import json
import random
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from twinlib import lookup
from twinlib.identity.explain import differences_in
from twinlib.identity.fingerprint import PARTS, Identity
from twinlib.store.filter import Condition
from twinlib.store.index import Index, config_of
from twinlib.store.local import Store, folder_name
from twinlib.store.record import RECORD, Record, entry_of

ROOT = Path(__file__).resolve().parents[1]
RECORDS = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
SETTINGS = ["experiment=tiny", "lr=3e-3", "seed=7"]
FILTERS = ["model=cnn", "lr<1e-3", "metric.val_accuracy>0.999"]

EXPERIMENT = """# @package _global_
name: tiny
data: {path: data, name: mnist}
"""


def write(store: Path, number: int, rng: random.Random) -> None:
    """One record as a training would publish it, without its weights and pictures."""
    config = {
        "data": {
            "_target_": "twinlib.data.dataset.Dataset",
            "name": "mnist",
            "input_shape": [28, 28, 1],
            "classes": 10,
        },
        "model": {"_target_": f"twinlib.models.{(kind := rng.choice(['cnn', 'linear']))}_torch.{kind}", "dense": 128},
        "trainer": {"_target_": "twinlib.training.lightning.train", "framework": "torch", "deterministic": True},
        "optimizer": {"_target_": "twinlib.optimizer.torch.adam", "betas": [0.9, 0.999], "eps": 1e-07},
        "strategy": {"name": "single", "precision": "32"},
        "lr": 10 ** rng.uniform(-5, -1),
        "seed": number,
        **{"batch_size": 64, "epochs": 10, "objective": "val_loss", "direction": "minimize", "clip_norm": None},
    }
    code = {f"twinlib.module_{n}": f"{n:064x}" for n in range(20)}
    identity = Identity(config, code, {"data.path": "0" * 32 + ".dir"}, {"python": "3.11", "torch": "2.9.0"})
    folder = store / folder_name(f"mnist-{kind}-torch-seed={number}", identity.fingerprint)
    folder.mkdir(parents=True)
    (folder / "identity.json").write_text(json.dumps(identity.to_json(), indent=1))
    (folder / "metrics.json").write_text("{}")
    record = Record(
        folder=folder,
        fingerprint=identity.fingerprint,
        name=f"mnist/{kind}",
        created=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(1.7e9 + number)),
        seconds=rng.uniform(1, 100),
        host="simulated",
        objective="val_loss",
        metrics={"val_loss": rng.random(), "val_accuracy": rng.random(), "test_loss": rng.random()},
        files={name: entry_of(folder, name) for name in ("identity.json", "metrics.json")},
    )
    (folder / RECORD).write_text(record.to_json())


def created(record: Record) -> str:
    return record.created


def far(new: Identity, folder: Path) -> int:
    """How many differences there are from a record."""
    old = Identity.from_json(json.loads((folder / "identity.json").read_text()))
    return sum(len(differences_in(part, getattr(new, part), getattr(old, part))) for part in PARTS)


def command(project: Path, *words: str) -> tuple[float, Any]:
    """Median wall time of a whole `twin` command, in s, and what it says."""
    times = []
    for _ in range(5):
        started = time.perf_counter()
        line = [sys.executable, "-m", "twinlib.cli.twin", *words, "--json"]
        said = subprocess.run(line, cwd=project, capture_output=True, text=True, check=True).stdout
        times.append(time.perf_counter() - started)
    return sorted(times)[len(times) // 2], json.loads(said)


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        project = Path(folder)
        shutil.copytree(ROOT / "conf", project / "conf")
        (project / "conf" / "experiment" / "tiny.yaml").write_text(EXPERIMENT)
        (project / "data").mkdir()
        store = project / "runs"
        rng = random.Random(0)
        for number in range(RECORDS):
            write(store, number, rng)
        time.sleep(2.1)  # what is younger than two seconds is read again at the next look

        started = time.perf_counter()
        tests = [Condition.parse("lr<1e-3").matcher(), Condition.parse("metric.val_accuracy>0.999").matcher()]
        without = [
            record.fingerprint
            for record in Store(store).records()
            if tests[0](json.dumps((config := config_of(record.folder))["lr"]))
            and tests[1](json.dumps(record.metrics["val_accuracy"]))
            and ".cnn_" in config["model"]["_target_"]
        ]
        reading = time.perf_counter() - started

        started = time.perf_counter()
        Index(store, project / ".twin").select()
        building = time.perf_counter() - started

        warm, said = command(project, "runs", *FILTERS)
        assert {row["fingerprint"] for row in said} == set(without)

        new = lookup.described(SETTINGS, project).identity
        started = time.perf_counter()
        nearest = min(sorted(Store(store).records(), key=created, reverse=True), key=lambda one: far(new, one.folder))
        comparing = time.perf_counter() - started
        explaining, told = command(project, "explain", *SETTINGS)
        assert told["nearest"] == str(nearest.folder)
        print(f"records                     {RECORDS:,} (simulated), found {len(without)}")
        print(f"index built from them       {building:.1f} s")
        print(f"all records without index   {reading:.1f} s")
        print(f"twin runs, warm index       {warm:.2f} s  (median of 5 whole commands; wanted for 100,000: at most 2)")
        print(f"ratio                       {reading / warm:.1f}")
        print(f"compared with every record  {comparing:.1f} s")
        print(f"twin explain, warm index    {explaining:.2f} s  (median of 5 whole commands, the same nearest record)")
        print(f"ratio                       {comparing / explaining:.1f}")


if __name__ == "__main__":
    main()
