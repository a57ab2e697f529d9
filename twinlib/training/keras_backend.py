"""Keras on TensorFlow, imported without greetings. Whoever needs one of them takes it from here."""

import os

from twinlib.training.quiet import without_greetings

# Both are read once, on import.
os.environ["KERAS_BACKEND"] = "tensorflow"
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
with without_greetings():
    import keras
    import tensorflow as tf

# The environment is written to, not read.
__code_deps__: list[str] = []
__all__ = ["keras", "tf"]
