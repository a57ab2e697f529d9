"""Declarative experiments for AI twins of scientific systems."""

from typing import Any

__version__ = "0.1.0"

# `twinlib.load` leads to a use of results, not to how they come about, and this file runs on every import of twinlib.
__code_deps__: list[str] = []
_DOORS = {"load": "twinlib.predict"}


def __getattr__(name: str) -> Any:
    """`twinlib.load(run)`, see `twinlib.predict.load`."""
    if name not in _DOORS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import importlib

    return getattr(importlib.import_module(_DOORS[name]), name)
