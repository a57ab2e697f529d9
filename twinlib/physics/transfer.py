"""Solutions that begin where an earlier run ended."""

from pathlib import Path

import torch

from twinlib.errors import UserError
from twinlib.physics.solution import Solution

NETWORK, UNKNOWN = "network.", "unknowns."


def begin_from(solution: Solution, path: Path, where: str) -> None:
    """Give a solution the network of an earlier run, and those of its unknown numbers that have the same names.

    The normalisation of inputs and outputs is part of the network: the solution is the earlier one at first, also where
    ranges or geometry differ.

    Raises
    ------
    UserError
        The file is missing, or has the weights of another model.
    """
    try:
        kept = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises whatever its reader of zip files and pickles meets
        reason = " ".join(str(error).split())[:200]
        raise UserError(f"{where}: {path} cannot be read as weights of an earlier run: {reason}") from None
    own = solution.state_dict()
    wanted = {name for name in own if name.startswith(NETWORK)}
    there = {name for name in kept if name.startswith(NETWORK)}
    if odd := sorted(wanted ^ there):
        raise UserError(
            f"{where}: {path} is of another model, {odd[0]} is in one of the two; use the model of that run"
        )
    for name in sorted(wanted):
        if kept[name].shape != own[name].shape:
            one, two = (tuple(each[name].shape) for each in (kept, own))
            raise UserError(f"{where}: {path} is of another model: {name} has the shape {one}, here {two}")
    numbers = {name for name in own if name.startswith(UNKNOWN) and name in kept}
    solution.load_state_dict({name: kept[name] if name in wanted | numbers else own[name] for name in own})
