"""Time of an epoch of the gated U-Net on the flows through twinlib against the same network in a bare PyTorch loop.

The bare loop has all flows preloaded in memory; twinlib reads and mirrors them batch by batch. An epoch is `--steps`
batches and as many of the validation split, with the same optimizer, loss and batch size. The sides are processes of
their own that take turns epoch by epoch.

    python benchmarks/flow_training.py [--epochs 9] [--steps 8]
"""

import argparse
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

Gate = Callable[[], None]
Config = dict[str, Any]


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--epochs", type=int, default=9, help="timed epochs of each side")
    options.add_argument("--steps", type=int, default=8, help="batches in an epoch")
    options.add_argument("--side", choices=SIDES, help=argparse.SUPPRESS)
    arguments = options.parse_args()
    if arguments.side:
        config = compose(["experiment=flow/unet_gated_lightning", "epochs=1000"], ROOT)
        SIDES[arguments.side](config, arguments.steps, gate)
        return
    children = {side: start(side, arguments.steps) for side in SIDES}
    for child in children.values():
        wait(child)  # until it has had its first epoch, which compiles and allocates
    seconds: dict[str, list[float]] = {side: [] for side in SIDES}
    for epoch in range(arguments.epochs):
        for side in sorted(SIDES, reverse=epoch % 2 == 1):
            began = time.perf_counter()
            children[side].stdin.write("go\n")
            children[side].stdin.flush()
            wait(children[side])
            seconds[side].append(time.perf_counter() - began)
    for child in children.values():
        child.kill()
        child.communicate()
    for side, times in seconds.items():
        print(f"{side:>10}: {statistics.median(times):.3f} s an epoch of {arguments.steps} batches and validation")
    ratio = statistics.median(
        ours / bare for ours, bare in zip(seconds["lightning"], seconds["bare torch"], strict=True)
    )
    print(f"twinlib lightning / bare torch loop: {ratio:.3f} (median of {arguments.epochs} pairs; at most 1.05)")


def start(side: str, steps: int) -> Any:
    command = [sys.executable, __file__, "--side", side, "--steps", str(steps)]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT)


def wait(child: Any) -> None:
    """Until the child has ended an epoch."""
    if not child.stdout.readline():
        sys.exit(f"a side of the benchmark ended with exit code {child.wait()}")


def gate() -> None:
    """An epoch has ended: say so and wait for the word to go on."""
    print("done", flush=True)
    if not sys.stdin.readline():
        sys.exit()


def through_twinlib(config: Config, steps: int, gate: Gate) -> None:
    class Gated:
        def epoch_begins(self, epoch: int, steps: int) -> None: ...

        def batch(self) -> None: ...

        def epoch_ends(self, row: dict[str, float]) -> None:
            gate()

    dataset = build(config["data"])
    with tempfile.TemporaryDirectory() as folder:
        build(config["trainer"])(config=config, dataset=dataset, folder=Path(folder), report=Gated(), steps=steps)


def bare_torch(config: Config, steps: int, gate: Gate) -> None:
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


SIDES: dict[str, Callable[[Config, int, Gate], None]] = {"bare torch": bare_torch, "lightning": through_twinlib}

if __name__ == "__main__":
    main()
