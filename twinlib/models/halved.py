"""What a network that halves an image several times asks of its input."""

from collections.abc import Sequence

from twinlib.errors import UserError

FINALS = ("tanh", "linear")


def missing(rows: int, columns: int, filters: Sequence[int]) -> tuple[int, int]:
    """Rows and columns that an image lacks so that it can be halved `len(filters) - 1` times without a remainder."""
    size = 2 ** (len(filters) - 1)
    return -rows % size, -columns % size


def require_unet(input_shape: Sequence[int], filters: Sequence[int], final: str) -> None:
    """Do the options of a U-Net fit each other?

    Raises
    ------
    UserError
        There is no filter, the first ones are fewer than the input's channels, or `final` is unknown.
    """
    if not filters:
        raise UserError("model.filters is empty: a U-Net needs at least one")
    if any(after < before for before, after in zip([input_shape[-1], *filters], filters, strict=False)):
        raise UserError(
            f"model.filters is {list(filters)}: a residual block keeps its channels or adds to them; "
            f"begin with {input_shape[-1]} (the input's channels) or more and let none be smaller than the one before"
        )
    if final not in FINALS:
        raise UserError(f"model.final is {final}; use {' or '.join(FINALS)}")
