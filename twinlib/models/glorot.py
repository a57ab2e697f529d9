"""Keras's initialisation for torch."""

from torch import nn


def glorot(model: nn.Module) -> nn.Module:
    """Draw weights of dense and convolution layers Glorot-uniform (Glorot & Bengio 2010, eq. 16), set biases to 0."""
    for layer in model.modules():
        if isinstance(layer, nn.Linear | nn.Conv2d | nn.ConvTranspose2d):
            nn.init.xavier_uniform_(layer.weight)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
    return model
