"""Declarative experiments for AI twins of scientific systems."""

__version__ = "0.1.0"
