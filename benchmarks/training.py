"""Time of an epoch through twinlib against a bare PyTorch loop and a bare `keras.fit`.

Same model, optimizer, batch size and data (the prepared MNIST subset), validation included, in processes of their own
that take turns epoch by epoch; twinlib as it is shipped, deterministic and with its history, the bare sides with their
framework's defaults.

    python benchmarks/training.py [--epochs 9]
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from twinlib.config.build import build  # noqa: E402
from twinlib.config.compose import compose  # noqa: E402
from twinlib.training.quiet import without_greetings  # noqa: E402

EPOCHS = 1_000  # more than are ever asked for
Gate = Callable[[], None]


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--epochs", type=int, default=9, help="timed epochs of each side")
    options.add_argument("--side", choices=SIDES, help=argparse.SUPPRESS)
    arguments = options.parse_args()
    if arguments.side:
        SIDES[arguments.side](config_of(arguments.side), gate)
        return
    for framework, bare in (("lightning", "bare torch"), ("keras", "bare fit")):
        compare(framework, bare, arguments.epochs)


def compare(ours: str, bare: str, epochs: int) -> None:
    print_ratio(ours, bare, take_turns(ours, bare, epochs))


def take_turns(ours: str, bare: str, epochs: int, *options: str) -> dict[str, list[float]]:
    """Seconds of each epoch of two sides of the script that runs, each a process of its own; both warm up first."""
    children, seconds = {}, {}
    for side in (ours, bare):
        began = time.perf_counter()
        children[side] = start(side, *options)
        wait(children[side])
        print(f"{side:>10}: start-up and first epoch {time.perf_counter() - began:.1f} s")
        seconds[side] = []
    for epoch in range(epochs):
        for side in (ours, bare) if epoch % 2 else (bare, ours):
            began = time.perf_counter()
            children[side].stdin.write("go\n")
            children[side].stdin.flush()
            wait(children[side])
            seconds[side].append(time.perf_counter() - began)
    for child in children.values():
        child.kill()
        child.communicate()
    return seconds


def print_ratio(ours: str, bare: str, seconds: dict[str, list[float]]) -> None:
    for side, times in seconds.items():
        print(f"{side:>10}: {statistics.median(times):.3f} s an epoch (fastest {min(times):.3f} s)")
    ratio = statistics.median(mine / other for mine, other in zip(seconds[ours], seconds[bare], strict=True))
    pairs = len(seconds[ours])
    print(f"twinlib {ours} / {bare}: {ratio:.3f} (median of {pairs} pairs; at most 1.05)", flush=True)


def start(side: str, *options: str) -> Any:
    command = [sys.executable, str(Path(sys.argv[0]).resolve()), "--side", side, *options]
    quiet = {"TF_CPP_MIN_LOG_LEVEL": "3", **os.environ}
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT, env=quiet)


def wait(child: Any) -> None:
    """Until the child has ended an epoch."""
    if not child.stdout.readline():
        sys.exit(f"a side of the benchmark ended with exit code {child.wait()}")


def gate() -> None:
    """An epoch has ended: say so and wait for the word to go on."""
    print("done", flush=True)
    if not sys.stdin.readline():
        sys.exit()


def config_of(side: str) -> dict[str, Any]:
    trainer = "lightning" if side in ("lightning", "bare torch") else "keras"
    return compose([f"experiment=mnist/cnn_{trainer}", f"epochs={EPOCHS}"], ROOT)


def through_twinlib(config: dict[str, Any], gate: Gate, steps: int | None = None) -> None:
    class Gated:
        def epoch_begins(self, epoch: int, steps: int) -> None: ...

        def batch(self) -> None: ...

        def epoch_ends(self, row: dict[str, float]) -> None:
            gate()

    dataset = build(config["data"])
    with tempfile.TemporaryDirectory() as folder:
        build(config["trainer"])(config=config, dataset=dataset, folder=Path(folder), report=Gated(), steps=steps)


def arrays(config: dict[str, Any], split: str) -> tuple[np.ndarray, np.ndarray]:
    dataset = build(config["data"])
    return dataset.batch(split, np.arange(dataset.size(split)))


def bare_torch(config: dict[str, Any], gate: Gate) -> None:
    import torch
    from torch.nn.functional import cross_entropy

    def tensors(split: str) -> tuple[torch.Tensor, torch.Tensor]:
        images, digits = map(torch.from_numpy, arrays(config, split))
        return images.permute(0, 3, 1, 2).contiguous(), digits

    (images, digits), (val_images, val_digits) = tensors("train"), tensors("val")
    model = build(config["model"])
    optimizer = build(config["optimizer"])(model.parameters(), lr=config["lr"])
    size = config["batch_size"]
    for _ in range(EPOCHS):
        model.train()
        for rows in torch.randperm(len(images)).split(size):
            optimizer.zero_grad()
            cross_entropy(model(images[rows]), digits[rows]).backward()
            optimizer.step()
        model.eval()
        loss, right = 0.0, 0
        with torch.no_grad():
            for batch, wanted in zip(val_images.split(size), val_digits.split(size), strict=True):
                logits = model(batch)
                loss += cross_entropy(logits, wanted, reduction="sum").item()
                right += (logits.argmax(1) == wanted).sum().item()
        gate()


def bare_fit(config: dict[str, Any], gate: Gate) -> None:
    with without_greetings():
        import keras
        import tensorflow  # noqa: F401

    model = build(config["model"])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(build(config["optimizer"])(lr=config["lr"]), loss, metrics=["accuracy"])
    callback = keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: gate())
    images, digits = arrays(config, "train")
    model.fit(
        images,
        digits,
        batch_size=config["batch_size"],
        epochs=EPOCHS,
        verbose=0,
        validation_data=arrays(config, "val"),
        validation_batch_size=config["batch_size"],
        callbacks=[callback],
    )


SIDES = {"lightning": through_twinlib, "bare torch": bare_torch, "keras": through_twinlib, "bare fit": bare_fit}

if __name__ == "__main__":
    main()
