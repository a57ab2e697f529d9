"""Time of an epoch of VGG_V1 on the cyclone patches with and without a checkpoint at its end.

One training, in which every other epoch is written: weights, the best weights so far, what Adam remembers, the course.
An epoch is `--steps` batches and as many of the validation split; all of the training split is 165 batches, so that
the checkpoint of a real epoch costs a smaller part of it.

    python benchmarks/checkpoint.py [--pairs 3] [--steps 60]
"""

import argparse
import statistics
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from twinlib.config.build import build  # noqa: E402
from twinlib.config.compose import compose  # noqa: E402
from twinlib.training import lightning  # noqa: E402
from twinlib.training.checkpoint import Checkpoints  # noqa: E402
from twinlib.training.outcome import Silent  # noqa: E402


class Alternately(Checkpoints):
    """Writes every other epoch."""

    epoch = 0

    def due(self) -> bool:
        self.epoch += 1
        return self.epoch % 2 == 0


class Clock(Silent):
    """When each epoch began and when it was evaluated, which is just before its checkpoint is written."""

    def __init__(self) -> None:
        self.begins: list[float] = []
        self.ends: list[float] = []

    def epoch_begins(self, epoch: int, steps: int) -> None:
        self.begins.append(time.perf_counter())

    def epoch_ends(self, row: dict[str, float]) -> None:
        self.ends.append(time.perf_counter())


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--pairs", type=int, default=3, help="of epochs, one of them written")
    options.add_argument("--steps", type=int, default=60, help="batches in an epoch")
    arguments = options.parse_args()
    epochs = 2 * arguments.pairs + 2
    config = compose(["experiment=cyclones/vgg_v1_lightning", f"epochs={epochs}", "early_stopping.patience=null"], ROOT)
    lightning.Checkpoints = Alternately  # type: ignore[misc]
    clock = Clock()
    with tempfile.TemporaryDirectory(dir=ROOT) as folder:  # on the disk on which runs are
        dataset, kept = build(config["data"]), Path(folder) / "kept"
        lightning.train(
            config=config, dataset=dataset, folder=Path(folder), report=clock, steps=arguments.steps, resume=kept
        )
        size = max(path.stat().st_size for path in kept.iterdir())
    # Between two epochs there is the copy of the best weights, too, which every epoch may pay.
    between = [begin - end for end, begin in zip(clock.ends, clock.begins[1:], strict=False)]
    epoch = statistics.median(end - begin for begin, end in zip(clock.begins[1:], clock.ends[1:], strict=True))
    without, written = (statistics.median(between[first::2]) for first in (2, 1))
    print(
        f"epoch of {arguments.steps} batches {epoch:.3f} s; after it {without:.3f} s, with a checkpoint {written:.3f} s"
    )
    ratio = (epoch + written) / (epoch + without)
    print(f"with / without: {ratio:.3f} (medians of {arguments.pairs} each; {size / 1e6:.0f} MB; at most 1.03)")


if __name__ == "__main__":
    main()
