"""From a `_target_` node of the config to the object it names: the only call of Hydra's `instantiate`."""

import importlib
import sysconfig
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

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
        A `_target_` is missing, cannot be imported, or lies outside the packages that a config may call.
    """
    refuse_foreign(node)
    for target in targets(node):
        _resolve(target)
    bound = instantiate({**node, "_partial_": True}, _convert_="all")
    if node.get("_partial_") and not (args or kwargs):
        return bound
    return bound(*args, **kwargs)


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
        Path(place).is_absolute()
        and not {"site-packages", "dist-packages"} & set(Path(place).parts)
        and not Path(place).is_relative_to(standard)
        for place in places
        if place is not None
    )
