"""Flows for training: the boundary in, the velocity out."""

import numpy as np

from twinlib.data.dataset import Dataset
from twinlib.data.preprocess import Preprocess
from twinlib.data.schema import Field
from twinlib.errors import UserError

BOUNDARIES = {"binary": "1 fluid, 0 solid", "sdf": "half heights of the channel"}


class Flows(Dataset):
    """Flows around obstacles, as the stage `prepare_flow` makes them.

    An input has two channels: the boundary as the network sees it, and the mask (1 fluid, 0 solid) by which a
    wrapper multiplies its output. The target is the velocity, along and across the channel, in units of u_max.

    Parameters
    ----------
    path
        Folder with one Arrow file for each split.
    boundary
        `binary`, the mask; or `sdf`, the signed distance to the obstacles in half heights of the channel.
    input_shape
        rows, columns, 2; must be that of the files.
    reflect
        Mirror half of the training flows, drawn anew in each epoch, at the middle of the channel: a symmetry of
        the equations, the channel and the inlet.

    Raises
    ------
    UserError
        The files are missing or damaged, or a parameter does not fit them.
    """

    def __init__(
        self,
        path: str,
        boundary: str,
        input_shape: list[int] | tuple[int, ...],
        reflect: bool = True,
        name: str | None = None,
    ) -> None:
        if boundary not in BOUNDARIES:
            raise UserError(f"data.boundary is {boundary}; use {' or '.join(BOUNDARIES)}")
        super().__init__(path, "fluid", "velocity", "none", [*input_shape[:2], 1], None, name)
        if list(input_shape[2:]) != [2]:
            raise UserError(f"data.input_shape is {list(input_shape)}; its last number is 2, boundary and mask")
        self.boundary = boundary
        self.reflect = reflect
        units = f"{BOUNDARIES[boundary]}, 1 fluid 0 solid"
        shape = tuple(input_shape)
        self.preprocess = Preprocess(
            Field("boundary", shape, ("row", "column", "channel"), "float32", units, names=(boundary, "fluid")), "none"
        )

    def batch(
        self, split: str, rows: np.ndarray, rng: np.random.Generator | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Inputs and velocities, both float32 of shape (n, rows, columns, 2); with an rng half of them mirrored."""
        columns = self.columns(split)
        fluid, sdf = (np.take(columns[name], rows, axis=0) for name in ("fluid", "sdf"))
        inputs = self.preprocess(boundary_channels(fluid, sdf, self.boundary))
        velocity = np.take(columns["velocity"], rows, axis=0)
        if rng is not None and self.reflect:
            mirrored = rng.random(len(rows)) < 0.5
            inputs[mirrored] = inputs[mirrored, ::-1]
            velocity[mirrored] = velocity[mirrored, ::-1] * np.array([1, -1], np.float32)
        return inputs, velocity


def boundary_channels(fluid: np.ndarray, sdf: np.ndarray, boundary: str) -> np.ndarray:
    """Inputs (n, rows, columns, 2) from the mask and the distance in cells, both (n, rows, columns, 1)."""
    seen = fluid if boundary == "binary" else sdf / np.float32(fluid.shape[1] / 2)
    return np.concatenate([seen, fluid], axis=-1)
