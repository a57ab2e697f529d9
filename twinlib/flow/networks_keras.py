"""What makes a network's output a flow, in Keras: no velocity in solids."""

from collections.abc import Callable, Sequence

import keras


def masked(input_shape: Sequence[int], network: Callable[..., keras.Model]) -> keras.Model:
    """The network's two outputs times the mask, the input's last channel: velocity is exactly 0 in solids.

    Parameters
    ----------
    input_shape
        rows, columns, channels; the last channel is 1 in the fluid, 0 in solids, and the network does not see it.
    network
        Called `network(input_shape=…, outputs=2)`.
    """
    rows, columns, channels = input_shape
    inputs = keras.Input(input_shape)
    velocity = network(input_shape=[rows, columns, channels - 1], outputs=2)(inputs[..., :-1])
    return keras.Model(inputs, velocity * inputs[..., -1:])
