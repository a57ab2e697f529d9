"""Time of an epoch of the gated U-Net on the flows through twinlib against the same network in a bare PyTorch loop.

The bare loop has all flows preloaded in memory; twinlib reads and mirrors them batch by batch. An epoch is `--steps`
batches and as many of the validation split, with the same optimizer, loss and batch size. The sides are processes of
their own that take turns epoch by epoch.

    python benchmarks/flow_training.py [--epochs 9] [--steps 8]
"""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from training import Gate, gate, print_ratio, take_turns, through_twinlib  # noqa: E402

from twinlib.config.build import build  # noqa: E402
from twinlib.config.compose import compose  # noqa: E402

Config = dict[str, Any]


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--epochs", type=int, default=9, help="timed epochs of each side")
    options.add_argument("--steps", type=int, default=8, help="batches in an epoch")
    options.add_argument("--side", choices=SIDES, help=argparse.SUPPRESS)
    arguments = options.parse_args()
    if arguments.side:
        config = compose(["experiment=flow/unet_gated_lightning", "epochs=1000"], ROOT)
        SIDES[arguments.side](config, gate, arguments.steps)
        return
    seconds = take_turns("lightning", "bare torch", arguments.epochs, "--steps", str(arguments.steps))
    print_ratio("lightning", "bare torch", seconds)


def bare_torch(config: Config, gate: Gate, steps: int) -> None:
    import torch

    def tensors(split: str) -> tuple[torch.Tensor, torch.Tensor]:
        arrays = dataset.batch(split, np.arange(dataset.size(split)))
        inputs, velocity = (torch.from_numpy(array).movedim(-1, 1).contiguous() for array in arrays)
        return inputs, velocity

    dataset = build(config["data"])
    (inputs, velocity), (val_inputs, val_velocity) = tensors("train"), tensors("val")
    model = build(config["model"])
    optimizer = build(config["optimizer"])(model.parameters(), lr=config["lr"])
    size = config["batch_size"]
    while True:
        model.train()
        for rows in torch.randperm(len(inputs)).split(size)[:steps]:
            optimizer.zero_grad()
            loss = (model(inputs[rows]) - velocity[rows]).square().sum() / (2 * len(rows))
            loss.backward()
            optimizer.step()
        model.eval()
        with torch.no_grad():
            for batch, wanted in list(zip(val_inputs.split(size), val_velocity.split(size), strict=True))[:steps]:
                ((model(batch) - wanted).square().sum() / 2).item()
        gate()


SIDES: dict[str, Callable[..., None]] = {"bare torch": bare_torch, "lightning": through_twinlib}

if __name__ == "__main__":
    main()
