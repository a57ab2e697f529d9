"""Optimizers, side by side for torch and Keras: the same keys take the same steps."""
