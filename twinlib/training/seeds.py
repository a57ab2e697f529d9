"""Seeds of the random generators that a training draws from."""

import numpy as np

# Beside the epochs' shuffles, which `twinlib.data.order` takes from the same seed: these are others.
_DRAWS = 1


def epoch_seed(seed: int, epoch: int, rank: int = 0) -> int:
    """A seed for all generators of one process (dropout and the like) in one epoch, in [0, 2**32).

    Set at the beginning of each epoch, it makes an epoch's draws a function of these three numbers, so that a training
    may go on from any epoch without the states of its generators.
    """
    (word,) = np.random.SeedSequence(seed, spawn_key=(epoch, rank, _DRAWS)).generate_state(1)
    return int(word)
