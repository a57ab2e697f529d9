"""Losses, side by side for torch and Keras: the model's raw output and the target give one number a sample."""
