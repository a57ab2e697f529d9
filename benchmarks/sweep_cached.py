"""A sweep whose points are all cached, against Hydra running an empty function on the same points: whole processes.
Then the same sweep with one new point, against the training of this point alone.

Our side looks up every point: composes and resolves its config, computes its identity, verifies its record. Hydra uses
its own basic sweeper and launcher. The records are made by hand, each of the size of a small run (files, weights of
100 kB), so that no training is waited for. Needs a prepared dataset (`dvc repro prepare_mnist`).

    python benchmarks/sweep_cached.py [--points 1000] [--hydra-points 100]

Hydra needs as long for each point whatever their number (0.2 s), so its side can run on fewer of them; then its time is
scaled up to all, without its start.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from twinlib.identity.stat_cache import StatCache  # noqa: E402
from twinlib.run import label, open_store  # noqa: E402
from twinlib.sweep.compose import Composer  # noqa: E402
from twinlib.sweep.identities import Identities  # noqa: E402

FIXED = ["experiment=mnist/linear_lightning", "tracking=none"]
BARE = f"""
import sys
sys.path.insert(0, {str(ROOT)!r})
import hydra
from twinlib.config.schema import register
register()

@hydra.main(version_base="1.3", config_path={str(ROOT / "conf")!r}, config_name="config")
def main(config):
    pass

main()
"""


def sweep(points: int) -> list[str]:
    """Overrides of `points` points: learning rates times ten seeds."""
    rates = ",".join(f"{(step + 1) * 1e-3:g}" for step in range(points // 10))
    return [f"lr={rates}", "seed=range(10)"]


def publish(points: int, store: str) -> None:
    """Put a record of each point into the store."""
    composer = Composer(ROOT)
    cache = StatCache(ROOT / ".twin")
    identities = Identities(ROOT, cache)
    weights = os.urandom(100_000)
    for step in range(points // 10):
        for seed in range(10):
            overrides = [*FIXED, store, f"lr={(step + 1) * 1e-3:g}", f"seed={seed}"]
            config = composer.compose(overrides)
            identity = identities.of(config)
            records = open_store(config, ROOT)
            draft = records.draft(label(identity), identity.fingerprint)
            (draft / "weights.pt").write_bytes(weights)
            (draft / "identity.json").write_text(json.dumps(identity.to_json(), indent=1))
            for name in ("config.yaml", "metrics.json", "preprocess.json", "history.parquet", "learning_curve.png"):
                (draft / name).write_bytes(os.urandom(10_000))
            names = {"fingerprint": identity.fingerprint, "label": label(identity), "name": None}
            metrics = {"val_loss": seed / 10, "test_loss": seed / 10}
            records.publish(draft, **names, metrics=metrics, objective="val_loss", seconds=1.0)


def seconds(command: list[str], cwd: Path, says: str = "") -> float:
    began = time.perf_counter()
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True)
    assert done.returncode == 0 and says in done.stdout, done.stdout[-2000:] + done.stderr
    return time.perf_counter() - began


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--points", type=int, default=1000, help="points of our sweep, a multiple of 10")
    parser.add_argument("--hydra-points", type=int, default=100, help="points of Hydra's sweep, a multiple of 10")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        store = f"store.path={folder / 'runs'}"
        publish(options.points, store)
        command = [sys.executable, "train.py", "-m", *FIXED, store]
        counted = f"{options.points} points: {options.points} cached"
        first = seconds([*command, *sweep(options.points)], ROOT, counted)
        time.sleep(2.5)  # what is younger is not yet remembered by its stat
        seconds([*command, *sweep(options.points)], ROOT, counted)
        ours = seconds([*command, *sweep(options.points)], ROOT, counted)

        # One point of the sweep loses its record; elsewhere, it is trained alone.
        alone = [f"store.path={folder / 'other'}", "lr=0.001", "seed=3"]
        training = seconds([sys.executable, "train.py", *FIXED, *alone], ROOT, "done")
        (record,) = (folder / "runs").glob("*lr=0.001-seed=3-*")
        shutil.rmtree(record)
        new = seconds([*command, *sweep(options.points)], ROOT, f"{options.points - 1} cached, 1 done")

        bare = folder / "bare.py"
        bare.write_text(BARE)
        hydra = [sys.executable, str(bare), "-m", *FIXED, "hydra/launcher=basic", "hydra/sweeper=basic"]
        hydra += ["hydra.sweep.dir=.", "hydra.sweep.subdir=."]
        start = seconds([*hydra, "lr=1"], folder)
        theirs = seconds([*hydra, *sweep(options.hydra_points)], folder)
    if options.hydra_points != options.points:
        theirs = start + (theirs - start) / (options.hydra_points - 1) * (options.points - 1)
        print(f"Hydra ran {options.hydra_points} points; its time is scaled to {options.points}")
    print(f"{options.points} points, all cached: Hydra {theirs:.1f} s, twinlib {ours:.2f} s (first time {first:.2f} s)")
    print(f"ratio {theirs / ours:.1f} (wanted at 1000 points: at least 20)")
    print(f"one of them new: {new:.2f} s; its training alone {training:.2f} s")
    print(f"ratio {new / (training + ours):.2f} to the training and the cached sweep together (wanted: at most 1)")


if __name__ == "__main__":
    main()
