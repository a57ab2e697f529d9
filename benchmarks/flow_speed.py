"""Time of a predicted flow against the time to solve it, on the same cores, at equal resolution.

Predicted is from the mask on: signed distance, inputs, the network, by torch, on all cores; a network that has learned
takes as long as one that has not. The gated U-Net is the accurate one, and is timed compiled in bfloat16 as well; the
others are there for what accuracy costs. Solved are flows of the test split as the stage `solve_flow` solves them (same
Reynolds number, same tolerance, same columns behind): one flow by all cores or by one, whichever is faster, and, for
the throughput, a flow on each core. At the larger grid the same obstacles have twice as many cells each way.

    python benchmarks/flow_speed.py [--flows 4]
"""

import argparse
import statistics
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import torch
import yaml

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from twinlib.config.build import build  # noqa: E402
from twinlib.config.compose import compose  # noqa: E402
from twinlib.flow.channel import passable, solve  # noqa: E402
from twinlib.flow.dataset import boundary_channels  # noqa: E402
from twinlib.flow.signed_distance import signed_distance  # noqa: E402
from twinlib.launcher.devices import cores  # noqa: E402

BATCH = 32
NETWORKS = ("fc3", "cnn_sdf", "unet", "unet_gated")


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--flows", type=int, default=4, help="flows that are solved, at most")
    flows = options.parse_args().flows
    configs = {name: compose([f"experiment=flow/{name}_lightning"], ROOT) for name in NETWORKS}
    columns = build(configs["unet_gated"]["data"]).columns("test")
    settings = yaml.safe_load((ROOT / "params.yaml").read_text())["flow"]["solve"]
    masks = [mask[..., 0] > 0.5 for mask in columns["fluid"][:flows]]
    for factor in (1, 2):
        larger = [passable(mask.repeat(factor, axis=0).repeat(factor, axis=1)) for mask in masks]
        compare(configs, larger, columns["reynolds"][:flows, 0], settings, factor)


def compare(
    configs: dict[str, dict[str, Any]], masks: list[np.ndarray], numbers: np.ndarray, settings: Any, factor: int
) -> None:
    rows, columns = masks[0].shape
    options = {key: settings[key] for key in ("u_max", "tolerance")}
    options |= {"outflow": settings["outflow"] * factor, "steps": settings["steps"] * factor}

    def solved(mask: np.ndarray, number: float, parallel: bool) -> int:
        return solve(mask, float(number), parallel=parallel, **options).steps

    solve(masks[0][:8, :8] | True, 10.0, steps=10_000, parallel=True)  # compiles
    solve(masks[0][:8, :8] | True, 10.0, steps=10_000)
    alone = [
        min(seconds(lambda m=m, n=n, p=p: solved(m, n, p)) for p in (True, False))  # a small grid may gain nothing
        for m, n in zip(masks, numbers, strict=True)
    ]
    with ThreadPoolExecutor(cores()) as pool:  # the kernel does not hold the interpreter's lock
        together = seconds(lambda: list(pool.map(solved, masks, numbers, [False] * len(masks)))) / len(masks)

    solving = statistics.median(alone)
    print(f"{columns} x {rows} cells, {cores()} cores, {len(masks)} flows solved")
    print(f"  solved {solving:.3f} s a flow alone, {together:.3f} s a flow with one on each core", flush=True)
    torch.set_num_threads(cores())
    for name, config in configs.items():
        model = build({**config["model"], "input_shape": [rows, columns, 2]}).eval()
        ways = {name: (model, False)}
        if name == "unet_gated":
            ways[f"{name}, compiled, bfloat16"] = (torch.compile(model), True)
        for way, (called, half) in ways.items():
            one, batched = predicting(called, masks, config["data"]["boundary"], half)
            print(
                f"  {way:31} {one * 1e3:6.1f} ms alone, {batched * 1e3:6.1f} ms in a batch of {BATCH}; alone "
                f"{solving / one:4.0f} x faster (wanted: 100), in bulk {together / batched:4.0f} x",
                flush=True,
            )


def predicting(
    model: Callable[[torch.Tensor], torch.Tensor], masks: list[np.ndarray], boundary: str, half: bool
) -> tuple[float, float]:
    """Seconds a flow, alone and in a batch."""

    def predicted(some: list[np.ndarray]) -> None:
        sdf = np.stack([signed_distance(mask) for mask in some])[..., None]
        fluid = np.stack(some)[..., None].astype(np.float32)
        inputs = torch.from_numpy(boundary_channels(fluid, sdf, boundary)).movedim(-1, 1)
        with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16, enabled=half):
            model(inputs)

    many = (masks * BATCH)[:BATCH]
    for some in (masks[:1], many):
        predicted(some)  # compiles
    one = statistics.median(seconds(lambda: predicted(masks[:1])) for _ in range(20))
    batched = statistics.median(seconds(lambda: predicted(many)) for _ in range(5)) / BATCH
    return one, batched


def seconds(work: Callable[[], Any]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
