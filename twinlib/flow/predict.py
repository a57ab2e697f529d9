"""The flow around what somebody drew: `twin predict RUN MASK.png -o FLOW.npz`."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from twinlib.config.build import build
from twinlib.data.preprocess import Preprocess
from twinlib.errors import UserError
from twinlib.flow.channel import passable
from twinlib.flow.dataset import boundary_channels
from twinlib.flow.divergence import between_fluid, box_divergence
from twinlib.flow.signed_distance import signed_distance
from twinlib.plots.flow import field
from twinlib.predict import Twin


def predict(twin: Twin, source: Path | str, target: Path, *, threshold: float | None = None) -> str:
    """Predict the flow around the obstacles of a mask.

    Parameters
    ----------
    source
        A PNG, black the obstacles and white the fluid, the flow from left to right; or an array in a .npy file,
        shape (rows, columns), 0 the obstacles and 1 the fluid, row 0 at the bottom.
    target
        A .npz file with `velocity` (rows, columns, 2) in units of u_max, `fluid` and `sdf` (rows, columns), row 0 at
        the bottom; or a .npy file with the velocity. A picture with the same name and the ending .png goes along.
    threshold
        Makes obstacles of what is darker than this part of white; without it a PNG must be black and white.

    Returns
    -------
    One line to print.

    Raises
    ------
    UserError
        The mask cannot be read, closes the channel, has an obstacle at the inlet, or has a shape that the twin
        cannot take; or the target has another ending.
    """
    source, picture = Path(source), target.with_suffix(".png")
    if target.suffix not in (".npz", ".npy"):
        raise UserError(f"{target}: a flow goes into a .npz or a .npy file")
    if picture.resolve() == source.resolve():
        raise UserError(f"{picture} is the mask; the picture of the flow would replace it: choose another output name")
    drawn = read_mask(source, threshold)
    fluid = passable(drawn)
    sized, note = _sized(twin, fluid.shape)
    sdf = signed_distance(fluid).astype(np.float32)
    mask = fluid.astype(np.float32)
    inputs = boundary_channels(mask[None, ..., None], sdf[None, ..., None], twin.config["data"]["boundary"])
    velocity = sized.predict(inputs)[0]
    target.parent.mkdir(parents=True, exist_ok=True)
    if target.suffix == ".npy":
        np.save(target, velocity)
    else:
        np.savez(target, velocity=velocity, fluid=fluid, sdf=sdf)
    field(velocity, fluid, picture, title=f"{twin.record.folder.name}: predicted flow around {source.name}")
    leak = box_divergence(velocity[..., 0].astype(float), velocity[..., 1].astype(float)) * between_fluid(mask)
    filled = f"; {(drawn & ~fluid).sum()} cells that no flow reaches are solid" if (drawn != fluid).any() else ""
    return (
        f"flow of {fluid.shape[1]} x {fluid.shape[0]} cells in {target}, picture in {picture}: fastest "
        f"{np.hypot(*np.moveaxis(velocity, -1, 0)).max():.2f} u_max, largest divergence {np.abs(leak).max():.1e} "
        f"u_max a cell{filled}{note}"
    )


def read_mask(source: Path, threshold: float | None) -> np.ndarray:
    """True in the fluid, shape (rows, columns), row 0 at the bottom.

    Raises
    ------
    UserError
        The file is missing or no mask.
    """
    if not source.is_file():
        raise UserError(f"{source} is missing; a mask is a PNG (black obstacles on white) or a .npy file (0 and 1)")
    if source.suffix == ".npy":
        bright = _array(source)
        remedy = "0 is an obstacle, 1 is fluid"
    else:
        bright = _picture(source)
        remedy = "predict.threshold=0.5 makes obstacles of what is darker than half"
    if threshold is not None:
        return bright > threshold
    between = (bright != 0) & (bright != 1)
    if between.any():
        raise UserError(f"{source}: {between.sum()} of {between.size} pixels are neither black nor white; {remedy}")
    return bright == 1


def _array(source: Path) -> np.ndarray:
    try:
        values = np.load(source, allow_pickle=False)
    except (ValueError, OSError) as error:
        raise UserError(f"{source} is no array: {error}") from None
    if values.ndim == 3 and values.shape[-1] == 1:
        values = values[..., 0]
    if values.ndim != 2 or values.dtype.kind not in "biuf":
        raise UserError(
            f"{source}: {values.dtype} of shape {values.shape}; a mask has numbers and two axes, rows and columns"
        )
    return values.astype(float)


def _picture(source: Path) -> np.ndarray:
    """Brightness from 0 to 1, row 0 at the bottom; what is transparent is white."""
    from matplotlib.image import imread

    try:
        values = np.atleast_3d(imread(source, format="png")).astype(float)
    except (OSError, SyntaxError, ValueError):  # SyntaxError is what Pillow says of a broken PNG
        raise UserError(f"{source} is no PNG; draw the mask as a PNG or give a .npy file") from None
    colours = 1 if values.shape[-1] < 3 else 3
    grey = values[..., :colours].mean(axis=-1)
    if values.shape[-1] in (2, 4):
        grey = 1 + (grey - 1) * values[..., -1]
    return grey[::-1]


def _sized(twin: Twin, shape: tuple[int, ...]) -> tuple[Twin, str]:
    """The twin for masks of this shape, and what to say about that."""
    rows, columns, channels = twin.preprocess.field.shape
    if shape == (rows, columns):
        return twin, ""
    if abs(shape[1] / shape[0] / (columns / rows) - 1) > 0.01:
        raise UserError(
            f"mask: {shape[1]} x {shape[0]} pixels (width x height) is another aspect ratio than the twin's "
            f"{columns} x {rows}; crop or extend the channel"
        )
    field = replace(twin.preprocess.field, shape=(*shape, channels))
    config = _with_shape(twin.config, [*shape, channels])
    module = str(config["trainer"]["_target_"]).rpartition(".")[0]
    try:
        model = build({"_target_": f"{module}.predictor"}, config, twin.record.folder)
    except UserError:
        raise UserError(
            f"mask: {shape[1]} x {shape[0]} pixels (width x height); this network takes {columns} x {rows} only, "
            "a U-Net takes any size"
        ) from None
    note = f"; trained on {columns} x {rows}, no test says how good it is at another size"
    return replace(twin, preprocess=Preprocess(field, twin.preprocess.scaling), _model=model), note


def _with_shape(config: Mapping[str, Any], shape: list[int]) -> dict[str, Any]:
    return {**config, "model": {**config["model"], "input_shape": shape}}
