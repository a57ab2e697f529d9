"""Time of an epoch by two processes of one thread each against one process of two threads, on the same two cores.

Three networks as they are shipped: the CNN of MNIST, VGG_V1 of the cyclone patches, the U-Net of the flows. Both sides
train on the same batches by the same code and take turns epoch by epoch. An epoch is a few batches and as many of the
validation split.

    python benchmarks/data_parallel.py [--epochs 5] [--only mnist]
"""

import argparse
import os
import socket
import statistics
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from training import gate, take_turns, through_twinlib  # noqa: E402

from twinlib.config.compose import compose  # noqa: E402

# Experiment and batches in an epoch.
NETWORKS = {
    "mnist": ("mnist/cnn_lightning", 20),
    "cyclones": ("cyclones/vgg_v1_lightning", 12),
    "flow": ("flow/unet_lightning", 4),
}
ONE, TWO = "1 process, 2 threads", "2 processes, 1 thread each"


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--epochs", type=int, default=5, help="timed epochs of each side")
    options.add_argument("--only", choices=NETWORKS, help="one of the networks")
    options.add_argument("--side", choices=[ONE, TWO], help=argparse.SUPPRESS)
    arguments = options.parse_args()
    if arguments.side:
        train(arguments.side, arguments.only)
        return
    for name in [arguments.only] if arguments.only else NETWORKS:
        print(f"{NETWORKS[name][0]}, {NETWORKS[name][1]} batches an epoch")
        seconds = take_turns(TWO, ONE, arguments.epochs, "--only", name)
        for side, times in seconds.items():
            print(f"{side:>26}: {statistics.median(times):.3f} s an epoch (fastest {min(times):.3f} s)")
        ratio = statistics.median(one / two for two, one in zip(seconds[TWO], seconds[ONE], strict=True))
        print(f"{name}: two processes are {ratio:.2f} times as fast (median of {arguments.epochs} pairs)", flush=True)


def train(side: str, name: str) -> None:
    """One side, epoch after epoch; in the second process of two without a word."""
    import torch

    second = os.environ.get("RANK") == "1"
    if side == TWO and not second:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            place = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free.getsockname()[1])}
        os.environ.update(place | {"WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "2", "RANK": "0", "LOCAL_RANK": "0"})
        # When the first is killed, the second ends with a word about the connection that nobody wants.
        subprocess.Popen(
            [sys.executable, *sys.argv], stderr=subprocess.DEVNULL, env=os.environ | {"RANK": "1", "LOCAL_RANK": "1"}
        )
    torch.set_num_threads(1 if side == TWO else 2)
    experiment, steps = NETWORKS[name]
    strategy = ["strategy=data_parallel", "strategy.devices=2"] if side == TWO else []
    config = compose(
        [
            f"experiment={experiment}",
            "epochs=1000",
            "early_stopping.patience=null",
            "strategy.accelerator=cpu",
            *strategy,
        ],
        ROOT,
    )
    through_twinlib(config, (lambda: None) if second else gate, steps)


if __name__ == "__main__":
    main()
