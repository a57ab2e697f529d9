"""From a `_target_` node of the config to the object it names: the only call of Hydra's `instantiate`."""

import importlib
import sysconfig
from collections.abc import Iterator, Mapping
from pathlib import Path
from traceback import walk_tb
from typing import Any

from hydra.errors import InstantiationException
from hydra.utils import instantiate

from twinlib.errors import UserError

# A config decides what is imported, here and nowhere else: every `_target_` is a root of the code identity.
__code_deps__: list[str] = []

# Building blocks without side effects. Anything else goes through a function of the project's own.
ALLOWED = (
    "torch.nn",
    "torch.optim",
    "keras.layers",
    "keras.src.layers",
    "keras.models",
    "keras.src.models",
    "keras.Sequential",
    "keras.Input",
)
# The parts of twinlib that start processes, write files or read other configs.
FORBIDDEN = tuple(
    f"twinlib.{part}"
    for part in ("cli", "config", "follower", "identity", "predict", "processes", "run", "store", "worker")
)


def build(node: Mapping[str, Any], *args: Any, **kwargs: Any) -> Any:
    """Build what `node` names, with its other keys, `args` and `kwargs` as arguments.

    `_partial_: true` binds the node's keys only: `build(node)` is then a callable that takes the rest.

    Raises
    ------
    UserError
        A `_target_` is missing, cannot be imported, or lies outside the packages that a config may call; or what it
        names does not take the node's values.
    """
    refuse_foreign(node)
    for target in targets(node):
        _resolve(target)
    try:
        bound = instantiate({**node, "_partial_": True}, _convert_="all")
        if node.get("_partial_") and not (args or kwargs):
            return bound
        return bound(*args, **kwargs)
    except (InstantiationException, TypeError, ValueError, RuntimeError) as error:
        cause = error.__cause__ if isinstance(error, InstantiationException) and error.__cause__ else error
        if not _is_refusal(cause, alone=not (args or kwargs)):
            raise
        said = next((line.strip() for line in str(cause).splitlines() if line.strip()), type(cause).__name__)
        names = ", ".join(targets(node))
        raise UserError(f"{names}: does not take the values that the config gives: {said}") from error


def targets(tree: Any) -> Iterator[str]:
    """Every `_target_` in a config tree, outermost first."""
    if isinstance(tree, Mapping):
        if "_target_" in tree:
            yield str(tree["_target_"])
        for value in tree.values():
            yield from targets(value)
    elif isinstance(tree, list | tuple):
        for value in tree:
            yield from targets(value)


def refuse_foreign(tree: Any) -> None:
    """Refuse a config tree with a `_target_` outside the packages that a config may call; nothing of it is imported.

    Raises
    ------
    UserError
        Names the `_target_`.
    """
    for target in targets(tree):
        _refuse_unless_allowed(target, target)


def _is_refusal(error: BaseException, alone: bool) -> bool:
    """Whether arguments were refused by the signature of a target, or by a package that the target hands them to.

    The latter only where they came from the config alone. An error that comes up deeper in code of the project's own
    may be a bug: it keeps its traceback.
    """
    called = [
        frame.f_code.co_filename
        for frame, _ in walk_tb(error.__traceback__)
        if frame.f_globals is not globals() and frame.f_globals.get("__name__", "").split(".")[0] != "hydra"
    ]
    if not called:
        return isinstance(error, TypeError)
    # The target itself may be the project's; then the package it has called.
    below = called if _is_installed(called[0]) else called[1:]
    return (
        alone
        and isinstance(error, TypeError | ValueError | RuntimeError)
        and bool(below)
        and all(map(_is_installed, below))
    )


def _is_installed(file: str) -> bool:
    return bool({"site-packages", "dist-packages"} & set(Path(file).parts))


def _resolve(target: str) -> Any:
    found, missing = _import(target)
    if missing is not None:
        raise UserError(f"_target_: {target} cannot be found: {missing}")
    # `twinlib.models.os.system` begins with an allowed name and ends elsewhere: ask where the object itself is from.
    home = getattr(found, "__module__", None) or getattr(found, "__name__", "")
    _refuse_unless_allowed(f"{home}.{getattr(found, '__qualname__', '')}", target)
    if not callable(found):
        raise UserError(f"_target_: {target} is no class or function")
    return found


def _import(target: str) -> tuple[Any, str | None]:
    parts = target.split(".")
    if any(not part.isidentifier() or part.startswith("_") for part in parts):
        return None, "a dotted path of public names is needed"
    for end in range(len(parts) - 1, 0, -1):
        name = ".".join(parts[:end])
        try:
            found = importlib.import_module(name)
        except ModuleNotFoundError as error:
            if error.name and (name == error.name or name.startswith(error.name + ".")):
                continue
            raise
        for part in parts[end:]:
            if not hasattr(found, part):
                return None, f"{name} has no {part}"
            found = getattr(found, part)
        return found, None
    return None, f"there is no module {parts[0]}"


def _refuse_unless_allowed(name: str, target: str) -> None:
    if _under(name, FORBIDDEN) or not (_under(name, ALLOWED) or _is_own(name.split(".")[0])):
        raise UserError(
            f"_target_: {target} is outside the packages that a config may call; "
            "write a function in your project that returns what you need, and name that"
        )


def _under(name: str, prefixes: tuple[str, ...]) -> bool:
    return any(name == prefix or name.startswith(prefix + ".") for prefix in prefixes)


def _is_own(package: str) -> bool:
    """Whether a top-level package is twinlib or the user's own code: neither installed nor Python's."""
    if package == "twinlib":
        return True
    try:
        spec = importlib.util.find_spec(package)
    except (ImportError, ValueError):
        spec = None
    if spec is None:
        return package not in ("builtins", "")  # not there at all: the import says so
    places = [spec.origin] if spec.origin else list(spec.submodule_search_locations or [])
    standard = Path(sysconfig.get_paths()["stdlib"])
    return bool(places) and all(
        Path(place).is_absolute() and not _is_installed(place) and not Path(place).is_relative_to(standard)
        for place in places
        if place is not None
    )
