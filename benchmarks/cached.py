"""A cached `python train.py` against a bare Hydra program that composes the same config: wall time of whole processes.

Both sides run alternately in one run of this script; it prints the medians and their ratio. Needs a prepared dataset
(`dvc repro prepare_mnist`); trains once when the experiment has no record yet.
"""

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
TIMES = int(sys.argv[1]) if len(sys.argv) > 1 else 15
SETTINGS = ["experiment=mnist/linear_lightning", "epochs=1", "tracking=none"]
BARE = f"""
import hydra
from hydra.core.config_store import ConfigStore
from omegaconf import OmegaConf
import sys
sys.path.insert(0, {str(ROOT)!r})
from twinlib.config.schema import register
register()

@hydra.main(version_base="1.3", config_path={str(ROOT / "conf")!r}, config_name="config")
def main(config):
    OmegaConf.to_container(config, resolve=True)

main()
"""


def seconds(command: list[str]) -> float:
    start = time.perf_counter()
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return time.perf_counter() - start


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        bare = Path(folder) / "bare.py"
        bare.write_text(BARE)
        ours, theirs = [sys.executable, "train.py", *SETTINGS], [sys.executable, str(bare), *SETTINGS]
        seconds(ours)  # a record is there
        said = subprocess.run(ours, cwd=ROOT, capture_output=True, text=True).stdout
        assert said.startswith("cached "), said
        seconds(theirs)
        pairs = [(seconds(ours), seconds(theirs)) for _ in range(TIMES)]
    cached, hydra = (statistics.median(side) for side in zip(*pairs, strict=True))
    print(f"cached train.py  {cached:.3f} s")
    print(f"bare Hydra       {hydra:.3f} s")
    print(f"ratio            {cached / hydra:.2f}  (median of {TIMES}; wanted: at most 1.5)")


if __name__ == "__main__":
    main()
