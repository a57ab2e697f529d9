"""Datasets as Arrow files: written once by a stage, memory-mapped by every run."""
