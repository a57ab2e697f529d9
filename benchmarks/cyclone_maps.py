"""Cyclones found on whole maps against the bare network on the same patches, ready as tensors.

Prints maps a second of both and their ratio, which is the share of the time that the network takes; report only. The
maps are random numbers on the default region, the network is the residual one, untrained.
"""

import time
from statistics import median

import numpy as np
import torch

from twinlib.cyclones.merging import found, starts
from twinlib.cyclones.residual_torch import residual
from twinlib.cyclones.targets import Target
from twinlib.data.preprocess import Preprocess
from twinlib.data.schema import Field

SHAPE = (280, 880, 4)
STRIDE = 20
BATCH_SIZE = 32
ROUNDS = 5


def main() -> None:
    names, ones = ("fg10", "msl", "t_500", "t_300"), (1.0, 1.0, 1.0, 1.0)
    dims = ("row", "column", "channel")
    field = Field("fields", (40, 40, 4), dims, "float32", "1", mean=ones, std=ones, names=names)
    preprocess, target, network = Preprocess(field, "standard"), Target("detection"), residual([40, 40, 4]).eval()
    values = np.random.default_rng(0).standard_normal(SHAPE, dtype=np.float32)
    latitude, longitude = 70 - 0.25 * np.arange(SHAPE[0]), 100 + 0.25 * np.arange(SHAPE[1])

    def run(inputs: torch.Tensor) -> np.ndarray:
        with torch.inference_mode():
            parts = inputs.split(BATCH_SIZE)
            return torch.cat([network(part) for part in parts]).numpy()

    def look(patches: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return target.decode(run(torch.from_numpy(preprocess(patches)).permute(0, 3, 1, 2)))

    count = len(starts(SHAPE[0], STRIDE)) * len(starts(SHAPE[1], STRIDE))
    ready = torch.zeros(count, 4, 40, 40).contiguous(memory_format=torch.channels_last)
    times: dict[str, list[float]] = {"bare": [], "whole map": []}
    for _ in range(ROUNDS):  # in turn, so that both meet the same noise of the machine
        started = time.perf_counter()
        run(ready)
        times["bare"].append(time.perf_counter() - started)
        started = time.perf_counter()
        found(look, values, latitude, longitude, threshold=0.5, stride=STRIDE, merge=300.0)
        times["whole map"].append(time.perf_counter() - started)
    for way, seconds in times.items():
        ratio = median(np.divide(times["bare"], seconds))
        print(f"{way:9} {count} patches  {1 / median(seconds):6.2f} maps/s  ratio {ratio:.2f}")


if __name__ == "__main__":
    main()
