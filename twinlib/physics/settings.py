"""Settings that come with a name in a mapping, where no signature says of which kind they are."""

from collections.abc import Sequence

from twinlib.errors import UserError

Setting = bool | int | float | Sequence[float]


def require_like(key: str, value: object, default: Setting) -> None:
    """Refuse a setting that is of another kind than its default.

    A truth value stays one, a whole number is 1 or more, any other number 0 or more. A list, of factors by which means
    forget, has as many numbers, from 0 to below 1.

    Raises
    ------
    UserError
        Names the key, the value and what would do.
    """
    if isinstance(default, bool):
        fits, words = isinstance(value, bool), "true or false"
    elif isinstance(default, int):
        fits, words = _is_number(value, int) and value >= 1, "a whole number, 1 or more"  # type: ignore[operator]
    elif isinstance(default, float):
        fits, words = _is_number(value) and value >= 0, "a number, 0 or more"  # type: ignore[operator]
    else:
        fits = isinstance(value, list | tuple) and len(value) == len(default) and all(map(_forgets, value))
        words = f"{len(default)} numbers, as {list(default)}, from 0 to below 1"
    if not fits:
        raise UserError(f"{key}={value}: give {words}")


def _is_number(value: object, kind: type = object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and isinstance(value, kind)


def _forgets(value: object) -> bool:
    return _is_number(value) and 0 <= value < 1  # type: ignore[operator]
