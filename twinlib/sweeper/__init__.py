"""Sweeps whose points depend on the results so far."""
