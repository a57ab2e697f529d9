"""Do a prediction and a target belong together? Broadcasting would hide that they do not."""

from collections.abc import Sequence

from twinlib.errors import UserError


def require_same(prediction: Sequence[int], target: Sequence[int]) -> None:
    """The shapes are equal, but for a last axis of 1 that either may leave out.

    Raises
    ------
    UserError
        They are not.
    """
    if _squeezed(prediction) != _squeezed(target):
        raise UserError(
            f"for each sample the model gives {tuple(prediction[1:])} and the target is {tuple(target[1:])}"
        )


def require_classes(prediction: Sequence[int], target: Sequence[int]) -> None:
    """The prediction has one more axis than the target, the last: a number for each class.

    Raises
    ------
    UserError
        It does not.
    """
    if tuple(prediction[:-1]) != tuple(target):
        raise UserError(
            f"for each sample the model gives {tuple(prediction[1:])} and the target is {tuple(target[1:])}: "
            "with classes the model's last axis holds one number for each class"
        )


def _squeezed(shape: Sequence[int]) -> tuple[int, ...]:
    return tuple(shape[:-1]) if len(shape) > 1 and shape[-1] == 1 else tuple(shape)
