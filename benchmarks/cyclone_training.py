"""Time of an epoch of VGG_V1 on the cyclone patches through twinlib against the same network in a bare loop.

The bare loops, in torch and in Keras, have all training patches preloaded in memory, scaled and mirrored; twinlib
reads, scales and mirrors them batch by batch. An epoch is `--steps` batches and the validation split, with the same
optimizer, loss and batch size. The sides are processes of their own that take turns epoch by epoch.

    python benchmarks/cyclone_training.py [--epochs 9] [--steps 20]
"""

import argparse
import sys
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from training import Gate, gate, print_ratio, take_turns, through_twinlib  # noqa: E402

from twinlib.config.build import build  # noqa: E402
from twinlib.config.compose import compose  # noqa: E402
from twinlib.training.quiet import without_greetings  # noqa: E402

Config = dict[str, Any]


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--epochs", type=int, default=9, help="timed epochs of each side")
    options.add_argument("--steps", type=int, default=20, help="batches in an epoch")
    options.add_argument("--side", choices=SIDES, help=argparse.SUPPRESS)
    arguments = options.parse_args()
    if arguments.side:
        trainer = "keras" if "keras" in arguments.side else "lightning"
        config = compose([f"experiment=cyclones/vgg_v1_{trainer}", "epochs=1000", "early_stopping.patience=null"], ROOT)
        SIDES[arguments.side](config, gate, arguments.steps)
        return
    for ours, bare in (("lightning", "bare torch"), ("keras", "bare keras")):
        seconds = take_turns(ours, bare, arguments.epochs, "--steps", str(arguments.steps))
        print_ratio(ours, bare, seconds)


def preloaded(config: Config) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    dataset = build(config["data"])
    rng = {"train": np.random.default_rng(0), "val": None}  # with it training patches are mirrored
    return {split: dataset.batch(split, np.arange(dataset.size(split)), rng[split]) for split in rng}


def bare_torch(config: Config, gate: Gate, steps: int) -> None:
    import torch
    from torch.nn.functional import l1_loss

    data = {
        split: (torch.from_numpy(inputs).movedim(-1, 1).contiguous(), torch.from_numpy(targets))
        for split, (inputs, targets) in preloaded(config).items()
    }
    (patches, positions), (val_patches, val_positions) = data["train"], data["val"]
    model = build(config["model"])
    optimizer = build(config["optimizer"])(model.parameters(), lr=config["lr"])
    size = config["batch_size"]
    while True:
        model.train()
        for rows in torch.randperm(len(patches)).split(size)[:steps]:
            optimizer.zero_grad()
            l1_loss(model(patches[rows]), positions[rows]).backward()
            optimizer.step()
        model.eval()
        with torch.no_grad():
            for batch, wanted in list(zip(val_patches.split(size), val_positions.split(size), strict=True))[:steps]:
                l1_loss(model(batch), wanted, reduction="sum").item()
        gate()


def bare_keras(config: Config, gate: Gate, steps: int) -> None:
    with without_greetings():
        import keras
        import tensorflow as tf

    data = {split: tuple(map(tf.constant, arrays)) for split, arrays in preloaded(config).items()}
    (patches, positions), (val_patches, val_positions) = data["train"], data["val"]
    model = build(config["model"])
    optimizer = build(config["optimizer"])(lr=config["lr"])
    optimizer.build(model.trainable_variables)
    loss = keras.losses.MeanAbsoluteError()

    @tf.function
    def step(rows: Any) -> None:
        with tf.GradientTape() as tape:
            value = loss(tf.gather(positions, rows), model(tf.gather(patches, rows), training=True))
        optimizer.apply(tape.gradient(value, model.trainable_variables), model.trainable_variables)

    @tf.function
    def evaluate(batch: Any, wanted: Any) -> Any:
        return loss(wanted, model(batch, training=False))

    size = config["batch_size"]
    while True:
        order = np.random.permutation(len(patches))
        for first in range(0, min(steps * size, len(order)), size):
            step(tf.constant(order[first : first + size]))
        for first in range(0, min(steps * size, len(val_patches)), size):
            evaluate(val_patches[first : first + size], val_positions[first : first + size]).numpy()
        gate()


SIDES = {"lightning": through_twinlib, "bare torch": bare_torch, "keras": through_twinlib, "bare keras": bare_keras}

if __name__ == "__main__":
    main()
