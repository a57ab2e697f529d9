"""What the layers of a Keras model draw at random."""

import random
from typing import Any

import numpy as np

from twinlib.training.keras_backend import keras
from twinlib.training.keras_replicas import Replicas
from twinlib.training.seeds import epoch_seed


class Draws:
    """The generators of a model (dropout and the like), in each of its copies.

    Parameters
    ----------
    model
        All generators that Keras knows count; operations of `tf.random` have states that nobody can set.
    """

    def __init__(self, model: Any, replicas: Replicas) -> None:
        weights = {id(variable) for variable in model.weights}
        states = [variable for variable in model.variables if id(variable) not in weights]
        states.append(
            keras.src.random.seed_generator.global_seed_generator().state
        )  # of layers that have none of their own
        self._replicas = replicas
        self._states = [(state, [int(word) for word in np.asarray(state.numpy())]) for state in states]

    def begin_epoch(self, seed: int, epoch: int) -> None:
        """Set all generators: what is drawn in an epoch depends on the seed, the epoch and the copy of the model."""
        replicas = self._replicas
        random.seed(epoch_seed(seed, epoch, replicas.node))
        np.random.seed(epoch_seed(seed, epoch, replicas.node))
        for state, begun in self._states:
            for number, copy in enumerate(replicas.local(state.value)):
                drawn = epoch_seed(seed, epoch, replicas.node * len(replicas.devices) + number)
                (word,) = np.random.SeedSequence([drawn, *begun]).generate_state(1)
                copy.assign([int(word) >> 1, 0])
